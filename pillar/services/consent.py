"""Who may be written to: what people said, what vendors told us, and the check at the moment of sending (7.3).

Nothing here asks what was true when a message was written: `refusal` is asked when it is about to leave.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import g
from sqlalchemy import bindparam, delete, or_, select
from sqlalchemy.exc import IntegrityError

from pillar import clock
from pillar.extensions import db
from pillar.models.audit import SYSTEM, note_event
from pillar.models.consent import (
    ConsentAction,
    ConsentRecord,
    ConsentScope,
    ConsentSource,
    Suppression,
    SuppressionReason,
)
from pillar.models.message import Channel, FailureCategory, Message, Purpose

# A person who opted out hears about it once, and soon (47 CFR 64.1200(a)(12)).
CONFIRMATION_LIFE = timedelta(minutes=5)
CONFIRMS = "confirms"
R = SuppressionReason
# Put together once: it is asked for every message that leaves.
_SUPPRESSED = select(Suppression.reason).where(
    Suppression.address == bindparam("asked_address"), Suppression.channel == bindparam("asked_channel")
)
_NO_TEXTS = "This person asked not to get texts."
_NO_OFFERS = "This person did not agree to get offers here."


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing may go to an address: its category, and a sentence for the office."""

    category: FailureCategory
    sentence: str


@dataclass(frozen=True, slots=True)
class Said:
    """How somebody said it: kept with the record."""

    source: ConsentSource
    wording: str = ""
    wording_version: str = ""
    staff_id: int | None = None
    message_id: int | None = None


def refusal(message: Message) -> Refusal | None:
    """Why this message must not leave now; None when it may."""
    if message.purpose is Purpose.SECURITY:
        return None
    if message.channel is Channel.EMAIL:
        return may_mail(message.to_address, message.purpose)
    return None if _confirms_opt_out(message) else may_text(message.to_address, message.purpose)


def may_text(e164: str, purpose: Purpose = Purpose.TRANSACTIONAL) -> Refusal | None:
    """Why this number gets no text. Without a word from its owner it gets what it has to do with, and no offers."""
    if R.OPTED_OUT in _suppressions(Channel.SMS, e164):
        return Refusal(FailureCategory.CONSENT, _NO_TEXTS)
    last = last_record(e164, Channel.SMS, purpose)
    if last is not None and last.action is ConsentAction.REVOKED:
        return Refusal(FailureCategory.CONSENT, _NO_TEXTS)
    if purpose is Purpose.MARKETING and last is None:
        return Refusal(FailureCategory.CONSENT, _NO_OFFERS)
    return None


def may_mail(address: str, purpose: Purpose = Purpose.TRANSACTIONAL) -> Refusal | None:
    """Why this address gets no mail."""
    told = _suppressions(Channel.EMAIL, address)
    if (refused := _mail_refusal(told)) or purpose is not Purpose.MARKETING:
        return refused
    last = last_record(address, Channel.EMAIL, purpose)
    if R.UNSUBSCRIBED in told or last is None or last.action is ConsentAction.REVOKED:
        return Refusal(FailureCategory.CONSENT, _NO_OFFERS)
    return None


def stops(addresses: Collection[str]) -> dict[str, Refusal]:
    """Which of these numbers and addresses get nothing about their own work, and why; for pages."""
    known = sorted({address for address in addresses if address})
    if not known:
        return {}
    told: dict[str, set[SuppressionReason]] = {}
    suppressed = select(Suppression.address, Suppression.reason).where(Suppression.address.in_(known))
    for address, reason in db.session.execute(suppressed):
        told.setdefault(address, set()).add(reason)
    revoked = _revoked_numbers(known)
    found = {}
    for address in known:
        reasons = told.get(address, set())
        if address in revoked or R.OPTED_OUT in reasons:
            found[address] = Refusal(FailureCategory.CONSENT, _NO_TEXTS)
        elif refusal := _mail_refusal(reasons):
            found[address] = refusal
    return found


def last_record(address: str, channel: Channel, purpose: Purpose) -> ConsentRecord | None:
    """How it stands: the newest thing said about this purpose, or about everything."""
    query = select(ConsentRecord).where(
        ConsentRecord.address == address,
        ConsentRecord.channel == channel,
        or_(ConsentRecord.purpose == purpose, ConsentRecord.scope == ConsentScope.ALL),
    )
    return db.session.scalars(query.order_by(ConsentRecord.id.desc()).limit(1)).one_or_none()


def opt_out(address: str, channel: Channel, said: Said) -> ConsentRecord:
    """Note that this person wants nothing more here, of any kind."""
    return _record(
        address, channel, Purpose.TRANSACTIONAL, ConsentAction.REVOKED, said, scope=ConsentScope.ALL
    )


def refuse_offers(address: str, channel: Channel, said: Said) -> ConsentRecord:
    """Note that this person wants no offers; what is about their own work still comes."""
    return _record(address, channel, Purpose.MARKETING, ConsentAction.REVOKED, said)


def agree(address: str, channel: Channel, purpose: Purpose, said: Said) -> ConsentRecord:
    """Note that this person agreed to messages of this purpose."""
    return _record(address, channel, purpose, ConsentAction.GRANTED, said)


