"""Signs of life of web, worker and scheduler, and the periodic work that was done."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from pillar import clock
from pillar.database import UtcDateTime
from pillar.extensions import Model
from pillar.models.base import Identified

BEAT_SECONDS = 10
SILENT_AFTER = timedelta(seconds=60)


class Heartbeat(Model):
    """The last sign of life of one process, by the machine's time."""

    __tablename__ = "heartbeat"
    process: Mapped[str] = mapped_column(String(80), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    beat_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PeriodicRun(Identified, Model):
    """One run of one periodic job in one period: the unique key makes any number of schedulers run it once."""

    __tablename__ = "periodic_run"
    job: Mapped[str] = mapped_column(String(60))
    period: Mapped[str] = mapped_column(String(40))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.real_now)

    __table_args__ = (UniqueConstraint("job", "period"),)


def is_alive(session: Session, *kinds: str) -> bool:
    """Whether any process of these kinds gave a sign of life within a minute."""
    newest = session.scalar(
        select(Heartbeat.beat_at).where(Heartbeat.kind.in_(kinds)).order_by(Heartbeat.beat_at.desc()).limit(1)
    )
    return newest is not None and clock.real_now() - newest < SILENT_AFTER
