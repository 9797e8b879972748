"""A verdict and a reason for each row, the same in a dry run and when it is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from pillar.errors import RuleViolation
from pillar.models.imports import UpdateMode, Verdict
from pillar.services.imports.known import Changes, Known, changes_by, take
from pillar.services.imports.matching import ChunkMemory, Seen, candidates, known_customers
from pillar.services.imports.tables import Table
from pillar.services.imports.tidying import CleanRow, tidy

REASON_LENGTH = 300
NAME_LENGTH = 200
HERE_ALREADY = "This customer is here already, with all of this."
ABOVE_ALREADY = "The same customer stands above in this file."
SEVERAL = (
    "Several customers here look like this one, so none was changed. Merge them, or add the ID to the file."
)
OTHER_EMAIL = " Its email is another one here; an import never changes an email that opens the portal."


@dataclass(frozen=True, slots=True)
class TidyRow:
    """One row before the database was asked: clean values, or the reason why it cannot come in."""

    number: int
    clean: CleanRow | None
    name: str
    reason: str = ""
    cells: list[str] | None = None


@dataclass(slots=True)
class Judged:
    """One row with its verdict; `known` is the customer that it means or makes."""

    row: TidyRow
    verdict: Verdict
    reason: str = ""
    known: Known | None = None
    changes: Changes | None = None


def tidy_chunk(table: Table, rows: Iterator[tuple[int, list[str]]], count: int) -> list[TidyRow]:
    """The next rows, tidied. Touches no database."""
    return [_tidied(table, number, row) for number, row in islice(rows, count)]


def judge(chunk: Sequence[TidyRow], mode: UpdateMode, memory: Seen | None = None) -> list[Judged]:
    """A verdict for each row. `memory` carries customers from chunk to chunk when nothing is written."""
    seen = ChunkMemory() if memory is None else memory
    for known in known_customers(row.clean for row in chunk if row.clean):
        seen.add(known)
    return [_verdict(row, seen, mode) for row in chunk]


def _tidied(table: Table, number: int, row: list[str]) -> TidyRow:
    try:
        clean = tidy(table.named(row))
    except RuleViolation as refusal:
        return TidyRow(
            number, None, table.first_cells(row, NAME_LENGTH), refusal.message[:REASON_LENGTH], row
        )
    return TidyRow(number, clean, clean.name)


def _verdict(row: TidyRow, seen: Seen, mode: UpdateMode) -> Judged:
    if row.clean is None:
        return Judged(row, Verdict.REJECT, row.reason)
    found = candidates(row.clean, seen)
    if not found:
        known = Known.from_row(row.clean, row.number)
        seen.add(known)
        return Judged(row, Verdict.CREATE, "", known)
    if len(found) > 1:
        return Judged(row, Verdict.DUPLICATE, SEVERAL)
    known = found[0]
    changes = changes_by(row.clean, known, mode)
    if not changes:
        reason = HERE_ALREADY if known.id else ABOVE_ALREADY
        has_other = row.clean.emails and row.clean.emails[0] not in known.all_emails
        return Judged(row, Verdict.DUPLICATE, reason + (OTHER_EMAIL if has_other else ""), known)
    take(known, changes)
    seen.add(known)
    return Judged(row, Verdict.UPDATE, changes.in_words(mode), known, changes)
