"""Estimates: to whom, under which number and link, and where they stand (2.1, 2.15)."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pillar import clock
from pillar.errors import RuleViolation
from pillar.extensions import Model
from pillar.models.audit import Audited
from pillar.models.base import (
    HasStatus,
    Identified,
    PublicId,
    SoftDeleted,
    Stamped,
    TenantOwned,
    UtcDateTime,
    Versioned,
    belongs_to,
    enum_type,
    has_many,
    tenant_keys,
    tenant_reference,
)
from pillar.models.customer import Contact, Customer, ServiceLocation
from pillar.models.estimate_revision import EstimateRevision
from pillar.models.search import FoundByTitle
from pillar.tokens import document_token


class EstimateKind(StrEnum):
    """Kinds with a view of their own (2.3)."""

    GENERIC = "generic"
    RESIDENTIAL = "residential"
    PACKAGE = "package"
    MAINTENANCE_PLAN = "maintenance_plan"
    FLEET = "fleet"
    COMMERCIAL_BUILDING = "commercial_building"
    HOLIDAY_LIGHTS = "holiday_lights"
    ASPHALT = "asphalt"


class EstimateStatus(StrEnum):
    """Where an estimate stands; viewed is derived (2.15)."""

    DRAFT = "draft"
    SENT = "sent"
    CHANGES_REQUESTED = "changes_requested"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"


S = EstimateStatus
ACCEPTABLE = frozenset({S.SENT, S.CHANGES_REQUESTED})
# Somebody's signature is on it, whatever came later.
SIGNED = frozenset({S.ACCEPTED, S.CANCELLED})


class Estimate(
    Identified,
    PublicId,
    TenantOwned,
    Stamped,
    SoftDeleted,
    Versioned,
    HasStatus,
    FoundByTitle,
    Audited,
    Model,
):
    """An offer to a customer; its `number` comes when it is sent, its `public_token` opens it without sign-in."""

    __tablename__ = "estimate"
    MOVES: ClassVar = {
        S.DRAFT: frozenset({S.SENT}),
        S.SENT: frozenset(
            {S.ACCEPTED, S.DECLINED, S.EXPIRED, S.WITHDRAWN, S.SUPERSEDED, S.CHANGES_REQUESTED}
        ),
        S.CHANGES_REQUESTED: frozenset(
            {S.SENT, S.ACCEPTED, S.DECLINED, S.EXPIRED, S.WITHDRAWN, S.SUPERSEDED}
        ),
        S.DECLINED: frozenset({S.SENT}),
        S.EXPIRED: frozenset({S.SENT}),
        S.ACCEPTED: frozenset({S.CANCELLED}),
        S.WITHDRAWN: frozenset(),
        S.SUPERSEDED: frozenset(),
        S.CANCELLED: frozenset(),
    }

    number: Mapped[str | None] = mapped_column(String(30))
    kind: Mapped[EstimateKind] = mapped_column(enum_type(EstimateKind), default=EstimateKind.GENERIC)
    status: Mapped[EstimateStatus] = mapped_column(enum_type(EstimateStatus), default=S.DRAFT)
    title: Mapped[str] = mapped_column(String(200))
    customer_id: Mapped[int]
    contact_id: Mapped[int | None]
    location_id: Mapped[int | None]
    current_revision: Mapped[int] = mapped_column(default=1)
    valid_until: Mapped[date | None]
    total_cents: Mapped[int] = mapped_column(default=0)
    public_token: Mapped[str] = mapped_column(String(43), default=document_token, unique=True)
    token_revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decline_reason: Mapped[str] = mapped_column(Text, default="")

    customer: Mapped[Customer] = belongs_to("Customer", "Estimate.customer_id")
    contact: Mapped[Contact | None] = belongs_to("Contact", "Estimate.contact_id")
    location: Mapped[ServiceLocation | None] = belongs_to("ServiceLocation", "Estimate.location_id")
    revisions: Mapped[list[EstimateRevision]] = has_many(
        "EstimateRevision",
        "EstimateRevision.estimate_id",
        "Estimate",
        back_populates="estimate",
        order_by="EstimateRevision.n",
    )

    __table_args__: Any = (
        *tenant_keys(),
        tenant_reference("customer_id", "customer"),
        tenant_reference("contact_id", "contact"),
        tenant_reference("location_id", "service_location"),
        UniqueConstraint("tenant_id", "number"),
        Index(None, "tenant_id", "status", "sent_at"),
        Index(None, "tenant_id", "deleted_at", "id"),
        Index(None, "tenant_id", "deleted_at", "title", "id"),
        Index(None, "tenant_id", "deleted_at", "total_cents", "id"),
        Index(None, "tenant_id", "deleted_at", "status", "id"),
        Index(None, "tenant_id", "customer_id"),
        CheckConstraint("total_cents >= 0", name="total"),
    )

    @property
    def revision(self) -> EstimateRevision:
        """The current revision."""
        return next(each for each in self.revisions if each.n == self.current_revision)

    @property
    def draft(self) -> EstimateRevision | None:
        """The revision that is being written, if any: always the last one."""
        last = self.revisions[-1]
        return None if last.is_frozen else last

    @property
    def draft_or_current(self) -> EstimateRevision:
        """What the office would change: the revision being written, else the one the customer sees."""
        return self.draft or self.revision

    def is_past(self, time_zone: str) -> bool:
        """Whether the last day it was good for is over in the company's zone (2.1)."""
        if self.valid_until is None:
            return False
        return clock.now() >= clock.end_of_day(self.valid_until, time_zone)

    @property
    def has_live_link(self) -> bool:
        """Whether its document link opens anything."""
        return self.token_revoked_at is None and self.status is not S.DRAFT and self.deleted_at is None

    def mark_sent(self, revision: EstimateRevision, *, valid_until: date) -> None:
        """The frozen revision is what the customer sees from now on, also after they said no to the one before."""
        self.status = S.SENT
        self.decided_at, self.decline_reason = None, ""
        self.current_revision = revision.n
        self.title = revision.title
        self.valid_until = valid_until
        self.total_cents = revision.total_cents
        self.sent_at = clock.now()
        self.audit("estimate.sent", number=self.number, revision=revision.n, hash=revision.content_hash)

    def accept(self, at: datetime) -> None:
        """The customer signed. Only `services.acceptance` calls this, with the signature in the same transaction."""
        self.status = S.ACCEPTED
        self.decided_at = at
        self.audit("estimate.accepted", number=self.number, revision=self.current_revision)

    def request_changes(self) -> None:
        """The customer wants something else in it; they may still approve it as it is."""
        self.status = S.CHANGES_REQUESTED
        self.audit("estimate.changes_requested", number=self.number, revision=self.current_revision)

    def decline(self, reason: str) -> None:
        """The customer does not want it."""
        self.status = S.DECLINED
        self.decided_at = clock.now()
        self.decline_reason = reason
        self.audit("estimate.declined", number=self.number, reason=reason)

    def withdraw(self) -> None:
        """The office takes it back; its link then says so."""
        self.status = S.WITHDRAWN
        self.decided_at = clock.now()
        self.audit("estimate.withdrawn", number=self.number)

    def expire(self) -> None:
        """Its last day is over."""
        self.status = S.EXPIRED
        self.audit("estimate.expired", number=self.number)

    def extend(self, valid_until: date) -> None:
        """The office gives an expired or open estimate more days."""
        if self.status is S.EXPIRED:
            self.status = S.SENT
        elif self.status not in ACCEPTABLE:
            raise RuleViolation("Only an open or expired estimate can be extended.")
        self.audit("estimate.extended", before=str(self.valid_until), after=str(valid_until))
        self.valid_until = valid_until
