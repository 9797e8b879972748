"""A row's changes on customers who are here, with what undoing them takes.

Undo keeps for every value that was set what stood there and what stands there now, and for every row that was added
what it looked like.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

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
)
from pillar.models.imports import ImportBatch, ImportRow, Verdict
from pillar.phones import PhoneParts
from pillar.services.customer_parts import FIRST_CONTACT_ROLES, has_portal_email
from pillar.services.imports.fingerprints import fingerprint, row_digest
from pillar.services.imports.judging import Judged
from pillar.services.imports.known import Changes, place_sign
from pillar.services.imports.tidying import Address, CleanRow
from pillar.services.imports.writing import phone_values

_BILLING = ("billing_street", "billing_city", "billing_state", "billing_postal_code")
_PARTS = ("street", "city", "state", "postal_code")


class _Undo:
    """The record of one row's changes."""

    def __init__(self) -> None:
        self.set: list[list[Any]] = []
        self._added: list[tuple[str, Any]] = []

    def change(self, row: Any, name: str, value: Any) -> None:
        """Set a value and remember the one before."""
        before = getattr(row, name)
        if before != value:
            setattr(row, name, value)
            self.set.append([row.__tablename__, row.id, name, before, value])

    def add(self, kind: str, row: Any) -> None:
        """Remember a row that is new."""
        self._added.append((kind, row))

    def as_json(self) -> dict[str, Any]:
        """After the flush that gave the new rows their keys."""
        added = [[kind, row.id, row_digest(type(row), row)] for kind, row in self._added]
        return {"set": self.set, "new": added}


def apply_updates(batch: ImportBatch, judged: Sequence[Judged]) -> dict[int, dict[str, Any]]:
    """Write the changes of these rows; by the row's number what undoing it takes."""
    if not judged:
        return {}
    customers = load_customers([one.known.id for one in judged if one.known and one.known.id])
    undos: dict[int, _Undo] = {}
    for one in judged:
        if one.known and one.changes and one.row.clean:
            undo = undos[one.row.number] = _Undo()
            _apply(customers[one.known.id or 0], one.changes, one.row.clean, undo)
    db.session.flush()
    reindex(customers)
    made = {number: undo.as_json() for number, undo in undos.items()}
    _look_again(batch, customers)
    return made


def load_customers(ids: Iterable[int]) -> dict[int, Customer]:
    """Customers with everything an import may touch, locked, in one order."""
    query = (
        select(Customer)
        .where(Customer.id.in_(sorted(set(ids))))
        .options(
            selectinload(Customer.contact_links)
            .joinedload(CustomerContact.contact)
            .selectinload(Contact.phones),
            selectinload(Customer.locations),
            selectinload(Customer.notes),
        )
        .order_by(Customer.id)
        .execution_options(populate_existing=True)
    )
    return {customer.id: customer for customer in db.session.scalars(query.with_for_update(of=Customer))}


def reindex(customers: dict[int, Customer]) -> None:
    """Rebuild what search reads, also of other customers whom the same people speak for."""
    people = sorted({link.contact_id for customer in customers.values() for link in customer.contact_links})
    links = select(CustomerContact.customer_id).where(CustomerContact.contact_id.in_(people))
    others = load_customers(set(db.session.scalars(links)) - set(customers))
    for customer in (*customers.values(), *others.values()):
        customer.reindex()
    db.session.flush()


def _apply(customer: Customer, changes: Changes, row: CleanRow, undo: _Undo) -> None:
    if changes.external_id:
        undo.change(customer, "external_id", changes.external_id)
    if changes.billing:
        _address(customer, _BILLING, changes.billing, undo)
    if changes.tags:
        undo.change(customer, "tags", [*customer.tags, *changes.tags])
    if changes.is_inactive is not None:
        status = CustomerStatus.INACTIVE if changes.is_inactive else CustomerStatus.ACTIVE
        undo.change(customer, "status", status)
    for place in customer.live_locations:
        _place(place, changes, undo)
    for new in changes.new_places:
        place = ServiceLocation(label=new.label, access_notes=new.access_notes)
        _address(place, _PARTS, new.address, _Undo())
        place.latitude, place.longitude = new.latitude, new.longitude
        customer.locations.append(place)
        undo.add("place", place)
    if changes.contact_name or changes.email or changes.phones:
        _person(customer, changes, row, undo)


def _address(row: Any, names: Sequence[str], address: Address, undo: _Undo) -> None:
    values = (address.street, address.city, address.state, address.postal_code)
    for name, value in zip(names, values, strict=True):
        undo.change(row, name, value)


def _place(place: ServiceLocation, changes: Changes, undo: _Undo) -> None:
    here = Address(place.street, place.city, place.state, place.postal_code)
    if better := changes.places.get(place_sign(here)):
        _address(place, _PARTS, better.address, undo)
        undo.change(place, "latitude", better.latitude)
        undo.change(place, "longitude", better.longitude)


def _person(customer: Customer, changes: Changes, row: CleanRow, undo: _Undo) -> None:
    contacts = customer.contacts
    contact = contacts[0] if contacts else _new_contact(customer, undo)
    set_by = _Undo() if not contacts else undo
    if changes.contact_name and (contacts or customer.kind is CustomerKind.PERSON or row.person):
        set_by.change(contact, "name", changes.contact_name)
    # Signing in with an e-mail must mean one person: one that opens somebody else's portal is left out.
    if changes.email and not has_portal_email(changes.email, besides=contact.id):
        set_by.change(contact, "email", changes.email)
    for phone in row.phones:
        if (phone.e164 or phone.raw) in changes.phones:
            _phone(contact, phone, undo)


def _phone(contact: Contact, parts: PhoneParts, undo: _Undo) -> None:
    position = max((phone.position for phone in contact.phones), default=-1) + 1
    phone = Phone(position=position, **phone_values(parts))
    contact.phones.append(phone)
    undo.add("phone", phone)


def _new_contact(customer: Customer, undo: _Undo) -> Contact:
    contact = Contact(name="", email="", phones=[], portal_access=PortalAccess.FULL)
    roles = {f"is_{role}": True for role in FIRST_CONTACT_ROLES}
    link = CustomerContact(contact=contact, position=1, **roles)
    customer.contact_links.append(link)
    db.session.add(contact)
    undo.add("contact", contact)
    undo.add("link", link)
    return contact


def _look_again(batch: ImportBatch, customers: dict[int, Customer]) -> None:
    """Customers that this batch made and now changed look different: undoing must know them."""
    # By the customers alone: with the batch asked for too, SQLite would read all of its rows.
    for row in db.session.scalars(select(ImportRow).where(ImportRow.customer_id.in_(sorted(customers)))):
        if row.batch_id != batch.id or row.verdict is not Verdict.CREATE:
            continue
        customer = customers[row.customer_id or 0]
        row.fingerprint = look_of(customer, set((row.made or {}).get("contacts", ())))


def look_of(customer: Customer, own_contacts: set[int]) -> str:
    """The fingerprint of a customer as it is; of its people only those count that the import made."""
    own = [link.contact for link in customer.contact_links if link.contact_id in own_contacts]
    return fingerprint(
        (
            (Customer, [customer]),
            (Contact, own),
            (Phone, [phone for contact in own for phone in contact.phones]),
            (CustomerContact, customer.contact_links),
            (ServiceLocation, customer.locations),
            (InternalNote, customer.notes),
        )
    )
