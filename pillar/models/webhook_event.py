"""What vendors told us: stored once, applied by a task together with its effect (invariant 24)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pillar import clock
from pillar.extensions import Model
from pillar.models.base import Identified, PublicId, TenantOwned, UtcDateTime, enum_type, tenant_keys
from pillar.models.outbox import OutboxRow


class Provider(StrEnum):
    """Who told us."""

    TWILIO = "twilio"
    SENDGRID = "sendgrid"


class WebhookOutcome(StrEnum):
    """What came of it. Only `applied` and `no_effect` are settled for good."""

    WAITING = "waiting"
    APPLIED = "applied"
    NO_EFFECT = "no_effect"
    UNKNOWN = "unknown"
    FAILED = "failed"


class _Told:
    """What both tables below keep of an event."""

    provider: Mapped[Provider] = mapped_column(enum_type(Provider))
    # The vendor's account that it is about; empty for the platform's only one.
    account: Mapped[str] = mapped_column(String(64), default="")
    event_id: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(60))
    object_id: Mapped[str] = mapped_column(String(160), default="")
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)


class WebhookEvent(Identified, PublicId, TenantOwned, OutboxRow, _Told, Model):
    """An event of one company's. A vendor's event is one row whoever it is sent to, so its key has no tenant."""

    __tablename__ = "webhook_event"
    applied_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[WebhookOutcome] = mapped_column(enum_type(WebhookOutcome), default=WebhookOutcome.WAITING)
    note: Mapped[str] = mapped_column(String(300), default="")

    __table_args__: Any = (
        *tenant_keys(),
        UniqueConstraint("provider", "account", "event_id"),
        Index(None, "tenant_id", "received_at"),
        Index(None, "tenant_id", "object_id"),
        OutboxRow.sweep_index(),
    )

    def settle(self, outcome: WebhookOutcome, note: str = "") -> None:
        """Say what came of it; committed together with its effect."""
        self.outcome, self.note = outcome, note[:300]
        self.applied_at = clock.now() if outcome is not WebhookOutcome.UNKNOWN else None
        self.finish()


class StrayWebhook(Identified, _Told, Model):
    """A genuine event that names nothing of any company: kept for who runs Pillar, never dropped."""

    __tablename__ = "stray_webhook"
    __table_args__ = (UniqueConstraint("provider", "account", "event_id"), Index(None, "received_at"))
