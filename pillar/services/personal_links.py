"""Personal portal links: made for one contact, asked for the phone's last four digits when opened (1.5, 1.11, 1.12).

Each sending makes a link of its own, and a later one ends none before it; the office ends them. The database holds no
link that works: a text that waits to be sent has the signature blank, and `completed` puts it in at the last moment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from flask import current_app
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from pillar import clock, signed_links
from pillar.config import Config
from pillar.extensions import db
from pillar.models.customer import Contact, PortalAccess
from pillar.models.message import FailureCategory, Message
from pillar.models.portal import LAST_FOUR_TRIES, PERSONAL_LINK_LIFE, PersonalLink
from pillar.models.tenant import LastFour, Tenant
from pillar.services import links
from pillar.services.failures import NotSendable
from pillar.signed_links import LinkPurpose
from pillar.tenancy import across_tenants, current_tenant_id
from pillar.tokens import same

# Which link the text of a message carries.
LINK_OF_MESSAGE = "personal_link"
NO_KEY = "CUSTOMER_TOKEN_SECRET is missing on the server."
_FOUR_DIGITS = re.compile(r"[0-9]{4}")
# A shorter entry is no telephone number that anybody knows by heart.
_LEAST_DIGITS = 7

_BY_SUBJECT = (
    select(PersonalLink.tenant_id, Tenant.settings_version, PersonalLink.id, Tenant.public_id)
    .join(Tenant, Tenant.id == PersonalLink.tenant_id)
    .where(PersonalLink.public_id == bindparam("subject"))
)


class LinkState(StrEnum):
    """Whether a genuine link still opens something."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Answer(StrEnum):
    """What four typed digits were."""

    RIGHT = "right"
    WRONG = "wrong"
    UNREADABLE = "unreadable"
    SPENT = "spent"


def make(contact: Contact) -> PersonalLink:
    """A new link for this person, for 30 days. Those from before go on."""
    link = PersonalLink(contact=contact, expires_at=_whole_seconds(clock.now() + PERSONAL_LINK_LIFE))
    db.session.add(link)
    db.session.flush()
    link.audit("personal_link.made", contact=contact.public_id)
    return link


def address(link: PersonalLink) -> str:
    """The link as it goes out. Raises NotSendable (link setup) where no key can sign it."""
    return _at(_signed(link))


def blank_address(link: PersonalLink) -> str:
    """The link as it stands in a text that waits: its signature is missing, so it opens nothing."""
    return _at(_blank(link))


def completed(message: Message, text: str) -> str:
    """A text of this message with its own link signed; no other link in it, whoever wrote it, is."""
    link = of_message(message)
    if link is None or not _ring():
        return text
    # Only the token: the company's host may be another one than when this was written.
    return text.replace(_blank(link), _signed(link))


def lacks_key(message: Message) -> bool:
    """Whether this message needs a link that cannot be signed now."""
    return LINK_OF_MESSAGE in message.params and not _ring()


def of_message(message: Message) -> PersonalLink | None:
    """The link that a message carries."""
    subject = (message.params or {}).get(LINK_OF_MESSAGE, "")
    if not subject:
        return None
    return db.session.scalars(select(PersonalLink).where(PersonalLink.public_id == subject)).one_or_none()


def find(session: Session, token: str) -> tuple[int, int, int] | None:
    """(tenant id, settings version, link id) of a genuine link: one indexed look-up, then the company's own salt."""
    with across_tenants(session, "a personal link names its company"):
        row = session.execute(_BY_SUBJECT, {"subject": signed_links.subject_of(token)}).one_or_none()
    if row is None or signed_links.read(_ring(), LinkPurpose.PORTAL, row[3], token) is None:
        return None
    return row[0], row[1], row[2]


def load(link_id: int) -> PersonalLink | None:
    """A link of the bound company whose person may use the portal; None is answered like a link that never was."""
    link = db.session.scalars(select(PersonalLink).where(PersonalLink.id == link_id)).one_or_none()
    return link if link is not None and link.contact.is_active else None


