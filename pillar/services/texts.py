"""Writing a text message: one segment of plain letters, the company first, the way out last (DESIGN: Texts).

`templates/messages/<name>/sms.txt` holds one wording a line, the fullest first; the first that fits is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from flask import render_template
from jinja2 import TemplateError

from pillar import gsm7
from pillar.models.customer import Contact, Customer
from pillar.models.message import Channel, FailureCategory, Message, MessageStatus, Purpose
from pillar.services.messages import company_look, fail, insert_once, with_key
from pillar.text import clean_line

log = structlog.get_logger()

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_MOBILE = frozenset({"mobile", "cell", "cell phone", "mobile phone"})
# A shorter name than this would not tell who writes.
_SHORTEST_NAME = 3


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom a text is for."""

    number: str
    name: str = ""
    customer: Customer | None = None


def compose_text(
    template: str,
    to: Reader,
    *,
    purpose: Purpose = Purpose.TRANSACTIONAL,
    about: str = "",
    dedupe_key: str,
    params: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
) -> Message:
    """Write a text; asking twice with the same key gives the first one."""
    if (earlier := with_key(dedupe_key)) is not None:
        return earlier
    message = Message(
        channel=Channel.SMS,
        purpose=purpose,
        template=template,
        status=MessageStatus.QUEUED,
        to_address=clean_line(to.number)[:20],
        to_name=clean_line(to.name)[:200],
        about=about,
        customer_id=to.customer.id if to.customer else None,
        dedupe_key=dedupe_key,
        params=dict(params or {}),
    )
    try:
        # A secret is made while sending, so a security text has no words yet.
        message.body_text = "" if purpose is Purpose.SECURITY else render_text(template, context or {})
    except TemplateError as error:
        # Whatever the customer just did must not be lost because a text is broken.
        log.exception("message_template_broken", template=template)
        fail(message, FailureCategory.TEMPLATE, f"{type(error).__name__}: {error}"[:200])
    if not is_textable(message.to_address):
        fail(message, FailureCategory.ADDRESS, "This is no number that texts can be sent to.")
    return insert_once(message)


def render_text(template: str, context: Mapping[str, Any]) -> str:
    """The fullest wording that fits one segment; where none does, the shortest with the company's name cut."""
    company = company_look()
    name = gsm7.plain(company.name) or gsm7.plain(company.slug)
    values = {key: _flat(value) for key, value in context.items()}
    wordings = _wordings(template, values, name, company.phone_display)
    if fitting := next((words for words in wordings if len(words) <= gsm7.SEGMENT), None):
        return fitting
    too_long = len(wordings[-1]) - gsm7.SEGMENT
    short_name = name[: max(len(name) - too_long, 0)].rstrip(" ,.-&")
    if len(short_name) < _SHORTEST_NAME:
        raise TemplateError("It does not fit into one text. The address of this site is too long.")
    return _wordings(template, values, short_name, company.phone_display)[-1]


def is_textable(number: str) -> bool:
    """Whether texts can be sent there at all: the form of the number."""
    return _E164.fullmatch(number) is not None


def mobile_of(contact: Contact) -> str:
    """The number to text a person at: what is said to be a mobile first; empty when there is none."""
    numbers = [phone for phone in contact.phones if is_textable(phone.e164)]
    mobiles = [phone for phone in numbers if phone.type.strip().lower() in _MOBILE]
    return next((phone.e164 for phone in (*mobiles, *numbers)), "")


def _wordings(template: str, values: Mapping[str, Any], name: str, phone: str) -> list[str]:
    page = render_template(f"messages/{template}/sms.txt", **values, brand=name, office_phone=phone)
    wordings = [gsm7.plain(line) for line in page.splitlines() if line.strip()]
    if not wordings:
        raise TemplateError("The text is empty.")
    return wordings


def _flat(value: Any) -> Any:
    """A value in one line: a line of its own would pass for another wording."""
    return clean_line(value) if isinstance(value, str) else value
