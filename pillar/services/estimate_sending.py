"""How an estimate reaches its customer: by e-mail, by text or both, and what stands in the way of each (2.5)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select

from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.customer import Contact
from pillar.models.estimate import Estimate
from pillar.models.message import Channel, Message, MessageStatus
from pillar.phones import display
from pillar.services import consent, estimate_mail, phone_numbers, texting
from pillar.services.failures import explain
from pillar.services.texts import mobile_of

TEMPLATE = "estimate_sent"
_SENDING = "sending"
_MOST_ABOUT_ONE = 20
_TROUBLE = frozenset({MessageStatus.FAILED, MessageStatus.BOUNCED, MessageStatus.SUPPRESSED})
_NOUNS = {Channel.EMAIL: "mail", Channel.SMS: "text"}


class Way(StrEnum):
    """What the office chooses from."""

    EMAIL = "email"
    TEXT = "text"
    BOTH = "both"


CHANNELS = {
    Way.EMAIL: (Channel.EMAIL,),
    Way.TEXT: (Channel.SMS,),
    Way.BOTH: (Channel.EMAIL, Channel.SMS),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One way as it is offered; `obstacle` says why it cannot be taken now."""

    way: Way
    label: str
    obstacle: str = ""


def channels_for(way: str) -> tuple[Channel, ...]:
    """What was chosen on the form; nothing means by e-mail. Raises RuleViolation for what is no way."""
    try:
        return CHANNELS[Way(way or Way.EMAIL)]
    except ValueError:
        raise RuleViolation("Choose how to send it: by email, by text or both.") from None


def choices(estimate: Estimate) -> list[Choice]:
    """All three ways, each with whom it reaches or with what stands in its way."""
    by_mail, by_text = _mail_obstacle(estimate.contact), _text_obstacle(estimate.contact)
    email = estimate.contact.email if estimate.contact else ""
    number = mobile_of(estimate.contact) if estimate.contact else ""
    return [
        Choice(Way.EMAIL, f"By email to {email}" if email else "By email", by_mail),
        Choice(Way.TEXT, f"By text to {display(number)}" if number else "By text", by_text),
        Choice(Way.BOTH, "By email and text", by_mail or by_text),
    ]


def check_reachable(estimate: Estimate, channels: Collection[Channel]) -> Contact:
    """The contact, where there is an address for each channel. Raises RuleViolation naming what is missing."""
    contact = estimate.contact
    if contact is None or (Channel.EMAIL in channels and not contact.email):
        raise RuleViolation("Choose a contact with an e-mail address to send this to.", field="contact")
    if Channel.SMS in channels and not mobile_of(contact):
        raise RuleViolation("Choose a contact with a phone number to text this to.", field="contact")
    return contact


def send(estimate: Estimate, channels: Collection[Channel]) -> list[Message]:
    """Write the messages of one sending. Whether each may leave is looked at once more when it does."""
    contact = check_reachable(estimate, channels)
    times = 1 + max((_number(message) for message in _about(estimate)), default=0)
    made = []
    if Channel.EMAIL in channels:
        made.append(estimate_mail.estimate_sent(estimate, contact, times))
    if Channel.SMS in channels:
        made.append(estimate_mail.estimate_texted(estimate, contact, mobile_of(contact), times))
    for message in made:
        message.params = {**message.params, _SENDING: times}
    return made


def last_sending(estimate: Estimate) -> list[Message]:
    """The messages that were sent together, last."""
    messages = _about(estimate)
    return [message for message in messages if _number(message) == _number(messages[0])]


def last_channels(estimate: Estimate) -> tuple[Channel, ...]:
    """How it went the last time, for sending it again in one click."""
    used = {message.channel for message in last_sending(estimate)}
    return tuple(channel for channel in Channel if channel in used) or (Channel.EMAIL,)


def trouble(messages: Sequence[Message]) -> str:
    """What will not arrive, why, and the way to put it right; empty when there is nothing to do."""
    return " ".join(_sentences(message) for message in messages if message.status in _TROUBLE)


def _sentences(message: Message) -> str:
    noun = _NOUNS[message.channel]
    if message.failure_category is None:
        return f"The {noun} did not go out. {message.failure_detail or 'Look at it in the outbox.'}"
    reason = explain(message.failure_category, message.channel)
    return f"The {noun} did not go out. {reason.title}. {reason.way_out}"


def _about(estimate: Estimate) -> list[Message]:
    """Its messages, newest first; there are seldom more than two or three."""
    query = select(Message).where(
        Message.about == f"estimate:{estimate.public_id}", Message.template == TEMPLATE
    )
    return list(db.session.scalars(query.order_by(Message.id.desc()).limit(_MOST_ABOUT_ONE)))


def _number(message: Message) -> int:
    return int(message.params.get(_SENDING, 0))


def _mail_obstacle(contact: Contact | None) -> str:
    if contact is None or not contact.email:
        return "There is no email address on the contact."
    refusal = consent.may_mail(contact.email)
    return refusal.sentence if refusal else ""


def _text_obstacle(contact: Contact | None) -> str:
    number = mobile_of(contact) if contact else ""
    if not number:
        return "There is no phone number on the contact."
    if refusal := consent.may_text(number):
        return refusal.sentence
    return texting.why_no_sender(phone_numbers.current_sender())
