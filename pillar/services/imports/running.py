"""An import at work: rows are tidied outside the transaction, written in chunks, and each chunk is whole.

`batch.done_rows` is written in the same transaction as the customers: after a `kill -9` the next worker
goes on behind those rows, and every row is in once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import IO

from sqlalchemy import insert, select, update

from pillar import clock
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.imports import ImportBatch, ImportRow, ImportStatus, Verdict
from pillar.models.tenant import Tenant
from pillar.services.imports.files import file_path, forget_file, store_file
from pillar.services.imports.matching import Sign, signs_left, signs_of_customers, signs_to_find
from pillar.services.imports.reading import Table, check_table, open_table
from pillar.services.imports.tidying import CleanRow, tidy
from pillar.services.imports.writing import write_customers
from pillar.tenancy import current_tenant_id

CHUNK_ROWS = 500
REASON_LENGTH = 300
CELL_KEPT = 500
FILE_GONE = "The file is no longer here. Send it again."


@dataclass(frozen=True, slots=True)
class TidyRow:
    """One row before the database was asked: clean values, or the reason why it cannot come in."""

    number: int
    clean: CleanRow | None
    reason: str
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class Judged:
    """One row with its verdict; `known` is the customer that it repeats."""

    row: TidyRow
    verdict: Verdict
    reason: str = ""
    known: int | None = None


def receive_file(data_dir: Path, company: str, stream: IO[bytes]) -> tuple[str, int]:
    """Keep a table of customers: its name and its number of rows. Slow; call it outside a transaction."""
    key = store_file(data_dir, company, stream)
    try:
        _table, count = check_table(data_dir / "files" / company / "imports" / key)
    except RuleViolation as unreadable:
        forget_file(data_dir, company, key)
        raise RuleViolation(unreadable.message, field="file") from None
    return key, count


def start_import(file_name: str, file_key: str, total_rows: int, started_by: str) -> ImportBatch:
    """Ask for the import of a received file; the row is the request."""
    batch = ImportBatch(
        file_name=file_name[:200], file_key=file_key, total_rows=total_rows, started_by=started_by[:200]
    )
    db.session.add(batch)
    db.session.flush()
    batch.audit("import.started", file=batch.file_name, rows=total_rows)
    return batch


def open_file(batch: ImportBatch, data_dir: Path) -> Table:
    """The batch's file, ready to read. Raises RuleViolation when it is gone."""
    company = db.session.scalars(select(Tenant.public_id).where(Tenant.id == current_tenant_id())).one()
    path = file_path(data_dir, company, batch.file_key)
    if path is None:
        raise RuleViolation(FILE_GONE)
    return open_table(path)


def chunks(table: Table, after: int = 0) -> Iterator[list[TidyRow]]:
    """Tidy rows, at most 500 at a time, behind the first `after` ones. Touches no database."""
    rows = table.rows(after)
    while chunk := [_tidied(table, number, row) for number, row in islice(rows, CHUNK_ROWS)]:
        yield chunk


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
    judged = judge(chunk)
    new = [one.row.clean for one in judged if one.verdict is Verdict.CREATE and one.row.clean]
    created = iter(write_customers(new))
    rows = [
        _verdict_row(batch, one, next(created) if one.verdict is Verdict.CREATE else one.known)
        for one in judged
    ]
    db.session.execute(insert(ImportRow), rows)
    counts = Counter(one.verdict for one in judged)
    batch.done_rows += len(chunk)
    batch.created_rows += counts[Verdict.CREATE]
    batch.duplicate_rows += counts[Verdict.DUPLICATE]
    batch.rejected_rows += counts[Verdict.REJECT]
    batch.audit("import.chunk", rows=len(chunk), **{str(verdict): n for verdict, n in counts.items()})
    return counts


def judge(chunk: Sequence[TidyRow], seen: set[Sign] | None = None) -> list[Judged]:
    """A verdict for each row. `seen` carries signs from chunk to chunk when nothing is written."""
    known = signs_of_customers(row.clean for row in chunk if row.clean)
    seen = set() if seen is None else seen
    judged = []
    for row in chunk:
        one = _verdict(row, known, seen)
        if one.verdict is Verdict.CREATE and row.clean:
            seen.update(signs_left(row.clean))
        judged.append(one)
    return judged


def finish(batch: ImportBatch) -> None:
    """All rows have their verdict."""
    batch.status = ImportStatus.DONE
    batch.finished_at = clock.now()
    batch.finish()
    batch.audit("import.finished", rows=batch.done_rows)


def give_up(batch: ImportBatch, reason: str) -> None:
    """The rest of the file cannot be read; what is in stays in."""
    batch.status = ImportStatus.FAILED
    batch.failure = reason
    batch.finished_at = clock.now()
    batch.finish()
    batch.audit("import.failed", reason=reason, rows=batch.done_rows)


def _tidied(table: Table, number: int, row: list[str]) -> TidyRow:
    try:
        return TidyRow(number, tidy(table.named(row)), "", {})
    except RuleViolation as refusal:
        kept = {head: cell[:CELL_KEPT] for head, cell in table.labelled(row).items()}
        return TidyRow(number, None, refusal.message[:REASON_LENGTH], kept)


def _verdict(row: TidyRow, known: Mapping[Sign, int], seen: Container[Sign]) -> Judged:
    if row.clean is None:
        return Judged(row, Verdict.REJECT, row.reason)
    signs = signs_to_find(row.clean)
    if here := next((known[sign] for sign in signs if sign in known), None):
        return Judged(row, Verdict.DUPLICATE, "This customer is here already.", here)
    if any(sign in seen for sign in signs):
        return Judged(row, Verdict.DUPLICATE, "The same customer stands above in this file.")
    return Judged(row, Verdict.CREATE)


def _verdict_row(batch: ImportBatch, judged: Judged, customer_id: int | None) -> dict[str, object]:
    return {
        "batch_id": batch.id,
        "n": judged.row.number,
        "verdict": judged.verdict,
        "reason": judged.reason,
        "cells": judged.row.cells or None,
        "customer_id": customer_id,
    }
