"""Calls with customers, as somebody of the office wrote them down (7.1).

No `Message`: writing such a row is the request to send it, and everything that sends, retries and counts reads
them. A call is never sent, and it has a direction, a length and a note of its own.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from pillar.extensions import Model
from pillar.models.base import (
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


class CallDirection(StrEnum):
    """Who called."""

    INCOMING = "in"
    OUTGOING = "out"


class PhoneCall(Identified, PublicId, TenantOwned, Stamped, Model):
    """One call; its notes never leave the staff."""

    __tablename__ = "phone_call"
    customer_id: Mapped[int]
    contact_id: Mapped[int | None]
    staff_id: Mapped[int | None]
    author: Mapped[str] = mapped_column(String(200), default="")
    direction: Mapped[CallDirection] = mapped_column(enum_type(CallDirection))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    seconds: Mapped[int | None]
    notes: Mapped[str] = mapped_column(Text, default="")
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    customer: Mapped[Customer] = belongs_to("Customer", "PhoneCall.customer_id")

    __table_args__: Any = (
        *tenant_keys(),
        tenant_reference("customer_id", "customer"),
        tenant_reference("contact_id", "contact"),
        tenant_reference("staff_id", "staff_user"),
        CheckConstraint("seconds BETWEEN 0 AND 86400", name="seconds"),
        Index(None, "tenant_id", "customer_id", "at"),
    )
