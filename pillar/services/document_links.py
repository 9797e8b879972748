"""A document's own link taken back, made anew, or grown too old, and the way out for whoever holds the old one (1.12).

A token that was replaced opens nothing any more; what is kept of it is a hash that leads to its document.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pillar import clock
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.customer import Contact
from pillar.models.estimate import Estimate, EstimateStatus
from pillar.models.message import Channel, FailureCategory, Message, Purpose
from pillar.models.portal import RetiredToken
from pillar.models.tenant import Tenant
from pillar.services import links, messages, portal_mail
from pillar.services.failures import NotSendable
from pillar.services.texts import Reader, compose_text
from pillar.tenancy import across_tenants
from pillar.text import first_name
from pillar.tokens import digest, document_token

TEMPLATE = "document_link"
_SHOWN = (Estimate.deleted_at.is_(None), Estimate.status != EstimateStatus.DRAFT)


def find_dead(session: Session, token: str) -> tuple[int, int, int] | None:
    """(tenant id, its settings version, estimate id) behind a link that was taken back or replaced."""
    company = select(Estimate.tenant_id, Tenant.settings_version, Estimate.id).join(
        Tenant, Tenant.id == Estimate.tenant_id
    )
    taken_back = company.where(
        Estimate.public_token == token, Estimate.token_revoked_at.is_not(None), *_SHOWN
    )
    same_estimate = (RetiredToken.tenant_id == Estimate.tenant_id) & (RetiredToken.estimate_id == Estimate.id)
    replaced = company.join(RetiredToken, same_estimate).where(
        RetiredToken.token_hash == digest(token), *_SHOWN
    )
    with across_tenants(session, "an old document link names its company"):
        row = session.execute(taken_back).one_or_none() or session.execute(replaced).one_or_none()
    return (row[0], row[1], row[2]) if row else None


def is_aged(estimate: Estimate, days: int | None) -> bool:
    """Whether the company's age for links is over, counted from when it was sent or renewed last (1.10)."""
    if days is None or estimate.sent_at is None:
        return False
    before = clock.now() - timedelta(days=days)
    if estimate.sent_at > before:
        return False
    renewed = db.session.scalar(
        select(func.max(RetiredToken.at)).where(RetiredToken.estimate_id == estimate.id)
    )
    return renewed is None or renewed <= before


def revoke(estimate: Estimate) -> None:
    """Take the link back. Whoever holds it is offered a new one, sent to the contact on file."""
    if not estimate.has_live_link:
        raise RuleViolation("There is no link to take back.")
    estimate.token_revoked_at = clock.now()
    estimate.audit("estimate.link_revoked", number=estimate.number)


def renew(estimate: Estimate) -> None:
    """Give the document another token; the old one is dead from now on."""
    if estimate.status is EstimateStatus.DRAFT:
        raise RuleViolation("A draft has no link yet. Send it first.")
    db.session.add(
        RetiredToken(token_hash=digest(estimate.public_token), estimate_id=estimate.id, at=clock.now())
    )
    estimate.public_token, estimate.token_revoked_at = document_token(), None
    estimate.audit("estimate.link_renewed", number=estimate.number)
    db.session.flush()


def renew_and_send(tenant: Tenant, estimate: Estimate) -> list[Message]:
    """A new link, on its way to the contact. Raises RuleViolation where there is nobody to send it to."""
    _check(tenant, estimate)
    renew(estimate)
    return _send(estimate)


def send_fresh(tenant: Tenant, estimate: Estimate) -> list[Message]:
    """The way out for a customer: the live link once more, or a new one where there is none."""
    _check(tenant, estimate)
    if not estimate.has_live_link or is_aged(estimate, tenant.document_link_days):
        renew(estimate)
    return _send(estimate)


def contact_on_file(estimate: Estimate) -> Contact | None:
    """Whom a new link goes to, whoever asks for it."""
    contact = estimate.contact
    return contact if contact is not None and contact.deleted_at is None else None


def masked_way(estimate: Estimate) -> str:
    """Where a new link would go, in words that give nothing away; empty when nowhere."""
    contact = contact_on_file(estimate)
    return portal_mail.masked_way(contact) if contact else ""


def reason_to_drop(message: Message) -> str:
    """Why the message should not go any more: the link in it is dead again."""
    estimate = db.session.scalars(
        select(Estimate).where(Estimate.public_id == message.about.partition(":")[2])
    ).one_or_none()
    if estimate is not None and estimate.has_live_link and links.quote(estimate) in message.body_text:
        return ""
    return "The link ended before this went out."


def _check(tenant: Tenant, estimate: Estimate) -> None:
    if not tenant.portal_enabled:
        raise NotSendable(
            FailureCategory.FEATURE_OFF, "Turn the customer portal on under Settings, then send again."
        )
    if not masked_way(estimate):
        raise RuleViolation("There is no contact with an address on this estimate to send a link to.")


def _send(estimate: Estimate) -> list[Message]:
    contact = contact_on_file(estimate)
    if contact is None:
        return []
    times = messages.count_about(f"estimate:{estimate.public_id}", TEMPLATE)
    if portal_mail.ways_to(contact)[0] is Channel.SMS:
        return [_texted(estimate, contact, times)]
    return [_mailed(estimate, contact, times)]


def _mailed(estimate: Estimate, contact: Contact, times: int) -> Message:
    return messages.compose(
        TEMPLATE,
        to_address=contact.email,
        to_name=contact.name,
        purpose=Purpose.TRANSACTIONAL,
        about=f"estimate:{estimate.public_id}",
        customer=estimate.customer,
        dedupe_key=f"{TEMPLATE}:{estimate.public_id}:{times}",
        context={
            "title": estimate.title,
            "number": estimate.number,
            "link": links.quote(estimate),
            "contact_name": first_name(contact.name),
            "preheader": f"{estimate.title}, {estimate.number}.",
        },
    )


def _texted(estimate: Estimate, contact: Contact, times: int) -> Message:
    return compose_text(
        TEMPLATE,
        Reader(portal_mail.number_of(contact), contact.name, estimate.customer),
        about=f"estimate:{estimate.public_id}",
        dedupe_key=f"{TEMPLATE}:{estimate.public_id}:{times}:sms",
        context={"link": links.quote(estimate), "number": estimate.number or ""},
    )
