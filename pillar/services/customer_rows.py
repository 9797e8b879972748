"""What a list shows of its customers, as plain values: whole objects of a page would cost more than everything else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, bindparam, select

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
    billing_street: str
    billing_city: str
    billing_state: str
    billing_postal_code: str
    emails: list[str] = field(default_factory=list)
    phones: list[str] = field(default_factory=list)
    places: list[ListedPlace] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where they are: the first place that has an address, else the billing address."""
        billing = (self.billing_street, self.billing_city, self.billing_state, self.billing_postal_code)
        return next((place.address for place in self.places if place.address), address_line(*billing))


# Made once: putting such a statement together takes longer than running it.
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_CUSTOMERS = narrowed_to(
    select(
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
    ),
    Customer,
    _IDS,
)
_WAYS = (
    select(CustomerContact.customer_id, Contact.email, Phone.e164, Phone.raw)
    .join(Contact, Contact.id == CustomerContact.contact_id)
    .outerjoin(Phone, Phone.contact_id == Contact.id)
    .where(CustomerContact.customer_id.in_(_IDS), Contact.deleted_at.is_(None))
    .order_by(CustomerContact.position, CustomerContact.id, Phone.position)
)
# Without an order: asked for it, SQLite would walk all places of the company in it.
_PLACES = select(
    ServiceLocation.id,
    ServiceLocation.customer_id,
    ServiceLocation.street,
    ServiceLocation.city,
    ServiceLocation.state,
    ServiceLocation.postal_code,
).where(ServiceLocation.customer_id.in_(_IDS), ServiceLocation.deleted_at.is_(None))


def listed(customer_ids: Sequence[int]) -> list[ListedCustomer]:
    """These customers, in this order: three queries."""
    if not customer_ids:
        return []
    ids = {"ids": list(customer_ids)}
    rows: Iterable[Any] = db.session.execute(_CUSTOMERS, ids)
    found = {row[0]: ListedCustomer(*row) for row in rows}
    for customer_id, email, e164, raw in db.session.execute(_WAYS, ids):
        one = found[customer_id]
        if email and email not in one.emails:
            one.emails.append(email)
        if raw:
            one.phones.append(display(e164) if e164 else raw)
    places: list[Any] = sorted(map(tuple, db.session.execute(_PLACES, ids)))
    for _place_id, customer_id, *parts in places:
        found[customer_id].places.append(ListedPlace(*parts))
    return [found[each] for each in customer_ids if each in found]
