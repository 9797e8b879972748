"""Whose affairs a signed-in person sees, and how their way in ends."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import and_, bindparam, delete, or_, select, update

from pillar import clock
from pillar.extensions import db
from pillar.models.customer import Contact, Customer, CustomerContact, address_line
from pillar.models.customer import ServiceLocation as Place
from pillar.models.portal import PersonalLink, PortalSession
from pillar.services import one_time_links

_NO_SYNC = {"synchronize_session": False}


# Whoever proved the mailbox owns all that is kept under it: a second contact with the address (another spelling of
# the name, a family's shared mailbox) reaches nobody else. Values: `speaker`.
SPOKEN_FOR = (
    select(CustomerContact.customer_id)
    .join(Contact, Contact.id == CustomerContact.contact_id)
    .where(
        or_(
            Contact.id == bindparam("contact_id"),
            and_(Contact.email == bindparam("contact_email"), Contact.email != ""),
        ),
        Contact.deleted_at.is_(None),
    )
)
_CUSTOMERS = (
    select(Customer).where(Customer.id.in_(SPOKEN_FOR), Customer.deleted_at.is_(None)).order_by(Customer.id)
)


def speaker(contact: Contact) -> dict[str, object]:
    """What a statement with `SPOKEN_FOR` in it is executed with."""
    return {"contact_id": contact.id, "contact_email": contact.email}


def customers_of(contact: Contact) -> list[Customer]:
    """The customers that this person speaks for, and those of every contact with exactly the same e-mail."""
    return list(db.session.scalars(_CUSTOMERS, speaker(contact)))


def places_of(customers: Iterable[Customer]) -> list[str]:
    """Where we work for these customers, each address once. What only the office may read is not even asked for."""
    query = (
        select(Place.street, Place.city, Place.state, Place.postal_code)
        .where(Place.customer_id.in_([each.id for each in customers]), Place.deleted_at.is_(None))
        .order_by(Place.id)
    )
    lines = (address_line(*row) for row in db.session.execute(query))
    return list(dict.fromkeys(filter(None, lines)))


def end_way_in(contact: Contact) -> None:
    """Sessions, mailed links and personal links of a person end: who they were sent to may no longer come in."""
    db.session.execute(
        delete(PortalSession).where(PortalSession.contact_id == contact.id), execution_options=_NO_SYNC
    )
    one_time_links.end_links(contact)
    db.session.execute(
        update(PersonalLink)
        .where(PersonalLink.contact_id == contact.id, PersonalLink.revoked_at.is_(None))
        .values(revoked_at=clock.now()),
        execution_options=_NO_SYNC,
    )