def state_of(link: PersonalLink) -> LinkState:
    """Whether it still opens something."""
    if link.revoked_at is not None:
        return LinkState.REVOKED
    return LinkState.EXPIRED if clock.now() >= link.expires_at else LinkState.LIVE


def asks_digits(link: PersonalLink, tenant: Tenant) -> bool:
    """Whether four digits may open it; otherwise it leads to a one-time link (1.5)."""
    is_on = tenant.signin_last4 is LastFour.CHALLENGE
    return is_on and link.tries < LAST_FOUR_TRIES and bool(_last_fours(link.contact))


def try_digits(link: PersonalLink, typed: str) -> Answer:
    """Compare with every phone of the person. A wrong try is counted before it is told, whoever tries beside it."""
    digits = "".join(typed.split())
    if not _FOUR_DIGITS.fullmatch(digits):
        return Answer.UNREADABLE
    if not _count(link, 1):
        return Answer.SPENT
    is_right = False
    for wanted in _last_fours(link.contact):
        is_right |= same(wanted, digits)
    if is_right:
        _count(link, -1)
        return Answer.RIGHT
    link.audit("personal_link.wrong_digits", contact=link.contact.public_id)
    return Answer.WRONG


def revoke(link: PersonalLink) -> None:
    """End one link."""
    if link.revoked_at is None:
        link.revoked_at = clock.now()
        link.audit("personal_link.revoked", contact=link.contact.public_id)


def revoke_all(contact: Contact) -> int:
    """End every link of this person that still opens something; how many."""
    live = live_links([contact])
    for link in live:
        revoke(link)
    return len(live)


def live_links(contacts: Iterable[Contact]) -> Sequence[PersonalLink]:
    """Links of these people that still open something, newest first."""
    query = select(PersonalLink).where(
        PersonalLink.contact_id.in_(sorted(contact.id for contact in contacts)),
        PersonalLink.revoked_at.is_(None),
        PersonalLink.expires_at > clock.now(),
    )
    return db.session.scalars(query.order_by(PersonalLink.id.desc())).all()


def may_have_links(contact: Contact) -> bool:
    """Whether a link would open anything for this person."""
    return contact.deleted_at is None and contact.portal_access is PortalAccess.FULL


def mask(address: str) -> str:
    """`m•••@gmail.com`: enough for its owner to know which one."""
    name, _, domain = address.partition("@")
    return f"{name[:1]}•••@{domain}" if domain else "your phone"


def _count(link: PersonalLink, step: int) -> bool:
    """Count tries in the database, so that parallel ones cannot share one; whether one was left."""
    result = db.session.execute(
        update(PersonalLink)
        .where(
            PersonalLink.id == link.id,
            PersonalLink.tries < LAST_FOUR_TRIES + (step < 0),
            PersonalLink.revoked_at.is_(None),
        )
        .values(tries=PersonalLink.tries + step),
        execution_options={"synchronize_session": False},
    )
    db.session.refresh(link)
    return result.rowcount == 1  # type: ignore[attr-defined,no-any-return]


def _last_fours(contact: Contact) -> list[str]:
    return [phone.digits[-4:] for phone in contact.phones if len(phone.digits) >= _LEAST_DIGITS]


def _blank(link: PersonalLink) -> str:
    return signed_links.unsigned(link.public_id, link.expires_at)


def _signed(link: PersonalLink) -> str:
    if not _ring():
        raise NotSendable(FailureCategory.LINK_SETUP, NO_KEY)
    tenant = db.session.scalars(select(Tenant.public_id).where(Tenant.id == current_tenant_id())).one()
    return signed_links.sign(_ring(), LinkPurpose.PORTAL, tenant, link.public_id, link.expires_at)


def _at(token: str) -> str:
    return links.public(f"/link/{token}")


def _ring() -> tuple[str, ...]:
    config: Config = current_app.config["PILLAR_CONFIG"]
    return config.customer_token_secrets


def _whole_seconds(instant: datetime) -> datetime:
    """As the token says it: row and link end at the same moment."""
    return instant.replace(microsecond=0)
