"""Is somebody like this here already? Asked before a customer is made (6.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload
from sqlalchemy.sql import Select

from pillar import emails, phones
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.customer import Contact, Customer, CustomerContact, Phone, ServiceLocation
from pillar.services.customer_parts import ContactInput, LocationInput
from pillar.text import clean_line, fold

MOST = 5
_SAME_NAMES = 50
_SORT_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Lookalike:
    """Somebody who is here already, and what is the same."""

    customer: Customer
    reason: str


def lookalikes(
    name: str, contact: ContactInput | None = None, location: LocationInput | None = None
) -> list[Lookalike]:
    """Live customers with the same e-mail, the same phone, or the same name at the same address or ZIP code."""
    found: dict[int, Lookalike] = {}
    for reason, customers in _same(clean_line(name), contact, location):
        for customer in customers:
            found.setdefault(customer.id, Lookalike(customer, reason))
    return list(found.values())[:MOST]


def _same(
    name: str, contact: ContactInput | None, location: LocationInput | None
) -> Iterator[tuple[str, Sequence[Customer]]]:
    if contact is not None:
        if email := _email(contact.email):
            yield "the same email", _ask(_through_contacts().where(Contact.email == email))
        numbers = _numbers(contact)
        if numbers:
            has = select(Phone.contact_id).where(Phone.e164.in_(numbers))
            yield "the same phone number", _ask(_through_contacts().where(Contact.id.in_(has)))
    namesakes = _namesakes(name)
    if location is not None and (location.street or location.postal_code):
        near = [each for each in namesakes if any(_is_near(place, location) for place in each.live_locations)]
        yield "the same name and address", near
    elif contact is None or not (_email(contact.email) or _numbers(contact)):
        # With nothing else to go by, the name alone is worth a look.
        yield "the same name", namesakes


def _through_contacts() -> Select[Any]:
    return (
        _live()
        .join(CustomerContact, CustomerContact.customer_id == Customer.id)
        .join(Contact, Contact.id == CustomerContact.contact_id)
        .where(Contact.deleted_at.is_(None))
    )


def _namesakes(name: str) -> Sequence[Customer]:
    if not name:
        return ()
    return _ask(_live().where(Customer.sort_name == fold(name)[:_SORT_LENGTH]), _SAME_NAMES)


def _live() -> Select[Any]:
    return select(Customer).where(Customer.deleted_at.is_(None)).options(selectinload(Customer.locations))


def _ask(query: Select[Any], limit: int = MOST) -> Sequence[Customer]:
    return db.session.scalars(query.order_by(Customer.id).limit(limit)).unique().all()


def _is_near(place: ServiceLocation, typed: LocationInput) -> bool:
    if typed.street and _bare(place.street) == _bare(typed.street):
        return True
    return bool(typed.postal_code) and place.postal_code[:5] == clean_line(typed.postal_code)[:5]


def _bare(text: str) -> str:
    return "".join(char for char in fold(clean_line(text)) if char.isalnum())


def _email(typed: str) -> str:
    try:
        return emails.normalized(typed) if clean_line(typed) else ""
    except RuleViolation:
        return ""


def _numbers(contact: ContactInput) -> set[str]:
    return {e164 for raw, _kind in contact.phones if (e164 := phones.parse(raw).e164)}
