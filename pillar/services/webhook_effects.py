"""What an event of a vendor's changes. States only rise, so repeated, late and reordered events do no harm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from pillar import clock
from pillar.extensions import db
from pillar.gateways.sms import category_of, is_opt_out
from pillar.models.consent import ConsentSource, SuppressionReason
from pillar.models.message import Channel, FailureCategory, Message, MessageStatus
from pillar.models.webhook_event import Provider, WebhookEvent, WebhookOutcome
from pillar.opt_out_words import Keyword, read_keyword
from pillar.services import consent, text_replies
from pillar.services.consent import Said
from pillar.services.messages import fail
from pillar.text import clean_line

S, R = MessageStatus, SuppressionReason
Applied = WebhookOutcome
Effect = tuple[WebhookOutcome, str]

_TRIES = 4
_BEING_SENT = frozenset({S.QUEUED, S.SENDING})
_TWILIO_STATES = {
    "sent": S.SENT,
    "delivered": S.DELIVERED,
    "read": S.OPENED,
    "undelivered": S.FAILED,
    "failed": S.FAILED,
}
_SENDGRID_STATES = {
    "delivered": S.DELIVERED,
    "open": S.OPENED,
    "click": S.OPENED,
    "bounce": S.BOUNCED,
    "dropped": S.FAILED,
}
# What SendGrid says when it dropped a mail because of its own list.
_DROPPED_FOR = {
    "bounced address": R.BOUNCED,
    "invalid": R.BOUNCED,
    "spam reporting address": R.SPAM_REPORT,
    "unsubscribed address": R.UNSUBSCRIBED,
}
_CATEGORIES = {
    R.BOUNCED: FailureCategory.ADDRESS,
    R.SPAM_REPORT: FailureCategory.CONSENT,
    R.UNSUBSCRIBED: FailureCategory.CONSENT,
    None: FailureCategory.PROVIDER,
}


def apply(event: WebhookEvent) -> None:
    """Do what the event says and note what came of it; the caller commits both together."""
    handler = _HANDLERS[event.provider]
    outcome, note = handler(event)
    if outcome is Applied.WAITING:
        event.note = note
        event.postpone()
        return
    event.settle(outcome, note)
    # What it is about may be written in this very moment by whoever sent it.
    if outcome is Applied.UNKNOWN and event.attempts < _TRIES:
        event.due_at = clock.real_now()
        event.postpone()


def _of_twilio(event: WebhookEvent) -> Effect:
    return _incoming_text(event) if event.kind == "sms" else _text_status(event)


def _text_status(event: WebhookEvent) -> Effect:
    told = event.payload
    status = str(told.get("MessageStatus") or told.get("SmsStatus") or "")
    message = _our_text(event)
    if message is None:
        return Applied.UNKNOWN, "We have no text with this number."
    if message.provider_id not in ("", event.object_id):
        return Applied.NO_EFFECT, "It is about an earlier try of this text."
    if message.status in _BEING_SENT:
        return Applied.WAITING, "The text is just being sent."
    message.provider_id = event.object_id
    new = _TWILIO_STATES.get(status)
    if new is S.FAILED:
        return _failed(message, _code(told), status)
    return _rise(message, new, status)


def _failed(message: Message, code: int, status: str) -> Effect:
    if is_opt_out(code):
        consent.vendor_says_opted_out(message.to_address, f"Twilio reported {code}")
    if not message.may_become(S.FAILED):
        return Applied.NO_EFFECT, f"{status} after {message.status}"
    fail(message, FailureCategory(category_of(code)), f"Twilio reported {status} ({code or 'no code'}).")
    return Applied.APPLIED, status


def _our_text(event: WebhookEvent) -> Message | None:
    """The text by Twilio's name for it; by ours where Twilio's answer to our request never arrived."""
    to = str(event.payload.get("To") or "")
    texts = select(Message).where(Message.channel == Channel.SMS, Message.to_address == to)
    found = db.session.scalars(texts.where(Message.provider_id == event.object_id)).first()
    if found is None and (name := str(event.payload.get("m") or "")):
        found = db.session.scalars(texts.where(Message.public_id == name)).one_or_none()
    return found


def _incoming_text(event: WebhookEvent) -> Effect:
    told = event.payload
    number, body = str(told.get("From") or ""), str(told.get("Body") or "")
    # Where Twilio answers such words itself, it says so; a second answer from us would be one too many.
    answered = str(told.get("OptOutType") or "").lower()
    keyword = Keyword(answered) if answered in list(Keyword) else read_keyword(body)
    if keyword is None:
        return Applied.NO_EFFECT, "A text without a word for us to act on."
    if not number.startswith("+"):
        return Applied.UNKNOWN, "It does not come from a telephone number."
    said = Said(ConsentSource.SMS_KEYWORD, wording=clean_line(body)[:500], wording_version="keyword")
    text_replies.act(keyword, number, said, key=event.event_id, is_answered=bool(answered))
    return Applied.APPLIED, keyword.value


def _of_sendgrid(event: WebhookEvent) -> Effect:
    told = event.payload
    query = select(Message).where(Message.public_id == event.object_id, Message.channel == Channel.EMAIL)
    message = db.session.scalars(query).one_or_none()
    if message is None or message.to_address != str(told.get("email") or "").strip().lower():
        return Applied.UNKNOWN, "We sent no such mail to this address."
    address_note = _about_address(event.kind, told, message.to_address)
    if message.status in _BEING_SENT and event.kind in _SENDGRID_STATES:
        return Applied.WAITING, "The mail is just being sent."
    if event.kind == "open" and told.get("sg_machine_open"):
        return Applied.NO_EFFECT, "Opened by a machine."
    new = _SENDGRID_STATES.get(event.kind)
    if new in (S.BOUNCED, S.FAILED) and message.may_become(new):
        _come_back(message, new, event)
        return Applied.APPLIED, event.kind
    outcome, note = _rise(message, new, event.kind)
    return (Applied.APPLIED, address_note) if address_note else (outcome, note)


def _come_back(message: Message, new: MessageStatus, event: WebhookEvent) -> None:
    reason = _words(event.payload)
    listed = _DROPPED_FOR.get(reason.lower(), R.BOUNCED if event.kind == "bounce" else None)
    message.status = new
    message.failure_category = _CATEGORIES[listed]
    message.failure_detail = f"SendGrid reported {event.kind}. {reason}".strip()
    message.finish()


def _about_address(kind: str, told: dict[str, Any], address: str) -> str:
    """What the event says about the address as such, kept for every later mail."""
    reason = _words(told)
    said = Said(ConsentSource.PROVIDER, wording=f"SendGrid: {kind}. {reason}"[:500])
    if kind == "bounce" and told.get("type") != "blocked":
        consent.suppress(address, Channel.EMAIL, R.BOUNCED, reason)
    elif kind == "dropped" and (listed := _DROPPED_FOR.get(reason.lower())):
        consent.suppress(address, Channel.EMAIL, listed, reason)
    elif kind == "spamreport":
        consent.suppress(address, Channel.EMAIL, R.SPAM_REPORT, reason)
        consent.opt_out(address, Channel.EMAIL, said)
    elif kind in ("unsubscribe", "group_unsubscribe"):
        consent.suppress(address, Channel.EMAIL, R.UNSUBSCRIBED, reason)
        consent.refuse_offers(address, Channel.EMAIL, said)
    elif kind == "group_resubscribe":
        consent.lift(address, Channel.EMAIL, {R.UNSUBSCRIBED})
    else:
        return ""
    return kind


def _rise(message: Message, new: MessageStatus | None, word: str) -> Effect:
    if new is None or new is message.status or not message.may_become(new):
        return Applied.NO_EFFECT, f"{word} after {message.status}"
    message.status = new
    message.sent_at = message.sent_at or clock.now()
    message.failure_category, message.failure_detail = None, ""
    return Applied.APPLIED, word


def _words(told: dict[str, Any]) -> str:
    return clean_line(str(told.get("reason") or told.get("response") or ""))[:300]


def _code(told: dict[str, Any]) -> int:
    code = str(told.get("ErrorCode") or "")
    return int(code) if code.isascii() and code.isdigit() else 0


_HANDLERS: dict[Provider, Callable[[WebhookEvent], Effect]] = {
    Provider.TWILIO: _of_twilio,
    Provider.SENDGRID: _of_sendgrid,
}
