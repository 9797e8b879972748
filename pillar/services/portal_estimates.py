"""The estimates of a signed-in customer: what waits for them first, then the rest, page by page (2.15, 3.12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple, Self

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, case, or_, select

from pillar import clock
from pillar.extensions import db
from pillar.models.customer import Contact, Customer, ServiceLocation, address_line
from pillar.models.estimate import ACCEPTABLE, Estimate, EstimateStatus
from pillar.services.portal_customers import SPOKEN_FOR, speaker
from pillar.services.quotes import PILLS, Pill

PAGE_SIZE = 25

S = EstimateStatus
_TO_APPROVE, _WITH_OFFICE, _SETTLED = range(3)


class Position(NamedTuple):
    """Where a page of the list begins: after this row. Nothing in it is a secret or a row id."""

    rank: int
    sent_at: datetime
    number: str

    @classmethod
    def read(cls, text: str) -> Self | None:
        """From an address; None when it is none of ours, which means the first page."""
        rank, _comma, rest = text.partition(",")
        sent_at, _comma, number = rest.partition(",")
        try:
            instant = datetime.strptime(sent_at, "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
            return cls(int(rank), instant, number) if rank in _RANKS and number.isprintable() else None
        except ValueError:
            return None

    def __str__(self) -> str:
        """For an address."""
        return f"{self.rank},{self.sent_at.astimezone(UTC):%Y%m%dT%H%M%S.%f},{self.number}"


_RANKS = frozenset({str(_TO_APPROVE), str(_WITH_OFFICE), str(_SETTLED)})


@dataclass(frozen=True, slots=True)
class EstimateRow:
    """One estimate in the list. Without a `path` its link was taken back: then it can only be approved by phone."""

    number: str
    title: str
    total_cents: int
    sent_at: datetime
    valid_until: date | None
    pill: Pill
    needs_customer: bool
    customer: str
    place: str
    path: str


@dataclass(frozen=True, slots=True)
class EstimatePage:
    """Some estimates in their order, and where the next page begins."""

    rows: tuple[EstimateRow, ...]
    next_position: str


def page_of_estimates(contact: Contact, time_zone: str, after: Position | None = None) -> EstimatePage:
    """One page of everything that was sent to whom this person speaks for, in one statement; never a draft."""
    today = clock.today(time_zone)
    values = {**speaker(contact), "today": today, **(after._asdict() if after else {})}
    found = db.session.execute(_NEXT_PAGE if after else _FIRST_PAGE, values).all()
    last = found[PAGE_SIZE - 1] if len(found) > PAGE_SIZE else None
    return EstimatePage(
        rows=tuple(_row(row, today) for row in found[:PAGE_SIZE]),
        next_position=str(Position(last.rank, last.sent_at, last.number)) if last else "",
    )


def _rank() -> ColumnElement[int]:
    is_open = or_(Estimate.valid_until.is_(None), Estimate.valid_until >= bindparam("today"))
    return case(
        (and_(Estimate.status == S.SENT, is_open, Estimate.token_revoked_at.is_(None)), _TO_APPROVE),
        (and_(Estimate.status.in_(ACCEPTABLE), is_open), _WITH_OFFICE),
        else_=_SETTLED,
    )


def _everything_sent(rank: ColumnElement[int]) -> Select[*tuple[Any, ...]]:
    place = ServiceLocation
    return (
        select(
            rank.label("rank"),
            Estimate.number,
            Estimate.title,
            Estimate.status,
            Estimate.total_cents,
            Estimate.sent_at,
            Estimate.valid_until,
            Estimate.public_token,
            Estimate.token_revoked_at,
            Customer.display_name,
            place.street,
            place.city,
            place.state,
            place.postal_code,
        )
        .join(Customer, and_(Customer.tenant_id == Estimate.tenant_id, Customer.id == Estimate.customer_id))
        .outerjoin(place, and_(place.tenant_id == Estimate.tenant_id, place.id == Estimate.location_id))
        .where(
            Estimate.customer_id.in_(SPOKEN_FOR),
            Estimate.status != S.DRAFT,
            Estimate.deleted_at.is_(None),
            Customer.deleted_at.is_(None),
        )
        .order_by(rank, Estimate.sent_at.desc(), Estimate.number.desc())
        .limit(PAGE_SIZE + 1)
    )


def _comes_after(rank: ColumnElement[int]) -> ColumnElement[bool]:
    place: dict[str, Any] = {name: bindparam(name) for name in Position._fields}
    is_older = or_(
        Estimate.sent_at < place["sent_at"],
        and_(Estimate.sent_at == place["sent_at"], Estimate.number < place["number"]),
    )
    return or_(rank > place["rank"], and_(rank == place["rank"], is_older))


# Put together once, as they are most of what the page asks of the database.
_RANK = _rank()
_FIRST_PAGE = _everything_sent(_RANK)
_NEXT_PAGE = _FIRST_PAGE.where(_comes_after(_RANK))


def _row(row: Row[*tuple[Any, ...]], today: date) -> EstimateRow:
    # The hourly sweep may not have marked it yet; what is listed is true to the day.
    is_over = row.status in ACCEPTABLE and row.valid_until is not None and row.valid_until < today
    status = S.EXPIRED if is_over else row.status
    return EstimateRow(
        number=row.number,
        title=row.title,
        total_cents=row.total_cents,
        sent_at=row.sent_at,
        valid_until=row.valid_until if status in ACCEPTABLE else None,
        pill=PILLS[status],
        needs_customer=row.rank == _TO_APPROVE,
        customer=row.display_name,
        place=address_line(row.street or "", row.city or "", row.state or "", row.postal_code or ""),
        path="" if row.token_revoked_at else f"/quote/{row.public_token}",
    )
