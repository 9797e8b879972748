"""Customers as the office keeps them: made, changed, deleted, with their notes (6.1, 6.2, 6.7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from pillar import clock
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.base import columns_of
from pillar.models.customer import (
    Contact,
    Customer,
    CustomerKind,
    CustomerStatus,
    InternalNote,
    PortalAccess,
)
from pillar.models.payment_terms import PaymentTerms
from pillar.models.staff import StaffUser
from pillar.services.customer_parts import (
    ContactInput,
    LocationInput,
    add_contact,
    add_location,
    has_portal_email,
)
from pillar.text import clean_line, clean_text

MAX_TAGS = 20
TAG_LENGTH = 40
_RECORDED = (
    "kind",
    "status",
    "display_name",
    "billing_street",
    "billing_city",
    "billing_state",
    "billing_postal_code",
    "payment_terms",
    "is_tax_exempt",
    "tags",
    "source",
)


@dataclass(frozen=True, slots=True)
class CustomerInput:
    """What the office types about a customer itself."""

    display_name: str
    kind: CustomerKind = CustomerKind.PERSON
    # Nothing said: as it is.
    status: CustomerStatus | None = None
    billing_street: str = ""
    billing_city: str = ""
    billing_state: str = ""
    billing_postal_code: str = ""
    payment_terms: PaymentTerms | None = None
    is_tax_exempt: bool = False
    tags: Sequence[str] = ()
    source: str = "Other"


def create_customer(
    content: CustomerInput,
    contact: ContactInput | None = None,
    location: LocationInput | None = None,
    *,
    public_id: str | None = None,
) -> Customer:
    """A new customer, with the first person to talk to and the first place to work at, if known.

    `public_id` is the name that a form carried: sent twice, the unique key lets one through.
    """
    customer = Customer(contact_links=[], locations=[], notes=[])
    if public_id:
        customer.public_id = public_id
    _write(customer, content)
    db.session.add(customer)
    db.session.flush()
    if contact is not None:
        add_contact(customer, contact)
    if location is not None:
        add_location(customer, location)
    customer.reindex()
    customer.audit("customer.created", **columns_of(customer, _RECORDED))
    return customer


def update_customer(customer: Customer, content: CustomerInput) -> None:
    """Change what the office knows of a customer itself."""
    before = columns_of(customer, _RECORDED)
    _write(customer, content)
    customer.reindex()
    changes = _changes(before, columns_of(customer, _RECORDED))
    if changes:
        customer.audit("customer.updated", **changes)


def delete_customer(customer: Customer) -> None:
    """Take a customer out of lists, search and portal. Everything about it stays and it can come back."""
    if customer.deleted_at is None:
        customer.deleted_at = clock.now()
        customer.audit("customer.deleted")


def restore_customer(customer: Customer) -> list[str]:
    """Bring a deleted customer back; the e-mails that open somebody else's portal by now (39)."""
    if customer.deleted_at is None:
        return []
    taken = [contact for contact in customer.contacts if _is_taken(contact)]
    for contact in taken:
        contact.portal_access = PortalAccess.NONE
    customer.deleted_at = None
    customer.audit("customer.restored", without_portal=[contact.email for contact in taken])
    return [contact.email for contact in taken]


def tag_customers(some: Iterable[Customer], typed: str) -> int:
    """Give several customers the same tags; how many did not have them all."""
    tags = split_tags(typed)
    if not tags:
        raise RuleViolation("Type a tag.", field="tags")
    changed = 0
    for customer in some:
        before = list(customer.tags)
        known = {tag.casefold() for tag in before}
        customer.tags = _checked_tags([*before, *(tag for tag in tags if tag.casefold() not in known)])
        if customer.tags != before:
            changed += 1
            customer.reindex()
            customer.audit("customer.updated", tags=[before, customer.tags])
    return changed


def add_note(customer: Customer, body: str, author: StaffUser | None) -> InternalNote:
    """Write a note that never leaves the staff."""
    body = clean_text(body)
    if not body:
        raise RuleViolation("Write something first.", field="body")
    note = InternalNote(
        customer=customer,
        body=body,
        staff_id=author.id if author else None,
        author=author.name if author else "",
    )
    db.session.add(note)
    db.session.flush()
    customer.audit("customer.note_added", note=note.public_id)
    return note


def remove_note(note: InternalNote) -> None:
    """Take a note away; the trail keeps its words."""
    note.deleted_at = clock.now()
    note.customer.audit("customer.note_removed", note=note.public_id, before=note.body)


def notes_of(customer: Customer, limit: int = 100) -> list[InternalNote]:
    """The newest notes that are there, the newest first."""
    query = select(InternalNote).where(
        InternalNote.customer_id == customer.id, InternalNote.deleted_at.is_(None)
    )
    return list(db.session.scalars(query.order_by(InternalNote.id.desc()).limit(limit)))


def split_tags(typed: str) -> list[str]:
    """`VIP, gate code` as a list; each tag once, whatever its capitals."""
    tags: dict[str, str] = {}
    for tag in map(clean_line, typed.split(",")):
        if tag:
            tags.setdefault(tag.casefold(), tag)
    return list(tags.values())


def _write(customer: Customer, content: CustomerInput) -> None:
    name = clean_line(content.display_name)
    if not name:
        raise RuleViolation("Type a name.", field="display_name")
    customer.tags = _checked_tags(list(content.tags))
    customer.kind = content.kind
    customer.status = content.status or customer.status or CustomerStatus.ACTIVE
    customer.display_name = name
    customer.billing_street = clean_line(content.billing_street)
    customer.billing_city = clean_line(content.billing_city)
    customer.billing_state = clean_line(content.billing_state)
    customer.billing_postal_code = clean_line(content.billing_postal_code)
    customer.payment_terms = content.payment_terms
    customer.is_tax_exempt = content.is_tax_exempt
    customer.source = clean_line(content.source)


def _checked_tags(tags: list[str]) -> list[str]:
    if len(tags) > MAX_TAGS or any(len(tag) > TAG_LENGTH for tag in tags):
        raise RuleViolation(f"Use at most {MAX_TAGS} tags of {TAG_LENGTH} letters.", field="tags")
    return tags


def _is_taken(contact: Contact) -> bool:
    """Whether the e-mail came to open somebody else's portal while this contact's customers were away."""
    opens = contact.portal_access is not PortalAccess.NONE and contact.email
    return bool(opens) and has_portal_email(contact.email, besides=contact.id)


def _changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What is different, as the trail keeps it."""
    return {name: [before[name], value] for name, value in after.items() if value != before[name]}