def opt_in_again(address: str, channel: Channel, said: Said) -> ConsentRecord:
    """Take an opt-out back: everything about their own work, and offers only if they had agreed to them before."""
    had_agreed = _agreed_before(address, channel)
    lift(address, channel, {R.OPTED_OUT})
    record = agree(address, channel, Purpose.TRANSACTIONAL, said)
    if had_agreed:
        agree(address, channel, Purpose.MARKETING, said)
    return record


def suppress(address: str, channel: Channel, reason: SuppressionReason, detail: str = "") -> None:
    """Keep what a vendor told us about an address; telling it twice changes nothing."""
    row = Suppression(address=address, channel=channel, reason=reason, detail=detail[:500])
    db.session.flush()
    try:
        with db.session.begin_nested():
            db.session.add(row)
    except IntegrityError:
        return
    note_event(db.session(), "address.suppressed", f"address:{channel}", address=address, reason=reason.value)


def lift(address: str, channel: Channel, reasons: Collection[SuppressionReason]) -> bool:
    """Use an address again; whether it had been suppressed."""
    result = db.session.execute(
        delete(Suppression).where(
            Suppression.address == address,
            Suppression.channel == channel,
            Suppression.reason.in_(sorted(reasons)),
        ),
        execution_options={"synchronize_session": False},
    )
    is_lifted = bool(result.rowcount)  # type: ignore[attr-defined]
    if is_lifted:
        note_event(db.session(), "address.allowed_again", f"address:{channel}", address=address)
    return is_lifted


def vendor_says_opted_out(e164: str, detail: str) -> None:
    """The vendor refuses to text this number because of an opt-out that we did not hear of (Twilio's 21610)."""
    if may_text(e164) is None:
        opt_out(e164, Channel.SMS, Said(ConsentSource.PROVIDER, wording=detail))
    suppress(e164, Channel.SMS, R.OPTED_OUT, detail)


def _mail_refusal(told: set[SuppressionReason]) -> Refusal | None:
    if R.BOUNCED in told:
        return Refusal(FailureCategory.ADDRESS, "Mail to this address came back.")
    if R.SPAM_REPORT in told:
        return Refusal(FailureCategory.CONSENT, "This person reported your mail as spam.")
    return None


def _revoked_numbers(addresses: Collection[str]) -> set[str]:
    """The numbers whose last word about texts is a no."""
    query = (
        select(ConsentRecord.address, ConsentRecord.action)
        .where(
            ConsentRecord.address.in_(addresses),
            ConsentRecord.channel == Channel.SMS,
            or_(ConsentRecord.purpose == Purpose.TRANSACTIONAL, ConsentRecord.scope == ConsentScope.ALL),
        )
        .order_by(ConsentRecord.id)
    )
    last = {address: action for address, action in db.session.execute(query)}  # noqa: C416 - rows, not pairs
    return {address for address, action in last.items() if action is ConsentAction.REVOKED}


def _suppressions(channel: Channel, address: str) -> set[SuppressionReason]:
    return set(db.session.scalars(_SUPPRESSED, {"asked_address": address, "asked_channel": channel}))


def _record(
    address: str,
    channel: Channel,
    purpose: Purpose,
    action: ConsentAction,
    said: Said,
    *,
    scope: ConsentScope = ConsentScope.PURPOSE,
) -> ConsentRecord:
    actor = g.get("actor") or SYSTEM
    record = ConsentRecord(
        address=address,
        channel=channel,
        purpose=purpose,
        action=action,
        scope=scope,
        source=said.source,
        wording=said.wording,
        wording_version=said.wording_version,
        ip=actor.ip,
        user_agent=actor.user_agent,
        staff_id=said.staff_id,
        message_id=said.message_id,
    )
    db.session.add(record)
    db.session.flush()
    note_event(
        db.session(),
        f"consent.{action}",
        f"consent:{record.public_id}",
        address=address,
        channel=channel.value,
        purpose=purpose.value,
        scope=scope.value,
        source=said.source.value,
    )
    return record


def _agreed_before(address: str, channel: Channel) -> bool:
    """Whether offers had been agreed to when everything was revoked."""
    query = select(ConsentRecord.action).where(
        ConsentRecord.address == address,
        ConsentRecord.channel == channel,
        ConsentRecord.purpose == Purpose.MARKETING,
        ConsentRecord.scope == ConsentScope.PURPOSE,
    )
    last = db.session.scalars(query.order_by(ConsentRecord.id.desc()).limit(1)).one_or_none()
    return last is ConsentAction.GRANTED


def _confirms_opt_out(message: Message) -> bool:
    """Whether this is the one answer to an opt-out, still in time; it may go although they opted out."""
    confirmed: Any = message.params.get(CONFIRMS)
    if not confirmed or clock.now() - message.created_at > CONFIRMATION_LIFE:
        return False
    mine = select(ConsentRecord.id).where(ConsentRecord.public_id == confirmed).scalar_subquery()
    # Whoever came back since must not read that no more texts will come.
    came_back = select(ConsentRecord.id).where(
        ConsentRecord.address == message.to_address,
        ConsentRecord.channel == Channel.SMS,
        ConsentRecord.action == ConsentAction.GRANTED,
        ConsentRecord.id > mine,
    )
    is_last_word = db.session.scalars(came_back.limit(1)).one_or_none() is None
    return is_last_word and R.OPTED_OUT not in _suppressions(Channel.SMS, message.to_address)
