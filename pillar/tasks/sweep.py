"""Finds rows that nobody was told about, or whose worker died, and has them done."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import structlog
from flask import Flask
from sqlalchemy import or_, update

from pillar import clock
from pillar.database import reading
from pillar.extensions import db
from pillar.models.outbox import OutboxRow
from pillar.tasks.outbox import TASKS
from pillar.tasks.registry import Task, doorbell
from pillar.tenancy import across_tenants

log = structlog.get_logger()

# A row this young was rung for by whoever wrote it.
GRACE = timedelta(seconds=5)
RING_AGAIN_AFTER = timedelta(seconds=60)
_AT_ONCE = 500
_REASON = "the scheduler looks after the rows of all companies"


def sweep(app: Flask, *, seconds: float, is_over: Callable[[], bool] = lambda: False) -> int:
    """Ring for what waits; with no queue to ring, do it here for so many seconds. How many were done here."""
    if doorbell(app).answers():
        for kind, wanted in TASKS.items():
            _ring_again(app, kind, wanted)
        return 0
    deadline = time.monotonic() + seconds
    return sum(
        _do_here(app, kind, wanted, lambda: is_over() or time.monotonic() > deadline)
        for kind, wanted in TASKS.items()
    )


def _ring_again(app: Flask, kind: type[OutboxRow], wanted: Task) -> None:
    with app.app_context():
        now = clock.real_now()
        waiting = _waiting(kind, only_unrung=True)
        calls = [wanted.call(tenant_id, row_id) for tenant_id, row_id in waiting]
        if not calls or not doorbell(app).ring(calls):
            return
        log.info("outbox_rung_again", task=wanted.name, rows=len(calls))
        with across_tenants(db.session(), _REASON):
            db.session.execute(
                update(kind).where(kind.id.in_([row_id for _, row_id in waiting])).values(rung_at=now),
                execution_options={"synchronize_session": False},
            )
            db.session.commit()


def _do_here(app: Flask, kind: type[OutboxRow], wanted: Task, is_over: Callable[[], bool]) -> int:
    done = 0
    with app.app_context():
        for tenant_id, row_id in _waiting(kind, only_unrung=False):
            if is_over():
                break
            # A row that breaks waits for the next turn like all others, or the scheduler would spin on it.
            done += wanted.run(tenant_id, row_id)
    if done:
        log.info("outbox_done_without_queue", task=wanted.name, rows=done)
    return done


def _waiting(kind: type[OutboxRow], *, only_unrung: bool) -> list[tuple[int, int]]:
    """Tenant and id of rows that are due. What was rung for is left to the queue, unless its worker died."""
    now = clock.real_now()
    query = kind.due(now).where(kind.due_at <= now - GRACE).with_only_columns(kind.tenant_id, kind.id)
    if only_unrung:
        query = query.where(
            or_(
                kind.rung_at.is_(None),
                kind.rung_at < now - RING_AGAIN_AFTER,
                kind.rung_at < kind.lease_until,
            )
        )
    with across_tenants(db.session(), _REASON), reading(db.session()):
        return [(tenant_id, row_id) for tenant_id, row_id in db.session.execute(query.limit(_AT_ONCE))]
