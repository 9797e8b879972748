"""Alerts in the app for the people of the office (7.7)."""

from __future__ import annotations

from sqlalchemy import select, update

from pillar import clock
from pillar.extensions import db
from pillar.models.staff import Notification, StaffUser
from pillar.services.links import base_url


def notify(staff: StaffUser, kind: str, title: str, link: str, *, key: str) -> Notification:
    """Put an alert before one person; the key makes it one per thing."""
    alert = Notification(
        staff_id=staff.id,
        kind=kind,
        title=title[:300],
        path=link.removeprefix(base_url()),
        dedupe_key=f"{kind}:{key}",
    )
    db.session.add(alert)
    return alert


def recent(staff: StaffUser, limit: int = 50) -> list[Notification]:
    """The newest alerts of one person."""
    query = select(Notification).where(Notification.staff_id == staff.id)
    return list(db.session.scalars(query.order_by(Notification.id.desc()).limit(limit)))


def mark_all_read(staff: StaffUser) -> None:
    """Everything seen."""
    db.session.execute(
        update(Notification)
        .where(Notification.staff_id == staff.id, Notification.read_at.is_(None))
        .values(read_at=clock.now()),
        execution_options={"synchronize_session": False},
    )
