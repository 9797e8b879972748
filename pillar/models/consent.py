"""Who agreed to be written to, and who took it back: append-only, per address and purpose (7.3, invariants 30, 31).

Both tables speak of addresses, never of contacts: what a person said holds for the number, whoever it is filed under.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, Text, UniqueConstraint, event
from sqlalchemy.orm import Mapped, ORMExecuteState, mapped_column

from pillar import clock
from pillar.errors import RuleViolation
from pillar.extensions import Model
from pillar.models.base import (
    Identified,
    PublicId,
    Stamped,
    TenantOwned,
    UtcDateTime,
    enum_type,
    tenant_keys,
    tenant_reference,
)
from pillar.models.message import Channel, Purpose
from pillar.tenancy import FencedSession


class ConsentAction(StrEnum):
    """What the person said."""

    GRANTED = "granted"
    REVOKED = "revoked"


class ConsentScope(StrEnum):
    """Whether it was said of one purpose or of everything on this channel."""

    PURPOSE = "purpose"
    ALL = "all"


class ConsentSource(StrEnum):
    """Where it was said."""

    PORTAL = "portal"
    FORM = "form"
    SMS_KEYWORD = "sms_keyword"
    STAFF = "staff"
    IMPORT = "import"
    PROVIDER = "provider"
    EMAIL = "email"


class SuppressionReason(StrEnum):
    """Why nothing goes to an address any more."""

    OPTED_OUT = "opted_out"
    BOUNCED = "bounced"
    SPAM_REPORT = "spam_report"
    UNSUBSCRIBED = "unsubscribed"


class ConsentRecord(Identified, PublicId, TenantOwned, Model):
    """One thing that was said. The last one for an address and purpose is how it stands."""

    __tablename__ = "consent_record"
    address: Mapped[str] = mapped_column(String(254))
    channel: Mapped[Channel] = mapped_column(enum_type(Channel))
    purpose: Mapped[Purpose] = mapped_column(enum_type(Purpose))
    action: Mapped[ConsentAction] = mapped_column(enum_type(ConsentAction))
    scope: Mapped[ConsentScope] = mapped_column(enum_type(ConsentScope))
    source: Mapped[ConsentSource] = mapped_column(enum_type(ConsentSource))
    wording_version: Mapped[str] = mapped_column(String(40), default="")
    # What they read when they agreed, or wrote when they took it back.
    wording: Mapped[str] = mapped_column(Text, default="")
    ip: Mapped[str] = mapped_column(String(45), default="")
    user_agent: Mapped[str] = mapped_column(String(300), default="")
    staff_id: Mapped[int | None]
    message_id: Mapped[int | None]
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)

    __table_args__: Any = (
        *tenant_keys(),
        tenant_reference("staff_id", "staff_user"),
        tenant_reference("message_id", "message"),
        Index(None, "tenant_id", "address"),
    )


class Suppression(Identified, TenantOwned, Stamped, Model):
    """An address that a vendor told us not to use. `detail` is what it said."""

    __tablename__ = "suppression"
    channel: Mapped[Channel] = mapped_column(enum_type(Channel))
    address: Mapped[str] = mapped_column(String(254))
    reason: Mapped[SuppressionReason] = mapped_column(enum_type(SuppressionReason))
    detail: Mapped[str] = mapped_column(String(500), default="")

    __table_args__: Any = (UniqueConstraint("tenant_id", "address", "channel", "reason"),)


_FIXED = "What was said about consent stays on record. Add what is said now."


@event.listens_for(ConsentRecord, "before_update")
@event.listens_for(ConsentRecord, "before_delete")
def _append_only(_mapper: Any, _connection: Any, _row: ConsentRecord) -> None:
    raise RuleViolation(_FIXED)


@event.listens_for(FencedSession, "do_orm_execute")
def _not_in_bulk(state: ORMExecuteState) -> None:
    table = getattr(state.statement, "table", None)
    if not state.is_select and not state.is_insert and getattr(table, "name", "") == "consent_record":
        raise RuleViolation(_FIXED)
