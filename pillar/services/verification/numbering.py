"""Document numbers against their counters."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlalchemy import select

from pillar.extensions import db
from pillar.models.estimate import Estimate
from pillar.models.invoice import Invoice
from pillar.models.job import Job
from pillar.models.ledger import Payment
from pillar.models.numbers import NumberKind, NumberSequence

_NUMBER = re.compile(r"([A-Z]+)-(\d{4})-(\d{5,})", re.ASCII)
_COLUMNS = {
    NumberKind.ESTIMATE: Estimate.number,
    NumberKind.JOB: Job.number,
    NumberKind.INVOICE: Invoice.number,
    NumberKind.PAYMENT: Payment.number,
}


def gaps_and_repeats() -> Iterator[str]:
    """Numbers missing between the first and the last, given twice, misspelt, or unknown to the counter."""
    nexts = {
        (row.kind, row.year): row.next
        for row in db.session.execute(select(NumberSequence.kind, NumberSequence.year, NumberSequence.next))
    }
    for kind, column in _COLUMNS.items():
        taken: dict[int, list[int]] = {year: [] for each, year in nexts if each is kind}
        for number in db.session.scalars(select(column).where(column.is_not(None))):
            parts = _NUMBER.fullmatch(str(number))
            if parts is None or parts[1] != kind.value:
                yield f"number {number}: is not one of {kind.value}"
            else:
                taken.setdefault(int(parts[2]), []).append(int(parts[3]))
        for year, numbers in taken.items():
            yield from _of_year(
                f"number_sequence {kind.value}-{year}", sorted(numbers), nexts.get((kind, year))
            )


def _of_year(name: str, numbers: list[int], following: int | None) -> Iterator[str]:
    if not numbers:
        yield f"{name}: the counter has moved, but no number is there"
        return
    if len(set(numbers)) != len(numbers):
        yield f"{name}: a number was given twice"
    if missing := sorted(set(range(numbers[0], numbers[-1])) - set(numbers)):
        yield f"{name}: {len(missing)} numbers are missing, the first is {missing[0]}"
    if following != numbers[-1] + 1:
        yield f"{name}: the counter is not behind the last number"
