"""How values look in the office: by type, money, and statuses as pills (DESIGN: Components)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from flask import current_app
from markupsafe import Markup

from pillar.http.templating import local_date, local_time
from pillar.models.customer import CustomerStatus
from pillar.models.estimate import EstimateStatus
from pillar.models.job import JobStatus
from pillar.models.message import Channel, Message, MessageStatus
from pillar.models.staff import StaffStatus
from pillar.money import money as money_text
from pillar.phones import display

Formatter = Callable[[Any, Any, Any, str], Any]
_MACROS = "macros/admin.html"


@dataclass(frozen=True, slots=True)
class Look:
    """A status as it is shown: colour, icon and word, always all three."""

    tone: str
    icon: str
    word: str


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line of a timeline; `time` is ready to read."""

    icon: str
    title: str
    time: str = ""
    note: str = ""
    tone: str = ""
    url: str = ""
    link: str = ""


ESTIMATE_LOOKS: Mapping[StrEnum, Look] = {
    EstimateStatus.DRAFT: Look("off", "pencil", "Draft"),
    EstimateStatus.SENT: Look("info", "send", "Sent"),
    EstimateStatus.CHANGES_REQUESTED: Look("wait", "chat", "Changes requested"),
    EstimateStatus.ACCEPTED: Look("good", "check", "Approved"),
    EstimateStatus.DECLINED: Look("off", "close", "Declined"),
    EstimateStatus.EXPIRED: Look("off", "clock", "Expired"),
    EstimateStatus.WITHDRAWN: Look("off", "minus", "Withdrawn"),
    EstimateStatus.SUPERSEDED: Look("off", "swap", "Replaced"),
    EstimateStatus.CANCELLED: Look("off", "close", "Cancelled"),
}
JOB_LOOKS: Mapping[StrEnum, Look] = {
    JobStatus.UNSCHEDULED: Look("wait", "calendar", "Needs a day"),
    JobStatus.SCHEDULED: Look("info", "calendar", "Scheduled"),
    JobStatus.IN_PROGRESS: Look("info", "wrench", "In progress"),
    JobStatus.COMPLETED: Look("good", "check", "Done"),
    JobStatus.INVOICED: Look("good", "document", "Invoiced"),
    JobStatus.CLOSED: Look("off", "archive", "Closed"),
    JobStatus.ON_HOLD: Look("off", "clock", "On hold"),
    JobStatus.CANCELLED: Look("off", "close", "Cancelled"),
}
MESSAGE_LOOKS: Mapping[StrEnum, Look] = {
    MessageStatus.QUEUED: Look("wait", "clock", "Queued"),
    MessageStatus.SENDING: Look("wait", "send", "Sending"),
    MessageStatus.SENT: Look("info", "send", "Sent"),
    MessageStatus.DELIVERED: Look("good", "check", "Delivered"),
    MessageStatus.OPENED: Look("good", "eye", "Opened"),
    MessageStatus.UNKNOWN: Look("wait", "warning", "Not sure it arrived"),
    MessageStatus.BOUNCED: Look("bad", "warning", "Came back"),
    MessageStatus.FAILED: Look("bad", "warning", "Failed"),
    MessageStatus.SUPPRESSED: Look("off", "minus", "Opted out"),
    MessageStatus.HELD: Look("wait", "clock", "Waits for the morning"),
}
STAFF_LOOKS: Mapping[StrEnum, Look] = {
    StaffStatus.INVITED: Look("wait", "mail", "Invited"),
    StaffStatus.ACTIVE: Look("good", "check", "Active"),
    StaffStatus.DISABLED: Look("off", "lock", "Disabled"),
}
CUSTOMER_LOOKS: Mapping[StrEnum, Look] = {
    CustomerStatus.ACTIVE: Look("good", "check", "Active"),
    CustomerStatus.INACTIVE: Look("off", "archive", "Inactive"),
}


@lru_cache(maxsize=200)
def pill(look: Look) -> Markup:
    """A status pill, drawn by the one macro there is for it."""
    macros: Any = current_app.jinja_env.get_template(_MACROS).module
    return macros.pill(look.tone, look.icon, look.word)


@lru_cache(maxsize=200)
def drawing(icon: str) -> Markup:
    """An icon, drawn once by its macro; nothing for none."""
    macros: Any = current_app.jinja_env.get_template(_MACROS).module
    return macros.icon(icon) if icon else Markup()


def status(looks: Mapping[StrEnum, Look]) -> Formatter:
    """A column of statuses as pills."""

    def formatted(_view: Any, _context: Any, model: Any, name: str) -> Markup:
        value = getattr(model, name)
        return pill(looks.get(value, Look("off", "minus", words(value))))

    return formatted


def money(_view: Any, _context: Any, model: Any, name: str) -> str:
    """A column of cents."""
    cents = getattr(model, name)
    return "" if cents is None else money_text(cents)


def words(value: str) -> str:
    """`due_on_receipt` -> `Due on receipt`."""
    return value.replace("_", " ").capitalize()


def message_title(message: Message) -> str:
    """Its subject; a text has none, and security mail has one only when it is sent."""
    name = words(message.template)
    return f"Text: {name}" if message.channel is Channel.SMS else message.subject or name


def message_address(message: Message) -> str:
    """Where it goes, for reading."""
    return display(message.to_address) if message.channel is Channel.SMS else message.to_address


def message_icon(message: Message) -> str:
    """A mail or a text."""
    return "chat" if message.channel is Channel.SMS else "mail"


def _yes_no(_view: Any, value: bool, _name: str) -> str:  # noqa: FBT001 - Flask-Admin's signature
    return "Yes" if value else "No"


def _list(_view: Any, value: list[Any], _name: str) -> str:
    return ", ".join(str(item) for item in value)


# The first that fits counts: a moment is a date too, and a status is a text.
BY_TYPE: dict[type, Callable[[Any, Any, str], Any]] = {
    type(None): lambda _view, _value, _name: "",
    bool: _yes_no,
    datetime: lambda _view, value, _name: local_time(value),
    date: lambda _view, value, _name: local_date(value),
    StrEnum: lambda _view, value, _name: words(value),
    list: _list,
}
