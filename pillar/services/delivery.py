"""Sending one message that is held under a lease: `prepare`, let go of the database, hand over, `record`.

The caller commits after `prepare` and after `record`: no transaction is open while a vendor thinks, and a row
in `sending` whose lease ran out means that a worker died with this one in its hands.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import structlog
from flask import current_app
from jinja2 import TemplateError
from sqlalchemy import select

from pillar import clock
from pillar.config import Config
from pillar.errors import GatewayBusy, GatewayOptedOut, GatewayRefused, GatewayUnsure, RuleViolation
from pillar.extensions import db
from pillar.gateways import Gateways, MailGateway, OutgoingMail, OutgoingText, Sent
from pillar.models.audit import entity_of, note_event
from pillar.models.estimate import ACCEPTABLE, Estimate, EstimateStatus
from pillar.models.message import Channel, FailureCategory, Message, MessageStatus, Purpose
from pillar.models.outbox import GIVE_UP_AFTER
from pillar.models.staff import StaffStatus, StaffUser
from pillar.models.tenant import Tenant
from pillar.sealed import DataKeys
from pillar.services import (
    attachments,
    consent,
    document_links,
    lookup_answers,
    personal_links,
    portal_mail,
    texting,
)
from pillar.services import staff as staff_accounts
from pillar.services.branding import CompanyProfile
from pillar.services.messages import Rendered, company_profile, fail, is_mailable, render
from pillar.services.texts import is_textable, render_text
from pillar.text import clean_line, first_name

log = structlog.get_logger()

Outgoing = OutgoingMail | OutgoingText
Outcome = Sent | GatewayRefused | GatewayBusy | GatewayUnsure
S = MessageStatus

RESEND_AFTER_SECONDS = 30
SECURITY_MAIL_LIFE = timedelta(hours=1)
_RESENT = "resent"
_REPEATABLE = frozenset({S.FAILED, S.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Sender:
    """Whom a mail is from, and where an answer goes."""

    address: str
    name: str
    reply_to: str


def sender(company: CompanyProfile, config: Config) -> Sender:
    """The platform's own address under the company's name; answers go to the company."""
    host = config.base_domain or urlsplit(config.base_url).hostname or ""
    return Sender(
        address=f"no-reply@{_mail_domain(host)}",
        name=clean_line(company.name),
        reply_to=company.email if is_mailable(company.email) else "",
    )


def prepare(message: Message) -> Outgoing | None:
    """Check once more whether a claimed message should go, and make it ready; None when it should not."""
    if message.status is S.SENDING and not _take_back(message):
        return None
    if message.status is S.HELD:
        message.status, message.failure_category, message.failure_detail = S.QUEUED, None, ""
    if message.status is not S.QUEUED:
        message.finish()
    elif reason := _reason_to_drop(message):
        _drop(message, reason)
    elif refusal := consent.refusal(message):
        _drop(message, refusal.sentence, refusal.category)
    elif reason := _switched_off(message):
        fail(message, FailureCategory.FEATURE_OFF, reason)
    elif personal_links.lacks_key(message):
        fail(message, FailureCategory.LINK_SETUP, personal_links.NO_KEY)
    elif _is_too_old(message):
        fail(message, FailureCategory.PROVIDER, message.failure_detail or "It could not be sent for a day.")
    else:
        return _ready(message)
    return None


def hand_over(mail: Outgoing) -> Outcome:
    """Give it to the vendor. Whatever happens is an outcome: it has to be recorded."""
    try:
        if isinstance(mail, OutgoingText):
            return texting.sms_gateway().send(mail)
        return _mail_gateway().send(mail)
    except (GatewayRefused, GatewayBusy, GatewayUnsure) as error:
        return error
    except Exception as error:
        # Nobody can say how far it got; trying again blindly could send it twice.
        log.exception("gateway_broke", message=mail.message_id)
        return GatewayUnsure(f"The gateway failed: {type(error).__name__}")


def record(message: Message, outcome: Outcome) -> None:
    """Note what became of it: sent, failed for good, again later, or unknown."""
    if isinstance(outcome, Sent):
        message.status, message.sent_at = S.SENT, clock.now()
        message.provider_id = outcome.provider_id
        message.failure_category, message.failure_detail = None, ""
        message.body_sealed = message.body_sealed if is_mailbox(message.channel) else ""
        message.finish()
    elif isinstance(outcome, GatewayOptedOut):
        # No failure: it is somebody's wish that we had not heard of.
        consent.vendor_says_opted_out(message.to_address, outcome.detail)
        _drop(message, outcome.detail, FailureCategory.CONSENT)
    elif isinstance(outcome, GatewayRefused):
        fail(message, FailureCategory(outcome.category), outcome.detail)
    elif isinstance(outcome, GatewayUnsure) and not _resends_once(message):
        message.status, message.failure_detail = S.UNKNOWN, str(outcome)
        message.body_sealed = ""
        message.finish()
    else:
        _again_later(message, outcome)


def send_again(message: Message) -> Message:
    """Queue a failed or unknown message once more. Raises RuleViolation where that cannot help."""
    if (obstacle := obstacle_to_repeat(message)) is not None:
        raise RuleViolation(obstacle)
    message.status = S.QUEUED
    message.failure_category, message.failure_detail, message.provider_id = None, "", ""
    message.attempts, message.first_tried_at, message.rung_at = 0, None, None
    message.due_at = clock.real_now()
    note_event(db.session(), "message.sent_again", entity_of(message), template=message.template)
    return message


def obstacle_to_repeat(message: Message) -> str | None:
    """Why this message cannot be sent once more; None when it can."""
    if message.status not in _REPEATABLE:
        return "Only a message that failed, or whose fate is unknown, can be sent again."
    if message.purpose is Purpose.SECURITY:
        return "A security mail is not repeated. Ask for a new one where it was asked for."
    if not message.body_text:
        return "This message has no text. Send the document again from its own page."
    if message.channel is Channel.SMS and not is_textable(message.to_address):
        return "No text can be sent to this number. Correct it, then send the document from its own page."
    if message.channel is Channel.EMAIL and not is_mailable(message.to_address):
        return "No mail can be sent to this address. Correct it, then send the document from its own page."
    return None


def kept_body(message: Message) -> Rendered | None:
    """What the mail says: from the row, or unsealed where development kept it; None once it was dropped."""
    if message.body_sealed:
        config: Config = current_app.config["PILLAR_CONFIG"]
        # Only the Outbox of development is a mailbox; a real one's links are nobody else's to see.
        return None if config.is_production else Rendered(**json.loads(_keys().open(message.body_sealed)))
    if not message.body_text:
        return None
    body = Rendered(message.subject, message.body_text, message.body_html)
    return _with_link(message, body) if is_mailbox(message.channel) else body


def is_mailbox(channel: Channel = Channel.EMAIL) -> bool:
    """Whether nothing leaves, so that the Outbox is where messages are read."""
    return texting.is_phone() if channel is Channel.SMS else _mail_gateway().keeps_bodies


def _drop(message: Message, reason: str, category: FailureCategory | None = None) -> None:
    """Do not send it; the row says why."""
    message.status, message.failure_category, message.failure_detail = S.SUPPRESSED, category, reason
    message.body_sealed = ""
    message.finish()


def _take_back(message: Message) -> bool:
    """A worker died while sending: mail goes once more, texts and marketing wait for a person."""
    if message.channel is Channel.EMAIL and message.purpose is not Purpose.MARKETING:
        message.status = S.QUEUED
        return True
    message.status = S.UNKNOWN
    message.failure_detail = "The sending process ended before it heard whether this went out."
    message.body_sealed = ""
    message.finish()
    return False


def _ready(message: Message) -> Outgoing | None:
    if message.channel is Channel.SMS:
        return _ready_text(message, db.session.get_one(Tenant, message.tenant_id))
    company = company_profile()
    body = _body(message)
    if body is None:
        return None
    message.subject = body.subject
    message.status = S.SENDING
    message.first_tried_at = message.first_tried_at or clock.real_now()
    origin = sender(company, current_app.config["PILLAR_CONFIG"])
    return OutgoingMail(
        to=message.to_address,
        to_name=message.to_name,
        from_address=origin.address,
        from_name=origin.name,
        reply_to=origin.reply_to,
        subject=body.subject,
        text=body.text,
        html=body.html,
        message_id=message.public_id,
        tenant_id=company.public_id,
        is_security=message.purpose is Purpose.SECURITY,
        attachments=attachments.attach(message),
    )


def _with_link(message: Message, body: Rendered) -> Rendered:
    """The body with its personal link signed, if it carries one."""
    text, html = (personal_links.completed(message, part) for part in (body.text, body.html))
    return replace(body, text=text, html=html)


def _ready_text(message: Message, company: Tenant) -> OutgoingText | None:
    """A secret is made last: a text that cannot go would end the older link for nothing."""
    text = texting.ready(message, company)
    body = _body(message) if text is not None else None
    return replace(text, body=body.text) if text is not None and body is not None else None


def _body(message: Message) -> Rendered | None:
    """What it says; security messages are written now, with a new secret, and kept sealed. None when that breaks."""
    if message.purpose is not Purpose.SECURITY:
        # The link that opens something is in what leaves, not in what is kept.
        return _with_link(message, Rendered(message.subject, message.body_text, message.body_html))
    try:
        context = _SECRETS[message.template](message)
        if message.channel is Channel.SMS:
            body = Rendered("", render_text(message.template, context), "")
        else:
            body = render(message.template, context)
    except (TemplateError, KeyError) as error:
        log.exception("message_template_broken", template=message.template)
        fail(message, FailureCategory.TEMPLATE, type(error).__name__)
        return None
    message.body_sealed = _keys().seal(
        json.dumps({"subject": body.subject, "text": body.text, "html": body.html})
    )
    return body


def _again_later(message: Message, outcome: GatewayBusy | GatewayUnsure) -> None:
    message.status, message.failure_detail, message.body_sealed = S.QUEUED, str(outcome), ""
    pause = RESEND_AFTER_SECONDS if isinstance(outcome, GatewayUnsure) else None
    if not message.postpone(pause):
        fail(message, FailureCategory.PROVIDER, str(outcome))


def _resends_once(message: Message) -> bool:
    """Somebody waits for a security mail, and two do no harm: one more try when nobody knows."""
    is_repeatable = message.purpose is Purpose.SECURITY and message.channel is Channel.EMAIL
    if not is_repeatable or message.params.get(_RESENT):
        return False
    message.params = message.params | {_RESENT: True}
    return True


def _is_too_old(message: Message) -> bool:
    """The day is over also for a message whose workers keep dying."""
    return message.first_tried_at is not None and clock.real_now() - message.first_tried_at > GIVE_UP_AFTER


def _reason_to_drop(message: Message) -> str:
    """Why this should not be sent any more, in a sentence for the office; empty when it should."""
    if message.purpose is Purpose.SECURITY and clock.now() - message.created_at > SECURITY_MAIL_LIFE:
        # A link that nobody waits for any more is only good for whoever finds it.
        return "It could not be sent within an hour, so it was dropped."
    check = _RELEVANCE.get(message.template)
    return check(message) if check else ""


def _offer_is_open(message: Message) -> str:
    estimate = db.session.scalars(
        select(Estimate).where(Estimate.public_id == message.about.partition(":")[2])
    ).one_or_none()
    if estimate is None or not estimate.has_live_link:
        return "The estimate's link was taken back before this went out."
    if estimate.status in ACCEPTABLE or estimate.status is EstimateStatus.ACCEPTED:
        return ""
    return f"The estimate was {estimate.status} before this went out."


def _switched_off(message: Message) -> str:
    """Whether what the message leads to was turned off meanwhile; it can be sent once that is on again."""
    if message.template not in _LEADS_TO_PORTAL:
        return ""
    is_on = db.session.get_one(Tenant, message.tenant_id).portal_enabled
    return "" if is_on else "The customer portal is turned off, so the link would open nothing."


def _reader_is_staff(message: Message) -> str:
    person = db.session.scalars(select(StaffUser).where(StaffUser.email == message.to_address)).one_or_none()
    return "" if person is not None and person.is_active else "This person no longer works here."


def _person_may_sign_in(message: Message) -> str:
    person = _staff_of(message)
    if person is None or person.deleted_at is not None or person.status is StaffStatus.DISABLED:
        return "This person may not sign in any more."
    return "" if person.email == message.to_address else "This person has a new address."


def _password_context(message: Message) -> dict[str, Any]:
    person = _staff_of(message)
    if person is None:
        raise KeyError(message.about)
    return {"link": staff_accounts.reset_link(person), "contact_name": first_name(person.name)}


def _staff_of(message: Message) -> StaffUser | None:
    return db.session.scalars(
        select(StaffUser).where(StaffUser.public_id == message.about.partition(":")[2])
    ).one_or_none()


def _mail_domain(host: str) -> str:
    """A number is no domain that mail can come from."""
    try:
        ip_address(host)
    except ValueError:
        return host or "localhost"
    return "localhost"


def _mail_gateway() -> MailGateway:
    gateways: Gateways = current_app.extensions["gateways"]
    return gateways.mail


def _keys() -> DataKeys:
    keys: DataKeys = current_app.extensions["data_keys"]
    return keys


_LEADS_TO_PORTAL = frozenset(
    {
        "estimate_sent",
        document_links.TEMPLATE,
        portal_mail.TEMPLATE,
        lookup_answers.SIGN_IN,
        lookup_answers.PROPOSALS,
    }
)
_RELEVANCE: dict[str, Callable[[Message], str]] = {
    "estimate_sent": _offer_is_open,
    "estimate_accepted_office": _reader_is_staff,
    "estimate_reply_office": _reader_is_staff,
    "document_tampered": _reader_is_staff,
    "staff_invite": _person_may_sign_in,
    "staff_reset": _person_may_sign_in,
    document_links.TEMPLATE: document_links.reason_to_drop,
    portal_mail.TEMPLATE: portal_mail.reason_to_drop,
    lookup_answers.SIGN_IN: lookup_answers.reason_to_drop,
}
# What goes into a security message; making it makes a new secret.
_SECRETS: dict[str, Callable[[Message], dict[str, Any]]] = {
    "staff_invite": _password_context,
    "staff_reset": _password_context,
    lookup_answers.SIGN_IN: lookup_answers.secrets_for,
}
