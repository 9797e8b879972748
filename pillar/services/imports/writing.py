"""Clean rows -> customers with their person and place: a few statements for a whole chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select

from pillar.extensions import db
from pillar.models.customer import (
    Contact,
    Customer,
    CustomerContact,
    CustomerKind,
    Phone,
    PortalAccess,
    ServiceLocation,
    address_line,
)
from pillar.phones import PhoneParts
from pillar.search_words import indexed
from pillar.services.customer_parts import DIGITS_LENGTH, FIRST_CONTACT_ROLES
from pillar.services.imports.matching import sort_name
from pillar.services.imports.tidying import CleanRow
from pillar.text import fold
from pillar.tokens import public_id

SOURCE = "Import"


@dataclass(slots=True)
class _Person:
    """Somebody of one or several rows. `id` and the first `stored` phones are in the database."""

    name: str
    email: str
    phones: dict[str, PhoneParts] = field(default_factory=dict)
    access: PortalAccess = PortalAccess.FULL
    id: int | None = None
    stored: int = 0


def write_customers(rows: Sequence[CleanRow]) -> list[int]:
    """Insert the rows as customers; their row ids in the same order."""
    if not rows:
        return []
    people = _people(rows)
    customer_ids = _ids(Customer, [_customer(row, theirs) for row, theirs in zip(rows, people, strict=True)])
    _write_people(people)
    links = [
        _link(customer_id, person, position)
        for customer_id, theirs in zip(customer_ids, people, strict=True)
        for position, person in enumerate(theirs, start=1)
    ]
    _insert(CustomerContact, links)
    placed = [(row_id, row) for row_id, row in zip(customer_ids, rows, strict=True) if row.service]
    _insert(ServiceLocation, [_place(row_id, row) for row_id, row in placed])
    return customer_ids


def _people(rows: Sequence[CleanRow]) -> list[list[_Person]]:
    """Who speaks for each row. One name with one e-mail is one person, here and in the database."""
    known = _known_people(rows)
    taken = {person.email for person in known.values() if person.access is not PortalAccess.NONE}
    people = []
    for row in rows:
        theirs = [_person(known, taken, row.name if not row.is_company else row.person, row.emails[:1])]
        theirs[0].phones.update({phone.e164 or phone.raw: phone for phone in row.phones})
        theirs += [_person(known, taken, "", (email,)) for email in row.emails[1:]]
        people.append(theirs if row.emails or row.phones or row.person or not row.is_company else [])
    return people


def _person(
    known: dict[tuple[str, str], _Person], taken: set[str], name: str, emails: Sequence[str]
) -> _Person:
    email = emails[0] if emails else ""
    person = known.get((fold(name), email)) if email else None
    if person is None:
        # Signing in with an e-mail must mean one person.
        person = _Person(name, email, access=PortalAccess.NONE if email in taken else PortalAccess.FULL)
    if email:
        known[fold(name), email] = person
        taken.add(email)
    return person


def _known_people(rows: Sequence[CleanRow]) -> dict[tuple[str, str], _Person]:
    emails = sorted({email for row in rows for email in row.emails})
    if not emails:
        return {}
    query = select(Contact).where(Contact.email.in_(emails), Contact.deleted_at.is_(None))
    return {
        (fold(contact.name), contact.email): _Person(
            contact.name,
            contact.email,
            {phone.e164 or phone.raw: PhoneParts(phone.raw, phone.e164) for phone in contact.phones},
            contact.portal_access,
            contact.id,
            len(contact.phones),
        )
        for contact in db.session.scalars(query.order_by(Contact.id.desc()))
    }


def _write_people(people: Sequence[Sequence[_Person]]) -> None:
    everybody = list({id(person): person for theirs in people for person in theirs}.values())
    met = [person.id for person in everybody if person.id and len(person.phones) > person.stored]
    new = [person for person in everybody if person.id is None]
    rows = [{"name": person.name, "email": person.email, "portal_access": person.access} for person in new]
    for person, contact_id in zip(new, _ids(Contact, rows), strict=True):
        person.id = contact_id
    _insert(Phone, [phone for person in everybody for phone in _new_phones(person)])
    if met:
        _reindex(met)


def _new_phones(person: _Person) -> list[dict[str, Any]]:
    return [
        {
            "contact_id": person.id,
            "position": position,
            "raw": phone.raw,
            "e164": phone.e164,
            "digits": phone.digits[:DIGITS_LENGTH],
        }
        for position, phone in enumerate(person.phones.values())
        if position >= person.stored
    ]


def _reindex(contact_ids: Sequence[int]) -> None:
    """Customers who were here before are found by the new numbers of their person, too."""
    db.session.expire_all()
    links = select(CustomerContact.customer_id).where(CustomerContact.contact_id.in_(contact_ids))
    for customer in db.session.scalars(select(Customer).where(Customer.id.in_(links))):
        customer.reindex()
    db.session.flush()


def _customer(row: CleanRow, people: Sequence[_Person]) -> dict[str, Any]:
    service = row.service
    line = address_line(service.street, service.city, service.state, service.postal_code)
    return {
        "kind": CustomerKind.COMPANY if row.is_company else CustomerKind.PERSON,
        "display_name": row.name,
        "billing_street": row.billing.street,
        "billing_city": row.billing.city,
        "billing_state": row.billing.state,
        "billing_postal_code": row.billing.postal_code,
        "tags": list(row.tags),
        "source": SOURCE,
        "external_id": row.external_id,
        "sort_name": sort_name(row.name),
        # As Customer.reindex does it from rows.
        "search_text": indexed(
            [row.name, *row.tags, *(person.name for person in people), line],
            emails=[person.email for person in people],
            phones=[phone.digits[:DIGITS_LENGTH] for person in people for phone in person.phones.values()],
        ),
    }


def _link(customer_id: int, person: _Person, position: int) -> dict[str, Any]:
    roles = FIRST_CONTACT_ROLES if position == 1 else ()
    return {
        "customer_id": customer_id,
        "contact_id": person.id,
        "position": position,
        **{f"is_{role}": role in roles for role in CustomerContact.ROLES},
    }


def _place(customer_id: int, row: CleanRow) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "street": row.service.street,
        "city": row.service.city,
        "state": row.service.state,
        "postal_code": row.service.postal_code,
        "latitude": row.latitude,
        "longitude": row.longitude,
    }


def _ids(model: type[Any], rows: list[dict[str, Any]]) -> list[int]:
    """Insert the rows; their keys in the same order."""
    if not rows:
        return []
    # Asked to return keys in the order of the rows, SQLAlchemy inserts one row at a time on SQLite.
    names = [public_id() for _row in rows]
    named = [{**row, "public_id": name} for row, name in zip(rows, names, strict=True)]
    made = db.session.execute(insert(model).returning(model.public_id, model.id), named)
    keys: dict[str, int] = {name: key for name, key in made}  # noqa: C416 - a result is no sequence of pairs
    return [keys[name] for name in names]


def _insert(model: type[Any], rows: list[dict[str, Any]]) -> None:
    if rows:
        db.session.execute(insert(model), rows)
