"""Writing a message. The row is the request to send it; it goes out when the transaction commits, or never.

A message shows what was really sent, so it is rendered when it is written. Security messages are the exception: they
carry a new secret for each attempt, so `pillar.services.delivery` renders them while sending.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any

import structlog
from flask import render_template
from jinja2 import TemplateError
from sqlalchemy import bindparam, func, select
from sqlalchemy.exc import IntegrityError

from pillar import clock, emails
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.customer import Customer
from pillar.models.message import Channel, FailureCategory, Message, MessageStatus, Purpose
from pillar.models.tenant import Tenant
from pillar.services import links
from pillar.services.branding import CompanyProfile, profile
from pillar.tenancy import current_tenant_id
from pillar.text import clean_line, clean_text

log = structlog.get_logger()

# What goes along with some mails is made in a moment by a worker; without it they leave when this is over.
PAPER_PATIENCE = timedelta(minutes=3)
NO_WAIT = timedelta(0)
WAITS = {"estimate_accepted_customer": PAPER_PATIENCE}
_VERSION = select(Tenant.settings_version).where(Tenant.id == bindparam("tenant_id"))
_SUBJECT_LENGTH, _NAME_LENGTH = 300, 200


@dataclass(frozen=True, slots=True)
class Rendered:
    """The three texts of a mail."""

    subject: str
    text: str
    html: str


def compose(  # noqa: PLR0913 - all by name, and each says one thing
    template: str,
    *,
    to_address: str,
    to_name: str = "",
    purpose: Purpose = Purpose.TRANSACTIONAL,
    about: str = "",
    customer: Customer | None = None,
    dedupe_key: str,
    params: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
) -> Message:
    """Write a mail; asking twice with the same key gives the first one."""
    if (earlier := with_key(dedupe_key)) is not None:
        return earlier
    message = Message(
        channel=Channel.EMAIL,
        purpose=purpose,
        template=template,
        status=MessageStatus.QUEUED,
        to_address=_address(to_address) or clean_line(to_address)[: emails.MAX_LENGTH],
        to_name=clean_line(to_name)[:_NAME_LENGTH],
        about=about,
        customer_id=customer.id if customer else None,
        dedupe_key=dedupe_key,
        params=dict(params or {}),
        due_at=clock.real_now() + WAITS.get(template, NO_WAIT),
    )
    if purpose is not Purpose.SECURITY:
        _fill(message, context or {})
    if not is_mailable(message.to_address):
        fail(message, FailureCategory.ADDRESS, "No mail can be sent to this address.")
    return insert_once(message)


def render(template: str, context: Mapping[str, Any]) -> Rendered:
    """The texts of a message in the look of the bound company."""
    values = {"preheader": "", "contact_name": "", **context, "company": company_look()}
    return Rendered(
        subject=clean_line(render_template(f"messages/{template}/subject.txt", **values))[:_SUBJECT_LENGTH],
        text=clean_text(render_template(f"messages/{template}/body.txt", **values)) + "\n",
        html=clean_text(render_template(f"messages/{template}/body.html", **values)),
    )


def fail(message: Message, category: FailureCategory, detail: str) -> None:
    """Give the message up, with the reason for the office."""
    message.status = MessageStatus.FAILED
    message.failure_category = category
    message.failure_detail = detail
    message.body_sealed = ""
    message.finish()


def is_mailable(address: str) -> bool:
    """Whether mail can be sent there at all: the form of the address, without asking its server."""
    return bool(_address(address))


def count_about(about: str, template: str) -> int:
    """How many messages of this kind were written about one thing."""
    query = select(func.count(Message.id)).where(Message.about == about, Message.template == template)
    return db.session.scalar(query) or 0


@lru_cache(maxsize=1_000)
def _address(typed: str) -> str:
    """The address in its one spelling; empty when it cannot be one."""
    try:
        return emails.normalized(typed)
    except RuleViolation:
        return ""


def _fill(message: Message, context: Mapping[str, Any]) -> None:
    try:
        rendered = render(message.template, context)
    except TemplateError as error:
        # Whatever the customer just did must not be lost because a text is broken.
        log.exception("message_template_broken", template=message.template)
        fail(message, FailureCategory.TEMPLATE, type(error).__name__)
        return
    message.subject = rendered.subject
    message.body_text = rendered.text
    message.body_html = rendered.html


def company_profile() -> CompanyProfile:
    """The bound company: its settings' version is asked each time, the rest only when that is another one."""
    tenant_id = current_tenant_id()
    version = db.session.scalars(_VERSION, {"tenant_id": tenant_id}).one()
    return profile(db.session(), tenant_id, version)


def company_look() -> CompanyProfile:
    """The bound company as its messages show it."""
    company = company_profile()
    # In a mailbox a path alone leads nowhere.
    return replace(company, logo_url=links.public(company.logo_url)) if company.logo_url else company


def insert_once(message: Message) -> Message:
    """Whoever comes second finds the unique key taken, and with it the first one's row."""
    db.session.flush()
    try:
        with db.session.begin_nested():
            db.session.add(message)
    except IntegrityError:
        if (first := with_key(message.dedupe_key)) is None:
            raise
        return first
    return message


def with_key(dedupe_key: str) -> Message | None:
    """The message that was written under this key."""
    return db.session.scalars(select(Message).where(Message.dedupe_key == dedupe_key)).one_or_none()
