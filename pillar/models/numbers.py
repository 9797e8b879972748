"""Document numbers from counters: no gap, no duplicate, per company, kind and company-local year."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pillar.extensions import Model
from pillar.models.base import Identified, TenantOwned, enum_type


class NumberKind(StrEnum):
    """What is numbered; the value is the number's prefix."""

    ESTIMATE = "EST"
    JOB = "JOB"
    INVOICE = "INV"
    PAYMENT = "PAY"


class NumberSequence(Identified, TenantOwned, Model):
    """The next number of one kind in one year."""

    __tablename__ = "number_sequence"
    kind: Mapped[NumberKind] = mapped_column(enum_type(NumberKind))
    year: Mapped[int]
    next: Mapped[int] = mapped_column(default=1)

    __table_args__ = (UniqueConstraint("tenant_id", "kind", "year"),)


def formatted(kind: NumberKind, year: int, n: int) -> str:
    """`EST-2026-00042`; past 99,999 the number simply grows longer."""
    return f"{kind.value}-{year}-{n:05d}"
