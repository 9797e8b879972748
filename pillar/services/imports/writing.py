"""Clean rows -> customers with their person and place: a few statements for a whole chunk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

from sqlalchemy import insert, select

from pillar.extensions import db
from pillar.models.customer import (
    Contact,
    Customer,
    CustomerContact,
    CustomerKind,
    CustomerStatus,
    InternalNote,
    Phone,
    PortalAccess,
    ServiceLocation,
    address_line,
)
from pillar.phones import PhoneParts
from pillar.search_words import indexed
from pillar.services.customer_parts import DIGITS_LENGTH, FIRST_CONTACT_ROLES
from pillar.services.customers import MAX_TAGS
from pillar.services.imports.fingerprints import fingerprint
from pillar.services.imports.known import sort_name
from pillar.services.imports.tidying import CleanRow, Place
from pillar.text import fold
from pillar.tokens import public_id

SOURCE = "Import"
NOTE_AUTHOR = "Import"


@dataclass(slots=True, eq=False)
class _Person:
    """Somebody of one or several rows. `id` and the first `stored` phones are in the database."""

    name: str
    email: str
    phones: dict[str, PhoneParts] = field(default_factory=dict)
    access: PortalAccess = PortalAccess.FULL
    id: int | None = None
    stored: int = 0

    def values(self) -> dict[str, Any]:
        """The contact's row."""
        return {"name": self.name, "email": self.email, "portal_access": self.access}


