"""A spreadsheet on its way in: the batch is the work, each row keeps its verdict (6.7)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pillar.extensions import Model
from pillar.models.audit import Audited
from pillar.models.base import (
    HasStatus,
    Identified,
    PublicId,
    Stamped,
    TenantOwned,
    UtcDateTime,
    enum_type,
    tenant_keys,
    tenant_reference,
)
from pillar.models.outbox import OutboxRow


class ImportStatus(StrEnum):
    """How far a batch got."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Verdict(StrEnum):
    """What became of a row."""

    CREATE = "create"
    UPDATE = "update"
    DUPLICATE = "duplicate"
    REJECT = "reject"


S = ImportStatus


class ImportBatch(Identified, PublicId, TenantOwned, Stamped, OutboxRow, HasStatus, Audited, Model):
    """One file. `done_rows` rows are in for good: a killed import goes on behind them."""

    __tablename__ = "import_batch"
    MOVES: ClassVar = {
        S.QUEUED: frozenset({S.RUNNING, S.FAILED}),
        S.RUNNING: frozenset({S.DONE, S.FAILED}),
        S.DONE: frozenset(),
        S.FAILED: frozenset(),
    }

    file_name: Mapped[str] = mapped_column(String(200))
    file_key: Mapped[str] = mapped_column(String(80))
    status: Mapped[ImportStatus] = mapped_column(enum_type(ImportStatus), default=S.QUEUED)
    failure: Mapped[str] = mapped_column(Text, default="")
    total_rows: Mapped[int] = mapped_column(default=0)
    done_rows: Mapped[int] = mapped_column(default=0)
    created_rows: Mapped[int] = mapped_column(default=0)
    updated_rows: Mapped[int] = mapped_column(default=0)
    duplicate_rows: Mapped[int] = mapped_column(default=0)
    rejected_rows: Mapped[int] = mapped_column(default=0)
    started_by: Mapped[str] = mapped_column(String(200), default="")
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__: Any = (*tenant_keys(), OutboxRow.sweep_index())


class ImportRow(Identified, TenantOwned, Model):
    """One line of the file with what became of it; rejected ones keep their cells."""

    __tablename__ = "import_row"
    batch_id: Mapped[int]
    n: Mapped[int]
    verdict: Mapped[Verdict] = mapped_column(enum_type(Verdict))
    reason: Mapped[str] = mapped_column(Text, default="")
    cells: Mapped[dict[str, str] | None] = mapped_column(JSON)
    customer_id: Mapped[int | None]

    __table_args__: Any = (
        tenant_reference("batch_id", "import_batch", ondelete="CASCADE"),
        tenant_reference("customer_id", "customer"),
        UniqueConstraint("tenant_id", "batch_id", "n"),
        Index(None, "tenant_id", "batch_id", "verdict"),
    )
