"""Taking in what vendors tell us: is it genuine, whose is it, keep it once. The work is done later, by a task.

Nothing in an event is believed before its signature was checked, and whose it is comes from our own rows: the number
it was sent to, or the message it is about.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pillar import clock
from pillar.config import Config
from pillar.extensions import db
from pillar.gateways import signatures
from pillar.models.message import Message
from pillar.models.tenant import Tenant
from pillar.models.webhook_event import Provider, StrayWebhook, WebhookEvent
from pillar.services import phone_numbers
from pillar.tenancy import across_tenants, using_tenant

log = structlog.get_logger()

OLDEST_SECONDS = 300
_ID_LENGTH, _KIND_LENGTH, _OBJECT_LENGTH = 120, 60, 160
_REASON = "a vendor's event names one of our messages"


@dataclass(frozen=True, slots=True)
class Told:
    """One event as it is kept."""

    provider: Provider
    account: str
    event_id: str
    kind: str
    object_id: str
    payload: dict[str, Any]

    def columns(self) -> dict[str, Any]:
        """For either table."""
        return {
            "provider": self.provider,
            "account": self.account[:64],
            "event_id": self.event_id,
            "kind": self.kind[:_KIND_LENGTH],
            "object_id": self.object_id[:_OBJECT_LENGTH],
            "payload": self.payload,
        }


def twilio_is_genuine(url: str, fields: Any, signature: str) -> bool:
    """Whether Twilio signed these fields for this address, with the token of the account they name."""
    tokens = phone_numbers.tokens_of_account(db.session(), str(fields.get("AccountSid", "")))
    return any(signatures.twilio_signed(token, url, fields, signature) for token in tokens)


def sendgrid_is_genuine(body: bytes, signature: str, timestamp: str) -> bool:
    """Whether SendGrid signed this body, and lately: the time is part of what is signed."""
    config: Config = current_app.config["PILLAR_CONFIG"]
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > len("9999999999"):
        return False
    if abs(clock.real_now().timestamp() - int(timestamp)) > OLDEST_SECONDS:
        return False
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return False
    return signatures.sendgrid_signed(config.sendgrid_webhook_public_key, text, signature, timestamp)


def take_twilio_text(fields: Mapping[str, str]) -> None:
    """Keep a text that somebody sent to one of our numbers."""
    fields = _storable(fields)
    sid = _sid(fields)
    told = _twilio(fields, f"sms:{sid}" if sid else "", "sms", sid)
    _keep(_company_of_number(fields, "To"), [told])


def take_twilio_status(fields: Mapping[str, str], message_id: str) -> None:
    """Keep what became of one of our texts. `message_id` is our name for it, from the address we gave Twilio."""
    fields = _storable(fields)
    sid, status = _sid(fields), fields.get("MessageStatus") or fields.get("SmsStatus", "")
    told = _twilio({**fields, "m": message_id}, f"{sid}:{status}" if sid else "", "status", sid)
    _keep(_company_of_number(fields, "From"), [told])


def take_sendgrid(events: Sequence[Mapping[str, Any]]) -> None:
    """Keep a batch: events of many messages and companies, in any order, some of them seen before."""
    events = [_storable(event) for event in events]
    owners = _owners(events)
    by_tenant: dict[int | None, list[Told]] = {}
    for event in events:
        by_tenant.setdefault(owners.get(_names(event)), []).append(_sendgrid(event))
    for tenant_id, told in by_tenant.items():
        _keep(tenant_id, told)


def stray_count(session: Session) -> int:
    """How many genuine events named nothing of any company."""
    return session.scalar(select(func.count(StrayWebhook.id))) or 0


def _twilio(fields: Mapping[str, str], event_id: str, kind: str, sid: str) -> Told:
    payload = dict(fields)
    return Told(
        provider=Provider.TWILIO,
        account=fields.get("AccountSid", ""),
        event_id=_event_id(event_id, payload),
        kind=kind,
        object_id=sid,
        payload=payload,
    )


def _sendgrid(event: Mapping[str, Any]) -> Told:
    payload = dict(event)
    return Told(
        provider=Provider.SENDGRID,
        account="",
        event_id=_event_id(str(event.get("sg_event_id") or ""), payload),
        kind=str(event.get("event") or "?"),
        object_id=str(event.get("message_id") or event.get("sg_message_id") or ""),
        payload=payload,
    )


def _storable(value: Any) -> Any:
    """The same without NUL, which PostgreSQL keeps in no text."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, Mapping):
        return {_storable(name): _storable(part) for name, part in value.items()}
    return [_storable(part) for part in value] if isinstance(value, list) else value


def _event_id(given: str, payload: Mapping[str, Any]) -> str:
    """The vendor's own name for it; what has none is named by its content."""
    if given and len(given) <= _ID_LENGTH:
        return given
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()


def _sid(fields: Mapping[str, str]) -> str:
    return fields.get("MessageSid") or fields.get("SmsSid", "")


def _company_of_number(fields: Mapping[str, str], ours: str) -> int | None:
    return phone_numbers.company_of(
        db.session(),
        fields.get("AccountSid", ""),
        fields.get(ours, ""),
        fields.get("MessagingServiceSid", ""),
    )


def _names(event: Mapping[str, Any]) -> tuple[str, str]:
    return str(event.get("tenant_id") or ""), str(event.get("message_id") or "")


def _owners(events: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], int]:
    """Tenants by the public ids of company and message that our mail carried; only where both belong together."""
    names = {_names(event) for event in events}
    with across_tenants(db.session(), _REASON):
        query = (
            select(Tenant.public_id, Message.public_id, Tenant.id)
            .join(Message, Message.tenant_id == Tenant.id)
            .where(
                Tenant.public_id.in_(sorted({tenant for tenant, _ in names})),
                Message.public_id.in_(sorted({message for _, message in names})),
            )
        )
        return {(tenant, message): row_id for tenant, message, row_id in db.session.execute(query)}


def _keep(tenant_id: int | None, told: list[Told]) -> None:
    """Add what is not there yet. One statement for all where nothing repeats, which is nearly always."""
    if tenant_id is None:
        for each in told:
            log.warning("webhook_of_nobody", provider=each.provider.value, kind=each.kind)
            _add(StrayWebhook(**each.columns()))
        return
    with using_tenant(db.session(), tenant_id):
        for each in told:
            _add(WebhookEvent(**each.columns()))
        db.session.flush()


def _add(row: WebhookEvent | StrayWebhook) -> None:
    """The unique key decides whether it is new: two deliveries at once find out here."""
    db.session.flush()
    try:
        with db.session.begin_nested():
            db.session.add(row)
    except IntegrityError:
        log.info("webhook_repeated", provider=row.provider.value, kind=row.kind)