@dataclass(slots=True)
class _Household:
    """Who speaks for one row: everybody, those that this row makes, and the numbers it adds to others."""

    people: list[_Person] = field(default_factory=list)
    own: list[_Person] = field(default_factory=list)
    own_phones: list[PhoneParts] = field(default_factory=list)
    added: list[tuple[_Person, PhoneParts]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Made:
    """A customer that a row made, with what undoing it takes."""

    customer_id: int
    undo: dict[str, Any]
    fingerprint: str


def write_customers(rows: Sequence[CleanRow]) -> list[Made]:
    """Insert the rows as customers, in the same order."""
    if not rows:
        return []
    households = _households(rows)
    customers = [_customer(row, theirs.people) for row, theirs in zip(rows, households, strict=True)]
    customer_ids = _ids(Customer, customers)
    _write_people([theirs.people for theirs in households])
    made, links, places, notes = [], [], [], []
    for customer_id, values, row, theirs in zip(customer_ids, customers, rows, households, strict=True):
        own_links = [_link(customer_id, person, n) for n, person in enumerate(theirs.people, start=1)]
        own_places = [_place(customer_id, place) for place in row.places]
        own_notes = [_note(customer_id, row.notes)] if row.notes else []
        links += own_links
        places += own_places
        notes += own_notes
        made.append(
            Made(customer_id, _undo(theirs), _fingerprint(values, theirs, own_links, own_places, own_notes))
        )
    _insert(CustomerContact, links)
    _insert(ServiceLocation, places)
    _insert(InternalNote, notes)
    return made


def _undo(theirs: _Household) -> dict[str, Any]:
    undo: dict[str, Any] = {"contacts": [person.id for person in theirs.own]}
    if theirs.added:
        undo["phones"] = [[person.id, phone.e164, phone.raw] for person, phone in theirs.added]
    return undo


def _fingerprint(
    values: dict[str, Any],
    theirs: _Household,
    links: Sequence[dict[str, Any]],
    places: Sequence[dict[str, Any]],
    notes: Sequence[dict[str, Any]],
) -> str:
    return fingerprint(
        (
            (Customer, [values]),
            (Contact, [person.values() for person in theirs.own]),
            (Phone, [phone_values(phone) for phone in theirs.own_phones]),
            (CustomerContact, links),
            (ServiceLocation, places),
            (InternalNote, notes),
        )
    )


def _households(rows: Sequence[CleanRow]) -> list[_Household]:
    """Who speaks for each row. One name with one e-mail is one person, here and in the database."""
    known = _known_people(rows)
    taken = {person.email for person in known.values() if person.access is not PortalAccess.NONE}
    return [_household(row, known, taken) for row in rows]


def _household(row: CleanRow, known: dict[tuple[str, str], _Person], taken: set[str]) -> _Household:
    theirs = _Household()
    if not (row.emails or row.phones or row.person or not row.is_company):
        return theirs
    named = [(row.name if not row.is_company else row.person, row.emails[:1])]
    for name, emails in (*named, *(("", (email,)) for email in row.emails[1:])):
        person, is_new = _person(known, taken, name, emails)
        theirs.people.append(person)
        if is_new:
            theirs.own.append(person)
    first = theirs.people[0]
    for phone in row.phones:
        if (phone.e164 or phone.raw) in first.phones:
            continue
        first.phones[phone.e164 or phone.raw] = phone
        if first in theirs.own:
            theirs.own_phones.append(phone)
        else:
            theirs.added.append((first, phone))
    return theirs


def _person(
    known: dict[tuple[str, str], _Person], taken: set[str], name: str, emails: Sequence[str]
) -> tuple[_Person, bool]:
    """The person with this name and e-mail, and whether the row makes it."""
    email = emails[0] if emails else ""
    if email and (met := known.get((fold(name), email))):
        return met, False
    # Signing in with an e-mail must mean one person.
    person = _Person(name, email, access=PortalAccess.NONE if email in taken else PortalAccess.FULL)
    if email:
        known[fold(name), email] = person
        taken.add(email)
    return person, True


def _known_people(rows: Sequence[CleanRow]) -> dict[tuple[str, str], _Person]:
    emails = sorted({email for row in rows for email in row.emails})
    if not emails:
        return {}
    # Sorted here: asked for in the order of their keys, SQLite reads every contact of the company.
    found = db.session.scalars(select(Contact).where(Contact.email.in_(emails), Contact.deleted_at.is_(None)))
    contacts = sorted(found, key=lambda contact: contact.id, reverse=True)
    live = _who_speak(contact.id for contact in contacts)
    return {
        (fold(contact.name), contact.email): _Person(
            contact.name,
            contact.email,
            {phone.e164 or phone.raw: PhoneParts(phone.raw, phone.e164) for phone in contact.phones},
            contact.portal_access,
            contact.id,
            len(contact.phones),
        )
        for contact in contacts
        if contact.id in live
    }


def _who_speak(contact_ids: Iterable[int]) -> set[int]:
    """Those who speak for a customer that is there, as `customer_parts.is_live` has it; by keys alone."""
    ids = sorted(contact_ids)
    if not ids:
        return set()
    links = select(CustomerContact.contact_id, CustomerContact.customer_id)
    spoken = db.session.execute(links.where(CustomerContact.contact_id.in_(ids))).all()
    customers = select(Customer.id, Customer.deleted_at).where(Customer.id.in_({row[1] for row in spoken}))
    there = {row_id for row_id, deleted_at in db.session.execute(customers) if deleted_at is None}
    return {contact_id for contact_id, customer_id in spoken if customer_id in there}


def _write_people(people: Sequence[Sequence[_Person]]) -> None:
    everybody = list({id(person): person for theirs in people for person in theirs}.values())
    met = [person.id for person in everybody if person.id and len(person.phones) > person.stored]
    new = [person for person in everybody if person.id is None]
    for person, contact_id in zip(new, _ids(Contact, [person.values() for person in new]), strict=True):
        person.id = contact_id
    _insert(Phone, [phone for person in everybody for phone in _new_phones(person)])
    if met:
        _reindex(met)


def _new_phones(person: _Person) -> list[dict[str, Any]]:
    return [
        {"contact_id": person.id, "position": position, **phone_values(phone)}
        for position, phone in enumerate(person.phones.values())
        if position >= person.stored
    ]


def phone_values(phone: PhoneParts) -> dict[str, Any]:
    """A number's row, but for whose it is."""
    return {"raw": phone.raw, "e164": phone.e164, "digits": phone.digits[:DIGITS_LENGTH]}


def _reindex(contact_ids: Sequence[int]) -> None:
    """Customers who were here before are found by the new numbers of their person, too."""
    db.session.expire_all()
    links = select(CustomerContact.customer_id).where(CustomerContact.contact_id.in_(contact_ids))
    for customer in db.session.scalars(select(Customer).where(Customer.id.in_(links))):
        customer.reindex()
    db.session.flush()


def _customer(row: CleanRow, people: Sequence[_Person]) -> dict[str, Any]:
    lines = [address_line(*astuple(place.address)) for place in row.places]
    return {
        "kind": CustomerKind.COMPANY if row.is_company else CustomerKind.PERSON,
        "status": CustomerStatus.INACTIVE if row.is_inactive else CustomerStatus.ACTIVE,
        "display_name": row.name,
        "billing_street": row.billing.street,
        "billing_city": row.billing.city,
        "billing_state": row.billing.state,
        "billing_postal_code": row.billing.postal_code,
        "tags": list(row.tags)[:MAX_TAGS],
        "source": SOURCE,
        "external_id": row.external_id,
        "sort_name": sort_name(row.name),
        # As Customer.reindex does it from rows.
        "search_text": indexed(
            [row.name, *row.tags[:MAX_TAGS], *(person.name for person in people), *lines],
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


def _place(customer_id: int, place: Place) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "label": place.label,
        "street": place.address.street,
        "city": place.address.city,
        "state": place.address.state,
        "postal_code": place.address.postal_code,
        "access_notes": place.access_notes,
        "latitude": place.latitude,
        "longitude": place.longitude,
    }


def _note(customer_id: int, body: str) -> dict[str, Any]:
    # As InternalNote does it from its body.
    return {"customer_id": customer_id, "author": NOTE_AUTHOR, "body": body, "search_text": indexed([body])}


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
