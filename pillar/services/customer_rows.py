"""What a list shows of its customers, as plain values: whole objects of a page would cost more than everything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from pillar.extensions import db
from pillar.models.customer import (
    Contact,
    Customer,
    CustomerContact,
    CustomerKind,
    CustomerStatus,
    Phone,
    ServiceLocation,
    address_line,
)
from pillar.phones import display
from pillar.services.word_search import narrowed_to


class ListedPlace(NamedTuple):
    """A place of work."""

    street: str
    city: str
    state: str
    postal_code: str

    @property
    def address(self) -> str:
        """In one line."""
        return address_line(*self)


@dataclass(slots=True)
class ListedCustomer:
    """One customer, with its people's e-mails and numbers and its live places, the first ones first."""

    id: int
    tenant_id: int
    public_id: str
    display_name: str
    kind: CustomerKind
    status: CustomerStatus
    tags: list[str]
    source: str
    external_id: str
    created_at: datetime
    deleted_at: datetime | None
    billing: ListedPlace
    emails: list[str] = field(default_factory=list)
    phones: list[str] = field(default_factory=list)
    places: list[ListedPlace] = field(default_factory=list)


def listed(customer_ids: Sequence[int]) -> list[ListedCustomer]:
    """These customers, in this order: three queries."""
    query = select(
        Customer.id,
        Customer.tenant_id,
        Customer.public_id,
        Customer.display_name,
        Customer.kind,
        Customer.status,
        Customer.tags,
        Customer.source,
        Customer.external_id,
        Customer.created_at,
        Customer.deleted_at,
        Customer.billing_street,
        Customer.billing_city,
        Customer.billing_state,
        Customer.billing_postal_code,
    )
    rows = db.session.execute(narrowed_to(query, Customer, customer_ids))
    found = {row[0]: ListedCustomer(*row[:11], ListedPlace(*row[11:])) for row in rows}
    _add_ways(found)
    _add_places(found)
    return [found[each] for each in customer_ids if each in found]


def _add_ways(found: dict[int, ListedCustomer]) -> None:
    query = (
        select(CustomerContact.customer_id, Contact.email, Phone.e164, Phone.raw)
        .join(Contact, Contact.id == CustomerContact.contact_id)
        .outerjoin(Phone, Phone.contact_id == Contact.id)
        .where(CustomerContact.customer_id.in_(found), Contact.deleted_at.is_(None))
        .order_by(CustomerContact.position, CustomerContact.id, Phone.position)
    )
    for customer_id, email, e164, raw in db.session.execute(query):
        one = found[customer_id]
        if email and email not in one.emails:
            one.emails.append(email)
        if raw:
            one.phones.append(display(e164) if e164 else raw)


def _add_places(found: dict[int, ListedCustomer]) -> None:
    query = select(
        ServiceLocation.id,
        ServiceLocation.customer_id,
        ServiceLocation.street,
        ServiceLocation.city,
        ServiceLocation.state,
        ServiceLocation.postal_code,
    ).where(ServiceLocation.customer_id.in_(found), ServiceLocation.deleted_at.is_(None))
    # Ordered here: asked for the order, SQLite would walk all places of the company in it.
    for _place_id, customer_id, *parts in sorted(map(tuple, db.session.execute(query))):
        found[customer_id].places.append(ListedPlace(*parts))
