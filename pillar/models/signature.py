"""A signature and everything that makes it hold (2.8, 2.9)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, deferred, mapped_column

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
from pillar.models.estimate import Estimate
from pillar.models.estimate_revision import EstimateRevision
from pillar.tokens import certificate_id


class SignatureMethod(StrEnum):
    """How the name was put there; typing is the equal of drawing."""

    DRAW = "draw"
    TYPE = "type"


class Signature(Identified, PublicId, TenantOwned, Model):
    """One per estimate, stored in the transaction that accepts it, and never changed."""

    __tablename__ = "signature"
    estimate_id: Mapped[int]
    revision_id: Mapped[int]
    option_key: Mapped[str] = mapped_column(String(20))
    addon_keys: Mapped[list[str]] = mapped_column(JSON, default=list)
    # Exactly what was chosen, as canonical JSON, and its hash: option, add-ons, lines, terms and totals (12).
    choice: Mapped[str] = deferred(mapped_column(Text, default=""))
    choice_hash: Mapped[str] = mapped_column(String(64), default="")
    total_cents: Mapped[int]
    method: Mapped[SignatureMethod] = mapped_column(enum_type(SignatureMethod))
    signer_name: Mapped[str] = mapped_column(String(200))
    contact_id: Mapped[int | None]
    consent_version: Mapped[str] = mapped_column(String(20))
    consent_text: Mapped[str] = mapped_column(Text)
    terms_hash: Mapped[str] = mapped_column(String(64))
    content_hash: Mapped[str] = mapped_column(String(64))
    ip: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(300))
    time_zone: Mapped[str] = mapped_column(String(64))
    signed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    certificate_id: Mapped[str] = mapped_column(String(26), default=certificate_id, unique=True)
    strokes: Mapped[str] = deferred(mapped_column(Text, default=""))
    image_png: Mapped[bytes | None] = deferred(mapped_column(LargeBinary))

    estimate: Mapped[Estimate] = belongs_to("Estimate", "Signature.estimate_id")
    revision: Mapped[EstimateRevision] = belongs_to("EstimateRevision", "Signature.revision_id")

    __table_args__: Any = (
        *tenant_keys(),
        tenant_reference("estimate_id", "estimate"),
        tenant_reference("revision_id", "estimate_revision"),
        tenant_reference("contact_id", "contact"),
        UniqueConstraint("tenant_id", "estimate_id"),
    )
