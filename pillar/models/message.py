"""Every message, also a suppressed one, is a row: what, to whom, why, its state (7.9)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pillar.extensions import Model
from pillar.models.base import (
    HasStatus,
    Identified,
    PublicId,
    Stamped,
    TenantOwned,
    UtcDateTime,
    belongs_to,
    enum_type,
    tenant_keys,
    tenant_reference,
)
from pillar.models.customer import Customer
from pillar.models.outbox import OutboxRow


class Channel(StrEnum):
    """How a message travels."""

    EMAIL = "email"
    SMS = "sms"


class Purpose(StrEnum):
    """Why it is sent; consent is asked per purpose."""

    TRANSACTIONAL = "transactional"
    MARKETING = "marketing"
    SECURITY = "security"


class MessageStatus(StrEnum):
    """How far it got. Delivery only moves up (invariant 33)."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    OPENED = "opened"
    UNKNOWN = "unknown"
    BOUNCED = "bounced"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    HELD = "held"


class FailureCategory(StrEnum):
    """Why a message did not go out, each with a way to fix it (2.5)."""

    LINK_SETUP = "link_setup"
    MISSING_OPTIONS = "missing_options"
    MISSING_PLAN = "missing_plan"
    PROVIDER = "provider"
    CONSENT = "consent"
    QUIET_HOURS = "quiet_hours"
    ADDRESS = "address"
    TEMPLATE = "template"
    REGISTRATION = "registration"
    FEATURE_OFF = "feature_off"


S = MessageStatus


class Message(Identified, PublicId, TenantOwned, Stamped, OutboxRow, HasStatus, Model):
    """A message; writing the row is the request to send it. `dedupe_key` makes it go out once."""

    __tablename__ = "message"
    MOVES: ClassVar = {
        S.QUEUED: frozenset({S.SENDING, S.FAILED, S.SUPPRESSED, S.HELD}),
        S.HELD: frozenset({S.QUEUED, S.SUPPRESSED, S.FAILED}),
        S.SENDING: frozenset({S.QUEUED, S.SENT, S.DELIVERED, S.UNKNOWN, S.FAILED, S.BOUNCED, S.SUPPRESSED}),
        S.UNKNOWN: frozenset({S.QUEUED, S.SENT, S.DELIVERED, S.OPENED, S.BOUNCED, S.FAILED}),
        S.SENT: frozenset({S.DELIVERED, S.OPENED, S.BOUNCED, S.FAILED}),
        S.DELIVERED: frozenset({S.OPENED}),
        S.OPENED: frozenset(),
        S.BOUNCED: frozenset(),
        S.FAILED: frozenset({S.QUEUED}),
        S.SUPPRESSED: frozenset(),
    }

    channel: Mapped[Channel] = mapped_column(enum_type(Channel))
    purpose: Mapped[Purpose] = mapped_column(enum_type(Purpose))
    template: Mapped[str] = mapped_column(String(60))
    status: Mapped[MessageStatus] = mapped_column(enum_type(MessageStatus), default=S.QUEUED)
    to_address: Mapped[str] = mapped_column(String(254))
    to_name: Mapped[str] = mapped_column(String(200), default="")
    subject: Mapped[str] = mapped_column(String(300), default="")
    body_text: Mapped[str] = mapped_column(Text, default="")
    body_html: Mapped[str] = mapped_column(Text, default="")
    # Security messages only: rendered at sending with a new token, sealed with the data keys, dropped afterwards.
    body_sealed: Mapped[str] = mapped_column(Text, default="")
    params: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    customer_id: Mapped[int | None]
    about: Mapped[str] = mapped_column(String(80), default="")
    dedupe_key: Mapped[str] = mapped_column(String(160))
    provider_id: Mapped[str] = mapped_column(String(120), default="")
    failure_category: Mapped[FailureCategory | None] = mapped_column(enum_type(FailureCategory))
    failure_detail: Mapped[str] = mapped_column(Text, default="")
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    customer: Mapped[Customer | None] = belongs_to("Customer", "Message.customer_id")

    __table_args__: Any = (
        *tenant_keys(),
        tenant_reference("customer_id", "customer"),
        UniqueConstraint("tenant_id", "dedupe_key"),
        Index(None, "tenant_id", "created_at"),
        Index(None, "tenant_id", "about"),
        Index(None, "tenant_id", "customer_id", "created_at"),
        OutboxRow.sweep_index(),
    )
