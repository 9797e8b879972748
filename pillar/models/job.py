"""Work to be done."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pillar.extensions import Model
from pillar.models.audit import Audited
from pillar.models.base import (
    HasStatus,
    Identified,
    PublicId,
    SoftDeleted,
    Stamped,
    TenantOwned,
    Versioned,
    belongs_to,
    enum_type,
    tenant_keys,
    tenant_reference,
)
from pillar.models.customer import Customer, ServiceLocation
from pillar.models.estimate import Estimate
from pillar.models.search import FoundByTitle


class JobStatus(StrEnum):
    """Where a job stands (4.1)."""

    UNSCHEDULED = "unscheduled"
    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    INVOICED = "invoiced"
    CLOSED = "closed"
    ON_HOLD = "on_hold"
    CANCELLED = "cancelled"


class JobPriority(StrEnum):
    """How urgent."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    EMERGENCY = "emergency"


S = JobStatus


class Job(
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
    """A piece of work; at most one for an estimate (invariant 17, by a unique key)."""

    __tablename__ = "job"
    MOVES: ClassVar = {
        S.UNSCHEDULED: frozenset({S.SCHEDULED, S.IN_PROGRESS, S.ON_HOLD, S.CANCELLED}),
        S.SCHEDULED: frozenset({S.UNSCHEDULED, S.IN_PROGRESS, S.ON_HOLD, S.CANCELLED}),
        S.IN_PROGRESS: frozenset({S.COMPLETED, S.ON_HOLD, S.CANCELLED}),
        S.ON_HOLD: frozenset({S.UNSCHEDULED, S.SCHEDULED, S.IN_PROGRESS, S.CANCELLED}),
        S.COMPLETED: frozenset({S.INVOICED, S.CLOSED}),
        S.INVOICED: frozenset({S.CLOSED}),
        S.CLOSED: frozenset(),
        S.CANCELLED: frozenset(),
    }

    number: Mapped[str] = mapped_column(String(30))
    title: Mapped[str] = mapped_column(String(200))
    status: Mapped[JobStatus] = mapped_column(enum_type(JobStatus), default=S.UNSCHEDULED)
    priority: Mapped[JobPriority] = mapped_column(enum_type(JobPriority), default=JobPriority.NORMAL)
    customer_id: Mapped[int]
    location_id: Mapped[int | None]
    estimate_id: Mapped[int | None]
    contract_total_cents: Mapped[int] = mapped_column(default=0)

    customer: Mapped[Customer] = belongs_to("Customer", "Job.customer_id")
    location: Mapped[ServiceLocation | None] = belongs_to("ServiceLocation", "Job.location_id")
    estimate: Mapped[Estimate | None] = belongs_to("Estimate", "Job.estimate_id")

    __table_args__: Any = (
        *tenant_keys(),
        tenant_reference("customer_id", "customer"),
        tenant_reference("location_id", "service_location"),
        tenant_reference("estimate_id", "estimate"),
        UniqueConstraint("tenant_id", "number"),
        UniqueConstraint("tenant_id", "estimate_id"),
        Index(None, "tenant_id", "status", "created_at"),
        Index(None, "tenant_id", "deleted_at", "id"),
        Index(None, "tenant_id", "deleted_at", "title", "id"),
        Index(None, "tenant_id", "deleted_at", "created_at", "id"),
        Index(None, "tenant_id", "deleted_at", "contract_total_cents", "id"),
        Index(None, "tenant_id", "deleted_at", "status", "id"),
        Index(None, "tenant_id", "customer_id"),
    )
