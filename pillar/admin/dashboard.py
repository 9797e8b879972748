"""The office's first page: what waits, what was approved, what needs a day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from flask import g, redirect, request
from flask.typing import ResponseReturnValue
from flask_admin import AdminIndexView, expose
from flask_login import current_user
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from pillar import clock
from pillar.admin.base import own_path
from pillar.admin.guard import Guarded
from pillar.dates import long_date
from pillar.extensions import db
from pillar.models.estimate import Estimate, EstimateStatus
from pillar.models.job import Job, JobStatus
from pillar.models.message import Message, MessageStatus
from pillar.money import money
from pillar.permissions import Permission
from pillar.services import notifications

_ROWS = 6
_MONTH = timedelta(days=30)


class DashboardView(Guarded, AdminIndexView):
    """Run the day."""

    icon = "dashboard"
    needs: ClassVar = {
        "index": Permission.DASHBOARD,
        "alerts": Permission.OWN_ACCOUNT,
        "alerts_read": Permission.OWN_ACCOUNT,
    }

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """What needs somebody today."""
        sees_work = current_user.may(Permission.ESTIMATE_READ)
        return self.render(
            "admin/dashboard/index.html",
            heading=long_date(clock.today(g.company.time_zone), g.company.time_zone),
            facts=_facts() if sees_work else [],
            waiting=_waiting() if sees_work else [],
            to_schedule=_to_schedule() if current_user.may(Permission.JOB_READ) else [],
            sees_work=sees_work,
            alerts=notifications.recent(current_user, _ROWS),
        )

    @expose("/alerts")
    def alerts(self) -> ResponseReturnValue:
        """Everything the office was told, newest first."""
        return self.render(
            "admin/dashboard/alerts.html", heading="Alerts", alerts=notifications.recent(current_user)
        )

    @expose("/alerts/read", methods=("POST",))
    def alerts_read(self) -> ResponseReturnValue:
        """All seen."""
        notifications.mark_all_read(current_user)
        db.session.commit()
        return redirect(own_path(request.form.get("url", "")) or self.home_url(), 303)


def _facts() -> list[tuple[str, str, str]]:
    since = clock.now() - _MONTH
    sent = _count(Estimate.sent_at >= since, Estimate.status != EstimateStatus.DRAFT)
    approved = _count(Estimate.decided_at >= since, Estimate.status == EstimateStatus.ACCEPTED)
    open_count, open_cents = db.session.execute(
        select(func.count(Estimate.id), func.coalesce(func.sum(Estimate.total_cents), 0)).where(
            Estimate.status == EstimateStatus.SENT, Estimate.deleted_at.is_(None)
        )
    ).one()
    failed = db.session.scalar(
        select(func.count(Message.id)).where(
            Message.status.in_((MessageStatus.FAILED, MessageStatus.UNKNOWN)), Message.created_at >= since
        )
    )
    return [
        ("Waiting for customers", money(int(open_cents)), f"{open_count} estimates"),
        ("Sent", str(sent), "in the last 30 days"),
        ("Approved", str(approved), "in the last 30 days"),
        ("Messages that failed", str(failed or 0), "in the last 30 days"),
    ]


def _count(*criteria: Any) -> int:
    return (
        db.session.scalar(select(func.count(Estimate.id)).where(Estimate.deleted_at.is_(None), *criteria))
        or 0
    )


def _waiting() -> list[Estimate]:
    query = (
        select(Estimate)
        .where(Estimate.status == EstimateStatus.SENT, Estimate.deleted_at.is_(None))
        .options(joinedload(Estimate.customer))
    )
    return list(db.session.scalars(query.order_by(Estimate.valid_until, Estimate.id).limit(_ROWS)))


def _to_schedule() -> list[Job]:
    query = (
        select(Job)
        .where(Job.status == JobStatus.UNSCHEDULED, Job.deleted_at.is_(None))
        .options(joinedload(Job.customer))
    )
    return list(db.session.scalars(query.order_by(Job.id.desc()).limit(_ROWS)))
