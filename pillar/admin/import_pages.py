"""What the pages of one import show: its columns to choose, its rows by verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from urllib.parse import urlencode

from flask import url_for
from markupsafe import Markup
from sqlalchemy import select

from pillar.admin import formatters
from pillar.admin.formatters import Look
from pillar.admin.listing import Tab
from pillar.extensions import db
from pillar.models.customer import Customer
from pillar.models.imports import ImportBatch, ImportRow, ImportStatus, Undone, Verdict
from pillar.services.imports.columns import FIELDS, Field, extra_fields, is_further_place

VERDICT_LOOKS = {
    Verdict.CREATE: Look("good", "plus", "New"),
    Verdict.UPDATE: Look("info", "pencil", "Update"),
    Verdict.DUPLICATE: Look("off", "person", "Here already"),
    Verdict.REJECT: Look("bad", "warning", "Rejected"),
}
UNDONE_LOOKS = {
    Undone.REMOVED: Look("off", "trash", "Removed"),
    Undone.RESTORED: Look("good", "swap", "Restored"),
    Undone.KEPT: Look("wait", "lock", "Kept"),
    Undone.NOTHING: Look("off", "minus", "Nothing to do"),
}
KEPT = "kept"
NO_ROWS_YET = "No rows here."
_PAGE = 50
_MOST_DIGITS = 9


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """One column of the file, to be chosen for."""

    n: int
    head: str
    samples: Sequence[str]
    chosen: str


@dataclass(frozen=True, slots=True)
class ListedRow:
    """One row of the file with its verdict."""

    n: int
    look: Markup
    name: str
    url: str
    note: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of rows."""

    rows: Sequence[ListedRow]
    next_url: str


def column_rows(batch: ImportBatch, chosen: Sequence[str]) -> list[ColumnRow]:
    """The columns with a few of their values; further addresses of Housecall Pro's are not asked about."""
    heads = batch.heads or []
    several = zip_longest(heads, batch.samples or [], chosen[: len(heads)], fillvalue="")
    rows = [
        ColumnRow(n, head or f"Column {n + 1}", list(samples), column)
        for n, (head, samples, column) in enumerate(several)
    ]
    return [row for row in rows if not is_further_place((batch.columns or [])[row.n])]


def field_groups(batch: ImportBatch) -> dict[str, list[Field]]:
    """Everything that a column can be, by group."""
    extra = [field for field in extra_fields(batch.columns or ()) if not is_further_place(field.key)]
    groups: dict[str, list[Field]] = {}
    for field in (*FIELDS, *extra):
        groups.setdefault(field.group, []).append(field)
    return groups


def verdict_tabs(batch: ImportBatch, chosen: str, url: str) -> list[Tab]:
    """All rows, and those of each verdict with their number."""
    counts = {
        Verdict.CREATE: batch.created_rows,
        Verdict.UPDATE: batch.updated_rows,
        Verdict.DUPLICATE: batch.duplicate_rows,
        Verdict.REJECT: batch.rejected_rows,
    }
    tabs = [Tab(f"All {batch.done_rows:,}", url, not chosen)]
    tabs += [
        Tab(
            f"{VERDICT_LOOKS[verdict].word} {count:,}",
            f"{url}?verdict={verdict.value}",
            chosen == verdict.value,
        )
        for verdict, count in counts.items()
        if count
    ]
    if batch.kept_rows:
        tabs.append(Tab(f"Kept {batch.kept_rows:,}", f"{url}?verdict={KEPT}", chosen == KEPT))
    return tabs


def shown_rows(batch: ImportBatch, verdict: str, after: str, url: str) -> Listed:
    """The rows behind this one, by their place in the file."""
    query = select(ImportRow).where(ImportRow.batch_id == batch.id).order_by(ImportRow.n)
    if verdict == KEPT:
        query = query.where(ImportRow.undone == Undone.KEPT)
    elif verdict in set(Verdict):
        query = query.where(ImportRow.verdict == Verdict(verdict))
    if after.isascii() and after.isdigit() and len(after) <= _MOST_DIGITS:
        query = query.where(ImportRow.n > int(after))
    found = db.session.scalars(query.limit(_PAGE + 1)).all()
    rows, more = found[:_PAGE], len(found) > _PAGE
    args = {"verdict": verdict} if verdict else {}
    next_url = f"{url}?{urlencode({**args, 'after': rows[-1].n})}" if more else ""
    names = _public_ids(rows)
    is_undone = batch.status in {ImportStatus.UNDOING, ImportStatus.UNDONE}
    return Listed([_listed(row, names, is_undone=is_undone) for row in rows], next_url)


def unused_heads(batch: ImportBatch) -> list[str]:
    """Headings of columns that are left out."""
    pairs = zip(batch.heads or (), batch.columns or (), strict=False)
    return [head for head, column in pairs if head and not column]


def _listed(row: ImportRow, names: dict[int, str], *, is_undone: bool) -> ListedRow:
    public_id = names.get(row.customer_id or 0)
    has_undo = is_undone and row.undone is not None
    look = UNDONE_LOOKS[row.undone] if has_undo and row.undone else VERDICT_LOOKS[row.verdict]
    return ListedRow(
        row.n,
        formatters.pill(look),
        row.name,
        url_for("customers.details_view", id=public_id) if public_id else "",
        row.undo_note if has_undo else row.reason,
    )


def _public_ids(rows: Sequence[ImportRow]) -> dict[int, str]:
    ids = sorted({row.customer_id for row in rows if row.customer_id})
    query = select(Customer.id, Customer.public_id).where(Customer.id.in_(ids), Customer.deleted_at.is_(None))
    return {row_id: public_id for row_id, public_id in db.session.execute(query)} if ids else {}  # noqa: C416
