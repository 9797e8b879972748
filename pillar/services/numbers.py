"""Give out document numbers (2.1): from a counter row, in the issuing transaction, in the company's year."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from pillar.extensions import db
from pillar.models.numbers import NumberKind, NumberSequence, formatted
from pillar.models.tenant import Tenant


def next_number(tenant: Tenant, kind: NumberKind) -> str:
    """Take the next number. A rollback gives it back, so there are no gaps; the row lock makes no duplicates."""
    year = tenant.today().year
    n = _take(kind, year)
    if n is None:
        _open_sequence(tenant, kind, year)
        n = _take(kind, year)
    if n is None:
        raise RuntimeError("A number sequence vanished")
    return formatted(kind, year, n)


def _take(kind: NumberKind, year: int) -> int | None:
    return db.session.scalar(
        update(NumberSequence)
        .where(NumberSequence.kind == kind, NumberSequence.year == year)
        .values(next=NumberSequence.next + 1)
        .returning(NumberSequence.next - 1),
        execution_options={"synchronize_session": False},
    )


def _open_sequence(tenant: Tenant, kind: NumberKind, year: int) -> None:
    """The first number of a year; somebody else may open the same sequence at this moment."""
    start = int(tenant.counter_starts.get(f"{kind.value}-{year}", tenant.counter_starts.get(kind.value, 1)))
    try:
        with db.session.begin_nested():
            db.session.add(NumberSequence(kind=kind, year=year, next=start))
    except IntegrityError:
        db.session.scalar(select(NumberSequence.id).limit(1))
