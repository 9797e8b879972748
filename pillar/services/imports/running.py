"""An import at work: rows are tidied outside the transaction, written in chunks, and each chunk is whole.

`batch.done_rows` is written in the same transaction as the customers: after a `kill -9` the next worker
goes on behind those rows, and every row is in once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy import delete, insert, select, update

from pillar import clock
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.imports import ImportBatch, ImportMapping, ImportRow, ImportStatus, UpdateMode, Verdict
from pillar.models.tenant import Tenant
from pillar.services.imports.columns import heads_digest
from pillar.services.imports.files import Received, file_path
from pillar.services.imports.judging import Judged, TidyRow, judge
from pillar.services.imports.origins import guess
from pillar.services.imports.tables import Table, check_columns, open_table
from pillar.services.imports.updating import apply_updates
from pillar.services.imports.writing import write_customers
from pillar.tenancy import current_tenant_id

UNDO_FOR = timedelta(days=14)
FILE_GONE = "The file is no longer here. Send it again."


def start_import(
    file_name: str,
    file_key: str,
    total_rows: int,
    started_by: str,
    columns: Sequence[str] | None = None,
    mode: UpdateMode = UpdateMode.FILL,
) -> ImportBatch:
    """Ask for the import of a received file at once, without a dry run; the row is the request."""
    batch = ImportBatch(
        file_name=file_name[:200],
        file_key=file_key,
        total_rows=total_rows,
        started_by=started_by[:200],
        columns=list(columns) if columns is not None else None,
        mode=mode,
    )
    db.session.add(batch)
    db.session.flush()
    batch.audit("import.started", file=batch.file_name, rows=total_rows)
    return batch


def draft_import(file_name: str, received: Received, started_by: str) -> ImportBatch:
    """A received file whose columns are to be looked at first."""
    origin, _columns = guess(received.heads)
    batch = ImportBatch(
        file_name=file_name[:200],
        file_key=received.key,
        total_rows=received.rows,
        started_by=started_by[:200],
        status=ImportStatus.MAPPING,
        origin=origin,
        heads=received.heads,
        samples=received.samples,
        columns=remembered_columns(received.heads),
        due_at=None,
    )
    db.session.add(batch)
    db.session.flush()
    batch.audit("import.received", file=batch.file_name, rows=received.rows)
    return batch


def remembered_columns(heads: Sequence[str]) -> list[str]:
    """What this company took these headings for the last time, else what we guess."""
    guessed = guess(heads)[1]
    query = select(ImportMapping.columns).where(ImportMapping.heads_digest == heads_digest(heads))
    kept = db.session.scalars(query).one_or_none()
    chosen = dict(kept) if kept else {}
    return [chosen.get(_place_of(heads, n), guessed[n]) for n in range(len(heads))]


def check_rows(batch: ImportBatch, columns: Sequence[str], mode: UpdateMode) -> None:
    """Choose what each column holds and ask for the dry run."""
    if batch.status not in {ImportStatus.MAPPING, ImportStatus.CHECKED}:
        raise RuleViolation("This file is past that. Look at how far it is.")
    check_columns(batch.heads or (), columns)
    batch.columns, batch.mode = list(columns), mode
    _remember(batch.heads or (), columns)
    batch.status = ImportStatus.CHECKING
    _begin(batch)
    batch.audit("import.columns_chosen", mode=mode)


def run_import(batch: ImportBatch) -> bool:
    """Ask for the import of a file after its dry run; False when somebody did so already."""
    if batch.status is not ImportStatus.CHECKED:
        return False
    batch.status = ImportStatus.QUEUED
    _begin(batch)
    batch.audit("import.started", file=batch.file_name, rows=batch.total_rows)
    return True


def company_file(batch: ImportBatch, data_dir: Path) -> Path:
    """Where the batch's file lies. Raises RuleViolation when it is gone."""
    company = db.session.scalars(select(Tenant.public_id).where(Tenant.id == current_tenant_id())).one()
    path = file_path(data_dir, company, batch.file_key)
    if path is None:
        raise RuleViolation(FILE_GONE)
    return path


def open_file(batch: ImportBatch, data_dir: Path) -> Table:
    """The batch's file, ready to read. Raises RuleViolation when it is gone."""
    return open_table(company_file(batch, data_dir), batch.columns)


def hold(batch_id: int, token: str, lease_seconds: int) -> ImportBatch | None:
    """The claimed batch, its lease made longer and its row locked; None when another holds it now."""
    extended = db.session.execute(
        update(ImportBatch)
        .where(ImportBatch.id == batch_id, ImportBatch.lease_token == token)
        .values(lease_until=clock.real_now() + timedelta(seconds=lease_seconds)),
        execution_options={"synchronize_session": False},
    )
    return ImportBatch.held(db.session(), batch_id, token) if extended.rowcount == 1 else None  # type: ignore[attr-defined]


