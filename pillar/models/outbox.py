"""The database is the queue: rows that ask for work, claimed under a lease (SAFETY: Messages).

`due_at` null means there is nothing to do. Times here are real time: a program clock set back must not stop the post.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Self

from sqlalchemy import Index, String, Update, bindparam, or_, select, update
from sqlalchemy.orm import Mapped, Session, declared_attr, mapped_column
from sqlalchemy.sql import Select

from pillar import clock
from pillar.models.base import UtcDateTime
from pillar.tokens import public_id

BACK_OFF_SECONDS = (10, 60, 300, 900, 3600)
GIVE_UP_AFTER = timedelta(hours=24)


class OutboxRow:
    """Work that a worker does once. Writing the row in the business transaction is the request."""

    id: Mapped[int]
    tenant_id: Mapped[int]

    # A row that is finished before it is written (no address to send to) must not get the default.
    due_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime().evaluates_none(), default=clock.real_now, sort_order=80
    )
    rung_at: Mapped[datetime | None] = mapped_column(UtcDateTime, sort_order=81)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime, sort_order=82)
    lease_token: Mapped[str] = mapped_column(String(22), default="", sort_order=83)
    attempts: Mapped[int] = mapped_column(default=0, sort_order=84)
    first_tried_at: Mapped[datetime | None] = mapped_column(UtcDateTime, sort_order=85)

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> Any:
        return (cls.sweep_index(),)

    @classmethod
    def sweep_index(cls) -> Index:
        """Finds what is due without reading what is done."""
        return Index(None, "due_at")

    @classmethod
    def due(cls, now: datetime) -> Select[int, int, int, datetime | None]:
        """Rows that somebody should take now, oldest first."""
        return (
            select(cls.tenant_id, cls.id, cls.attempts, cls.rung_at)
            .where(cls.due_at <= now, or_(cls.lease_until.is_(None), cls.lease_until < now))
            .order_by(cls.due_at)
        )

    @classmethod
    def claim(cls, session: Session, row_id: int, lease_seconds: int) -> str | None:
        """Take a due row under a lease; None when it is done, not due or another worker's. Commit after this."""
        values = _claim_values(row_id, lease_seconds)
        result = session.execute(_claiming(cls), values, execution_options={"synchronize_session": False})
        return values["token"] if result.rowcount == 1 else None  # type: ignore[attr-defined]

    @classmethod
    def take(cls, session: Session, row_id: int, lease_seconds: int) -> Self | None:
        """As `claim`, and the row itself, in one statement; its lease is in `lease_token`."""
        claimed = _claiming(cls).returning(cls)
        return session.scalars(
            claimed, _claim_values(row_id, lease_seconds), execution_options={"synchronize_session": False}
        ).one_or_none()

    def finish(self) -> None:
        """Nothing more to do for this row."""
        self.due_at = self.lease_until = None
        self.lease_token = ""

    def postpone(self, seconds: float | None = None) -> bool:
        """Try again later, with growing pauses; False when the 24 hours are over and the row is given up."""
        now = clock.real_now()
        if self.first_tried_at is None:
            self.first_tried_at = now
        if now - self.first_tried_at > GIVE_UP_AFTER:
            self.finish()
            return False
        pause = seconds or BACK_OFF_SECONDS[min(self.attempts, len(BACK_OFF_SECONDS)) - 1]
        self.due_at, self.lease_until, self.lease_token, self.rung_at = (
            now + timedelta(seconds=pause),
            None,
            "",
            None,
        )
        return True

    def holds(self, token: str) -> bool:
        """Whether the lease is still the one that was claimed."""
        return self.lease_token == token

    @classmethod
    def is_held(cls, session: Session, row_id: int, token: str) -> bool:
        """Whether the lease is still ours, for a row that is at hand and that nobody else writes meanwhile."""
        return session.scalar(_lease(cls), {"row_id": row_id}) == token

    @classmethod
    def held(cls, session: Session, row_id: int, token: str) -> Self | None:
        """The claimed row, if the lease is still ours."""
        return session.scalars(select(cls).where(cls.id == row_id, cls.lease_token == token)).one_or_none()


# Put together once for each kind of row: a worker asks these for every message.


def _claiming_of(cls: type[OutboxRow]) -> Update:
    now = bindparam("now", type_=UtcDateTime())
    return (
        update(cls)
        .where(
            cls.id == bindparam("row_id"),
            cls.due_at <= now,
            or_(cls.lease_until.is_(None), cls.lease_until < now),
        )
        .values(
            lease_until=bindparam("until", type_=UtcDateTime()),
            lease_token=bindparam("token"),
            attempts=cls.attempts + 1,
        )
    )


def _lease_of(cls: type[OutboxRow]) -> Select[str]:
    return select(cls.lease_token).where(cls.id == bindparam("row_id"))


_claiming: Callable[[Any], Update] = cache(_claiming_of)
_lease: Callable[[Any], Select[str]] = cache(_lease_of)


def _claim_values(row_id: int, lease_seconds: int) -> dict[str, Any]:
    now = clock.real_now()
    return {
        "row_id": row_id,
        "now": now,
        "until": now + timedelta(seconds=lease_seconds),
        "token": public_id(),
    }
