"""The people who speak for a customer and the places we work at (6.1)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import ColumnElement, and_, exists, func, select

from pillar import clock, emails, phones
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.base import columns_of
from pillar.models.customer import (
    Contact,
    Customer,
    CustomerContact,
    Phone,
    PortalAccess,
    ServiceLocation,
)
from pillar.services.portal_customers import end_way_in
from pillar.text import clean_line, clean_text, fold

MAX_PHONES = 5
RAW_LENGTH = 80
DIGITS_LENGTH = 20
FIRST_CONTACT_ROLES = ("owner", "billing", "approver")
_PLACE_RECORDED = ("label", "street", "city", "state", "postal_code", "access_notes")


@dataclass(frozen=True, slots=True)
class ContactInput:
    """A person as the office typed it. `phones` are as typed, each with the word for its kind."""

    name: str = ""
    email: str = ""
    phones: Sequence[tuple[str, str]] = ()
    roles: Collection[str] = FIRST_CONTACT_ROLES
    portal_access: PortalAccess = PortalAccess.FULL


@dataclass(frozen=True, slots=True)
class LocationInput:
    """A place as the office typed it."""

    street: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    label: str = ""
    access_notes: str = ""
    latitude: float | None = None
    longitude: float | None = None
    time_zone: str = ""


def add_contact(customer: Customer, content: ContactInput) -> CustomerContact:
    """Add a person. Somebody who is here already under the same name and e-mail serves this customer too."""
    email = _email(content.email)
    contact = same_person(content.name, email)
    if contact is None:
        contact = Contact(phones=[])
        _write_contact(contact, content, email)
        db.session.add(contact)
    elif any(link.contact_id == contact.id for link in customer.contact_links):
        raise RuleViolation(f"{contact.name or email} is a contact here already.", field="email")
    else:
        _add_phones(contact, content.phones)
    last = max((other.position for other in customer.contact_links), default=0)
    link = CustomerContact(contact=contact, position=last + 1)
    _write_roles(link, content.roles)
    customer.contact_links.append(link)
    db.session.flush()
    customer.reindex()
    customer.audit("customer.contact_added", contact=contact.public_id, **_about(link))
    return link


def update_contact(link: CustomerContact, content: ContactInput) -> None:
    """Change a person, for all customers of that person, and what the person is to this one."""
    before, opened = _about(link), _opens_portal(link.contact)
    _write_contact(link.contact, content, _email(content.email))
    _write_roles(link, content.roles)
    db.session.flush()
    if opened and _opens_portal(link.contact) != opened:
        end_way_in(link.contact)
    for each in link.contact.customer_links:
        each.customer.reindex()
    after = _about(link)
    if after != before:
        link.customer.audit(
            "customer.contact_updated", contact=link.contact.public_id, before=before, after=after
        )


def remove_contact(link: CustomerContact) -> None:
    """The person no longer speaks for this customer; who speaks for nobody else is gone from search."""
    customer, contact = link.customer, link.contact
    customer.audit("customer.contact_removed", contact=contact.public_id, **_about(link))
    customer.contact_links.remove(link)
    db.session.delete(link)
    db.session.flush()
    others = select(func.count(CustomerContact.id)).where(CustomerContact.contact_id == contact.id)
    if not db.session.scalar(others):
        contact.deleted_at = clock.now()
        end_way_in(contact)
    customer.reindex()


def add_location(customer: Customer, content: LocationInput) -> ServiceLocation:
    """Add a place we work at."""
    place = ServiceLocation()
    _write_place(place, content)
    customer.locations.append(place)
    db.session.flush()
    customer.reindex()
    place.audit("location.added", customer=customer.public_id, **_recorded(place))
    return place


def update_location(place: ServiceLocation, content: LocationInput) -> None:
    """Change a place."""
    before = _recorded(place)
    _write_place(place, content)
    place.customer.reindex()
    after = _recorded(place)
    if after != before:
        place.audit("location.updated", before=before, after=after)


def remove_location(place: ServiceLocation) -> None:
    """We no longer work there; estimates and jobs of the past keep it."""
    place.deleted_at = clock.now()
    place.audit("location.removed")
    place.customer.reindex()


def same_person(name: str, email: str) -> Contact | None:
    """A live contact with this e-mail and this name, if there is one."""
    if not email:
        return None
    found = db.session.scalars(select(Contact).where(Contact.email == email, is_live()).order_by(Contact.id))
    return next((contact for contact in found if fold(contact.name) == fold(clean_line(name))), None)


def has_portal_email(email: str, *, besides: int | None = None) -> bool:
    """Whether another contact opens the portal with this e-mail: one e-mail is one person there."""
    query = select(Contact.id).where(
        Contact.email == email, is_live(), Contact.portal_access != PortalAccess.NONE
    )
    return any(found != besides for found in db.session.scalars(query.limit(2)))


def is_live() -> ColumnElement[bool]:
    """The condition that a contact is there and speaks for a customer that is: e-mails of deleted ones are free."""
    # One inside the other: joined in one, SQLite walks through all live customers of the company instead.
    is_there = exists().where(Customer.id == CustomerContact.customer_id, Customer.deleted_at.is_(None))
    speaks = exists().where(CustomerContact.contact_id == Contact.id, is_there)
    return and_(Contact.deleted_at.is_(None), speaks)


def unreadable_phones(typed: Sequence[tuple[str, str]]) -> list[str]:
    """Numbers that are kept as typed because nobody could call them as they stand."""
    return [raw for raw, _kind in typed if raw.strip() and not phones.parse(raw).e164]


def _write_contact(contact: Contact, content: ContactInput, email: str) -> None:
    contact.name = clean_line(content.name)
    contact.email = email
    contact.portal_access = content.portal_access
    if email and has_portal_email(email, besides=contact.id):
        # A family may share an address, but signing in with it must mean one person.
        contact.portal_access = PortalAccess.NONE
    if not (contact.name or email or any(raw.strip() for raw, _kind in content.phones)):
        raise RuleViolation("Type a name, an email or a phone number.", field="name")
    contact.phones.clear()
    _add_phones(contact, content.phones)


def _add_phones(contact: Contact, typed: Sequence[tuple[str, str]]) -> None:
    known = {phone.e164 or phone.raw for phone in contact.phones}
    for raw, kind in typed:
        parts = phones.parse(clean_line(raw)[:RAW_LENGTH])
        if not parts.raw or (parts.e164 or parts.raw) in known:
            continue
        known.add(parts.e164 or parts.raw)
        if len(contact.phones) == MAX_PHONES:
            raise RuleViolation(f"Keep at most {MAX_PHONES} numbers for one person.", field="phone")
        contact.phones.append(
            Phone(
                position=len(contact.phones),
                raw=parts.raw,
                e164=parts.e164,
                digits=parts.digits[:DIGITS_LENGTH],
                type=clean_line(kind),
            )
        )


def _opens_portal(contact: Contact) -> str:
    """The address that signs a person in; empty when none does."""
    return (contact.email or "phone") if contact.is_active else ""


def _write_roles(link: CustomerContact, roles: Collection[str]) -> None:
    for role in CustomerContact.ROLES:
        setattr(link, f"is_{role}", role in roles)


def _write_place(place: ServiceLocation, content: LocationInput) -> None:
    place.label = clean_line(content.label)
    place.street = clean_line(content.street)
    place.city = clean_line(content.city)
    place.state = clean_line(content.state)
    place.postal_code = clean_line(content.postal_code)
    place.access_notes = clean_text(content.access_notes)
    place.latitude, place.longitude = content.latitude, content.longitude
    place.time_zone = content.time_zone
    if not place.address:
        raise RuleViolation("Type at least a street or a city.", field="street")
    if place.time_zone and not _is_zone(place.time_zone):
        raise RuleViolation("Choose a time zone from the list.", field="time_zone")


def _recorded(place: ServiceLocation) -> dict[str, object]:
    # The trail holds no floats: they have more than one spelling.
    pin = "" if place.latitude is None else f"{place.latitude},{place.longitude}"
    return {**columns_of(place, _PLACE_RECORDED), "pin": pin}


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True


def _email(typed: str) -> str:
    return emails.normalized(typed) if clean_line(typed) else ""


def _about(link: CustomerContact) -> dict[str, object]:
    contact = link.contact
    return {
        "name": contact.name,
        "email": contact.email,
        "phones": [phone.e164 or phone.raw for phone in contact.phones],
        "roles": link.roles,
        "portal_access": str(contact.portal_access),
    }