def write_chunk(batch: ImportBatch, chunk: Sequence[TidyRow]) -> Counter[Verdict]:
    """Write one chunk and its verdicts into the open transaction; the caller commits."""
    # Two files of one company at once would not see each other's customers: one chunk at a time.
    db.session.execute(
        select(Tenant.id).where(Tenant.id == batch.tenant_id).with_for_update(key_share=True)
    ).one()
    if batch.status is ImportStatus.QUEUED:
        batch.status = ImportStatus.RUNNING
    judged = judge(chunk, batch.mode)
    new = [one for one in judged if one.verdict is Verdict.CREATE]
    made = write_customers([one.row.clean for one in new if one.row.clean])
    rows = {one.row.number: _verdict_row(batch, one) for one in judged}
    for one, created in zip(new, made, strict=True):
        if one.known:
            one.known.id = created.customer_id
        rows[one.row.number] |= {"made": created.undo, "fingerprint": created.fingerprint}
    for one in judged:
        rows[one.row.number]["customer_id"] = one.known.id if one.known else None
    changing = [one for one in judged if one.verdict is Verdict.UPDATE]
    later = {one.row.number for one in changing}
    _forget_rows(batch, judged)
    _insert([row for number, row in rows.items() if number not in later])
    undos = apply_updates(batch, changing)
    _insert([rows[number] | {"made": undo} for number, undo in undos.items()])
    counts = _count(batch, judged)
    batch.audit("import.chunk", rows=len(chunk), **{str(verdict): n for verdict, n in counts.items()})
    return counts


def write_verdicts(batch: ImportBatch, judged: Sequence[Judged]) -> Counter[Verdict]:
    """Keep what a dry run found for one chunk; nothing else is written."""
    _forget_rows(batch, judged)
    _insert([_verdict_row(batch, one) for one in judged])
    return _count(batch, judged)


def restart(batch: ImportBatch) -> None:
    """Count from the first row again."""
    batch.done_rows = batch.created_rows = batch.updated_rows = batch.duplicate_rows = batch.rejected_rows = 0


def finish(batch: ImportBatch) -> None:
    """All rows have their verdict: a dry run waits for the office, an import is done."""
    is_dry = batch.status is ImportStatus.CHECKING
    batch.status = ImportStatus.CHECKED if is_dry else ImportStatus.DONE
    batch.finish()
    if not is_dry:
        batch.finished_at = clock.now()
        batch.undo_until = batch.finished_at + UNDO_FOR
    batch.audit("import.checked" if is_dry else "import.finished", rows=batch.done_rows)


def give_up(batch: ImportBatch, reason: str) -> None:
    """The rest of the file cannot be read; what is in stays in, until it is undone."""
    is_in = batch.status is ImportStatus.RUNNING and batch.created_rows + batch.updated_rows > 0
    batch.status = ImportStatus.FAILED
    batch.failure = reason
    batch.finished_at = clock.now()
    if is_in:
        batch.undo_until = batch.finished_at + UNDO_FOR
    batch.finish()
    batch.audit("import.failed", reason=reason, rows=batch.done_rows)


def _begin(batch: ImportBatch) -> None:
    restart(batch)
    batch.attempts = 0
    batch.due_at, batch.rung_at = clock.real_now(), None


def _place_of(heads: Sequence[str], n: int) -> str:
    """A heading's name among those of its file: of two that are the same, the second is another."""
    return f"{heads[n]}#{list(heads[:n]).count(heads[n])}"


def _remember(heads: Sequence[str], columns: Sequence[str]) -> None:
    digest = heads_digest(heads)
    kept = db.session.scalars(select(ImportMapping).where(ImportMapping.heads_digest == digest)).one_or_none()
    if kept is None:
        kept = ImportMapping(heads_digest=digest)
        db.session.add(kept)
    kept.columns = [[_place_of(heads, n), column] for n, column in enumerate(columns)]


def _count(batch: ImportBatch, judged: Sequence[Judged]) -> Counter[Verdict]:
    counts = Counter(one.verdict for one in judged)
    batch.done_rows += len(judged)
    batch.created_rows += counts[Verdict.CREATE]
    batch.updated_rows += counts[Verdict.UPDATE]
    batch.duplicate_rows += counts[Verdict.DUPLICATE]
    batch.rejected_rows += counts[Verdict.REJECT]
    return counts


def _forget_rows(batch: ImportBatch, judged: Sequence[Judged]) -> None:
    """Whatever an earlier dry run found for these rows."""
    numbers = [one.row.number for one in judged]
    db.session.execute(
        delete(ImportRow).where(ImportRow.batch_id == batch.id, ImportRow.n.between(numbers[0], numbers[-1])),
        execution_options={"synchronize_session": False},
    )


def _insert(rows: list[dict[str, object]]) -> None:
    if rows:
        db.session.execute(insert(ImportRow), rows)


def _verdict_row(batch: ImportBatch, one: Judged) -> dict[str, object]:
    return {
        "batch_id": batch.id,
        "n": one.row.number,
        "verdict": one.verdict,
        "reason": one.reason,
        "name": one.row.name,
        "cells": one.row.cells,
        "customer_id": one.known.id if one.known else None,
        "made": None,
        "fingerprint": "",
    }
