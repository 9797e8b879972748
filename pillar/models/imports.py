"""A spreadsheet on its way in: the batch is the work, each row keeps its verdict and what undoing it takes (6.7)."""

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

    MAPPING = "mapping"
    CHECKING = "checking"
    CHECKED = "checked"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"


class Verdict(StrEnum):
    """What became of a row."""

    CREATE = "create"
    UPDATE = "update"
    DUPLICATE = "duplicate"
    REJECT = "reject"


class UpdateMode(StrEnum):
    """What a row may change on a customer who is here already."""

    FILL = "fill"
    OVERWRITE = "overwrite"


class Undone(StrEnum):
    """What undoing made of a row. `NOTHING`: there was nothing to take back."""

    REMOVED = "removed"
    RESTORED = "restored"
    KEPT = "kept"
    NOTHING = "nothing"


S = ImportStatus


class ImportBatch(Identified, PublicId, TenantOwned, Stamped, OutboxRow, HasStatus, Audited, Model):
    """One file. `done_rows` rows are in for good: a killed import goes on behind them, and so does an undo."""

    __tablename__ = "import_batch"
    MOVES: ClassVar = {
        S.MAPPING: frozenset({S.CHECKING, S.FAILED}),
        S.CHECKING: frozenset({S.CHECKED, S.FAILED}),
        S.CHECKED: frozenset({S.CHECKING, S.QUEUED, S.FAILED}),
        S.QUEUED: frozenset({S.RUNNING, S.DONE, S.FAILED}),
        S.RUNNING: frozenset({S.DONE, S.FAILED}),
        S.DONE: frozenset({S.UNDOING}),
        S.FAILED: frozenset({S.UNDOING}),
        S.UNDOING: frozenset({S.UNDONE, S.FAILED}),
        S.UNDONE: frozenset(),
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
    # The file's headings with a few values of each, and what each column is taken for (`services.imports.columns`).
    origin: Mapped[str] = mapped_column(String(20), default="", server_default="")
    heads: Mapped[list[str] | None] = mapped_column(JSON)
    samples: Mapped[list[list[str]] | None] = mapped_column(JSON)
    columns: Mapped[list[str] | None] = mapped_column(JSON)
    mode: Mapped[UpdateMode] = mapped_column(
        enum_type(UpdateMode), default=UpdateMode.FILL, server_default="fill"
    )
    # Undoing: until when, how many rows are done, how many of them were kept.
    undo_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    undone_rows: Mapped[int] = mapped_column(default=0, server_default="0")
    kept_rows: Mapped[int] = mapped_column(default=0, server_default="0")
    # File and rows are gone; the counts stay.
    purged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__: Any = (*tenant_keys(), OutboxRow.sweep_index())


class ImportRow(Identified, TenantOwned, Model):
    """One line of the file with what became of it; rejected ones keep their cells."""

    __tablename__ = "import_row"
    batch_id: Mapped[int]
    n: Mapped[int]
    verdict: Mapped[Verdict] = mapped_column(enum_type(Verdict))
    reason: Mapped[str] = mapped_column(Text, default="")
    name: Mapped[str] = mapped_column(String(200), default="", server_default="")
    cells: Mapped[list[str] | None] = mapped_column(JSON)
    customer_id: Mapped[int | None]
    # What undoing takes: the rows made and the values replaced, and what a made customer looked like.
    made: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    fingerprint: Mapped[str] = mapped_column(String(64), default="", server_default="")
    undone: Mapped[Undone | None] = mapped_column(enum_type(Undone))
    undo_note: Mapped[str] = mapped_column(Text, default="", server_default="")

    __table_args__: Any = (
        tenant_reference("batch_id", "import_batch", ondelete="CASCADE"),
        tenant_reference("customer_id", "customer"),
        UniqueConstraint("tenant_id", "batch_id", "n"),
        Index(None, "tenant_id", "batch_id", "verdict", "n"),
        Index(None, "tenant_id", "customer_id"),
    )


class ImportMapping(Identified, TenantOwned, Stamped, Model):
    """What a company took the columns of a set of headings for, to offer the same next time."""

    __tablename__ = "import_mapping"
    heads_digest: Mapped[str] = mapped_column(String(64))
    columns: Mapped[list[list[str]]] = mapped_column(JSON)

    __table_args__: Any = (UniqueConstraint("tenant_id", "heads_digest"),)
