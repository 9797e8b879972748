"""What customers say about an estimate, and when they look at it (2.6, 2.7)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pillar import clock
from pillar.extensions import Model
from pillar.models.base import (
    Identified,
    PublicId,
    TenantOwned,
    UtcDateTime,
    belongs_to,
    enum_type,
    tenant_keys,
    tenant_reference,
)
from pillar.models.estimate import Estimate, EstimateKind


class ReplyKind(StrEnum):
    """What a customer may answer beside signing."""

    QUESTION = "question"
    CHANGES = "changes"
    UPDATE = "update"
    DECLINE = "decline"


class DeclineReason(StrEnum):
    """Why not, in a word; their own words stand beside it."""

    PRICE = "price"
    TIMING = "timing"
    OTHER_COMPANY = "other_company"
    NOT_NEEDED = "not_needed"
    OTHER = "other"


class Device(StrEnum):
    """What a page was looked at with; more of the browser is not kept."""

    PHONE = "phone"
    TABLET = "tablet"
    COMPUTER = "computer"


class EstimateReply(Identified, PublicId, TenantOwned, Model):
    """One thing that a customer said. Never changed; `form_key` makes a double click one reply."""

    __tablename__ = "estimate_reply"
    estimate_id: Mapped[int]
    revision_n: Mapped[int]
    kind: Mapped[ReplyKind] = mapped_column(enum_type(ReplyKind))
    # The line that it is about, as `<option>.<line>` or `addon.<line>`, and its words then; empty for the whole.
    line_key: Mapped[str] = mapped_column(String(50), default="")
    line_text: Mapped[str] = mapped_column(String(500), default="")
    reason: Mapped[DeclineReason | None] = mapped_column(enum_type(DeclineReason))
    body: Mapped[str] = mapped_column(Text, default="")
    name: Mapped[str] = mapped_column(String(200), default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    form_key: Mapped[str] = mapped_column(String(64))

    estimate: Mapped[Estimate] = belongs_to("Estimate", "EstimateReply.estimate_id")

    __table_args__: Any = (
        *tenant_keys(),
        tenant_reference("estimate_id", "estimate"),
        UniqueConstraint("tenant_id", "estimate_id", "form_key"),
    )


class EstimateView(Identified, TenantOwned, Model):
    """One look at the page by somebody outside the office, counted while it was visible."""

    __tablename__ = "estimate_view"
    estimate_id: Mapped[int]
    revision_n: Mapped[int]
    kind: Mapped[EstimateKind] = mapped_column(enum_type(EstimateKind))
    device: Mapped[Device] = mapped_column(enum_type(Device))
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    __table_args__: Any = (
        tenant_reference("estimate_id", "estimate"),
        Index(None, "tenant_id", "estimate_id", "at"),
        Index(None, "tenant_id", "kind", "at"),
    )
