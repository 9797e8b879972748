"""Work that comes round: one row per job, tenant and period under a unique key, written with the work itself.

Any number of schedulers gives one run; a run that is killed never happened, so the next turn does it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from flask import Flask, current_app, g
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from pillar import clock
from pillar.database import reading
from pillar.extensions import db
from pillar.http import portal_sessions, sessions
from pillar.models.audit import SYSTEM
from pillar.models.processes import PeriodicRun
from pillar.models.tenant import Tenant, TenantStatus
from pillar.services import document_watch, estimates, heartbeats, lookups
from pillar.tasks.imports import purge_old_imports
from pillar.tenancy import using_tenant

log = structlog.get_logger()

# The days of the companies end at different hours, so what ends with the day is looked at each hour.
_HOURLY, _DAILY = "%Y-%m-%dT%H", "%Y-%m-%d"
_KEPT_RUNS = timedelta(days=30)
_KEPT_LOOKUPS = timedelta(days=1)


def run_due(app: Flask) -> None:
    """Do what has not been done yet in this hour and on this day."""
    now = clock.now()
    for tenant_id in _open_tenants(app):
        _once(app, f"purge_imports:{tenant_id}", now.strftime(_DAILY), lambda: _purge_imports(tenant_id))  # noqa: B023 - called at once
        _watch_documents(app, tenant_id, now)
        _once(app, f"expire_estimates:{tenant_id}", now.strftime(_HOURLY), lambda: _expire(tenant_id))  # noqa: B023 - called at once
    _once(app, "forget_sessions", now.strftime(_HOURLY), lambda: _forget_sessions(now))
    _once(app, "forget_lookups", now.strftime(_HOURLY), lambda: lookups.forget_old(now - _KEPT_LOOKUPS))
    _once(app, "forget_runs", now.strftime(_DAILY), _forget_runs)


def _once(app: Flask, job: str, period: str, work: Callable[[], object]) -> None:
    """Run the work unless this period has had it; the mark and the work are one transaction."""
    with app.app_context():
        g.actor = SYSTEM
        if _is_done(job, period):
            return
        try:
            db.session.add(PeriodicRun(job=job, period=period))
            db.session.flush()
        except IntegrityError:
            # Another scheduler was faster.
            db.session.rollback()
            return
        try:
            work()
            db.session.commit()
        except Exception:
            db.session.rollback()
            log.exception("periodic_job_broke", job=job, period=period)


def _is_done(job: str, period: str) -> bool:
    with reading(db.session()):
        query = select(PeriodicRun.id).where(PeriodicRun.job == job, PeriodicRun.period == period)
        return db.session.scalar(query) is not None


def _open_tenants(app: Flask) -> list[int]:
    with app.app_context(), reading(db.session()):
        query = select(Tenant.id).where(Tenant.status != TenantStatus.CLOSED).order_by(Tenant.id)
        return list(db.session.scalars(query))


def _expire(tenant_id: int) -> None:
    with using_tenant(db.session(), tenant_id):
        estimates.expire_due(db.session.get_one(Tenant, tenant_id))
        # Inside the scope: what follows belongs to no company.
        db.session.flush()


def _watch_documents(app: Flask, tenant_id: int, now: datetime) -> None:
    """Hashing many documents takes a moment, so it comes before the transaction that alarms."""
    job, hour = f"watch_documents:{tenant_id}", now.strftime(_HOURLY)
    with app.app_context(), reading(db.session()), using_tenant(db.session(), tenant_id):
        if _is_done(job, hour):
            return
        try:
            changed = document_watch.changed_estimates(now)
        except Exception:
            log.exception("periodic_job_broke", job=job, period=hour)
            return
    _once(app, job, hour, lambda: _alarm(tenant_id, changed))


def _alarm(tenant_id: int, changed: list[int]) -> None:
    with using_tenant(db.session(), tenant_id):
        document_watch.alarm(changed)
        db.session.flush()


def _purge_imports(tenant_id: int) -> None:
    with using_tenant(db.session(), tenant_id):
        purge_old_imports(current_app.config["PILLAR_CONFIG"])


def _forget_runs() -> None:
    heartbeats.forget_the_dead(db.session())
    before: datetime = clock.real_now() - _KEPT_RUNS
    db.session.execute(delete(PeriodicRun).where(PeriodicRun.started_at < before))


def _forget_sessions(now: datetime) -> int:
    return sessions.forget_old_sessions(now) + portal_sessions.forget_old_sessions(now)
