"""A customer's own password: a second way in for those who set one in My profile (1.6).

Hashing and checking are the caller's: they take long, and must not hold a write transaction (`database.reading`).
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from pillar import passwords
from pillar.extensions import db
from pillar.models.customer import Contact, PortalAccess
from pillar.services import one_time_links
from pillar.services.customer_parts import is_live
from pillar.services.lookups import AddressKind, Typed


@dataclass(frozen=True, slots=True)
class Candidate:
    """The person behind a typed e-mail, as plain values: nothing is held while the password is checked."""

    contact_id: int
    password_hash: str


def find(typed: Typed) -> Candidate | None:
    """Who would come in with this e-mail: the same person as with a mailed link."""
    email = typed.value if typed.kind is AddressKind.EMAIL else "nobody"
    query = select(Contact.id, Contact.password_hash).where(
        Contact.email == email, Contact.portal_access == PortalAccess.FULL, is_live()
    )
    row = db.session.execute(query.order_by(Contact.id).limit(1)).one_or_none()
    return Candidate(row[0], row[1]) if row else None


def accepts(candidate: Candidate | None, password: str) -> bool:
    """Whether the password is this person's; the same work for nobody and for whoever never set one. Slow."""
    return passwords.verify(candidate.password_hash if candidate else "", password)


def contact_of(candidate: Candidate) -> Contact | None:
    """The person, unless their password or their rights changed while this one was being checked."""
    contact = db.session.scalars(select(Contact).where(Contact.id == candidate.contact_id)).one_or_none()
    if contact is None or not contact.is_active or contact.password_hash != candidate.password_hash:
        return None
    return contact


def set_password(contact: Contact, hashed: str) -> None:
    """Let this person sign in with a password from now on. `hashed` is what `passwords.hash_password` made.

    Mailed links end; the caller ends the sessions, all but the one that is in use.
    """
    had_one, contact.password_hash = bool(contact.password_hash), hashed
    one_time_links.end_links(contact)
    contact.audit("contact.password_changed" if had_one else "contact.password_set")


def remove_password(contact: Contact) -> None:
    """Back to one-time links alone."""
    if contact.password_hash:
        contact.password_hash = ""
        one_time_links.end_links(contact)
        contact.audit("contact.password_removed")
