"""What the scheduler does: rows that nobody was told about, rows without a queue, work that comes round."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from pillar import clock
from pillar.extensions import db
from pillar.models import Estimate, Message, PeriodicRun
from pillar.models.estimate import EstimateStatus
from pillar.models.message import MessageStatus
from pillar.services import delivery
from pillar.tasks import periodic
from pillar.tasks.sweep import sweep
from tests.support.cast import Company
from tests.support.mail import Bell, FakeMail, fresh, saved, sent_estimate

S = MessageStatus


def test_the_sweep_rings_for_rows_that_nobody_was_told_about(app: Flask, acme: Company, bell: Bell) -> None:
    row_ids = [saved(acme, dedupe_key=name) for name in ("old", "young", "done", "leased", "abandoned")]
    old, young, done, leased, abandoned = row_ids
    now = clock.real_now()
    before = now - timedelta(seconds=20)
    with acme.scope():
        for row_id, values in {
            old: {"due_at": before},
            young: {"due_at": now},
            done: {"due_at": None},
            leased: {"due_at": before, "lease_until": now + timedelta(seconds=20)},
            abandoned: {"due_at": before, "rung_at": before, "lease_until": now - timedelta(seconds=1)},
        }.items():
            db.session.execute(update(Message).where(Message.id == row_id).values(**values))
        db.session.commit()
    bell.calls.clear()
    assert sweep(app, seconds=1) == 0
    assert {call.row_id for call in bell.calls} == {old, abandoned}
    bell.calls.clear()
    sweep(app, seconds=1)
    assert not bell.calls
    with fresh(acme):
        db.session.execute(update(Message).values(rung_at=now - timedelta(seconds=61)))
        db.session.commit()
    sweep(app, seconds=1)
    assert {call.row_id for call in bell.calls} == {old, abandoned}


def test_without_a_queue_the_scheduler_delivers_for_every_company(
    app: Flask, acme: Company, rival: Company, bell: Bell, mail: FakeMail
) -> None:
    for company in (acme, rival):
        saved(company, due_at=clock.real_now() - timedelta(seconds=6), rung_at=clock.real_now())
    bell.is_there = False
    assert sweep(app, seconds=5) == 2
    assert {sent.tenant_id for sent in mail.sent} == {acme.public_id, rival.public_id}


def test_one_broken_row_does_not_stop_the_others(
    app: Flask, acme: Company, bell: Bell, mail: FakeMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    bell.is_there = False
    due = clock.real_now() - timedelta(seconds=10)
    broken, fine = (saved(acme, dedupe_key=name, due_at=due) for name in ("broken", "fine"))
    real = delivery.prepare

    def prepare(message: Message) -> Any:
        if message.id == broken:
            raise RuntimeError("a row that nobody foresaw")
        return real(message)

    monkeypatch.setattr(delivery, "prepare", prepare)
    assert sweep(app, seconds=5) == 1
    with fresh(acme):
        states = dict(db.session.execute(select(Message.id, Message.status)).all())
        assert (states[broken], states[fine]) == (S.QUEUED, S.SENT)


# Periodic work


def test_what_is_past_its_last_day_expires_once(
    app: Flask, acme: Company, bell: Bell, set_clock: Callable[[str], None]
) -> None:
    with acme.scope():
        sent_estimate(acme)
        db.session.commit()
        db.session.rollback()
        periodic.run_due(app)
        db.session.rollback()
        assert db.session.scalars(select(Estimate.status)).one() is EstimateStatus.SENT
        db.session.rollback()
        set_clock("+32d")
        periodic.run_due(app)
        periodic.run_due(app)
        db.session.rollback()
        assert db.session.scalars(select(Estimate.status)).one() is EstimateStatus.EXPIRED
        runs = db.session.scalars(select(PeriodicRun.job)).all()
        assert runs.count(f"expire_estimates:{acme.tenant_id}") == 2


def test_a_periodic_job_that_breaks_is_done_again(app: Flask, bell: Bell) -> None:
    done: list[str] = []

    def work() -> None:
        done.append("tried")
        if len(done) == 1:
            raise RuntimeError("the first time")

    db.session.rollback()
    for _ in range(3):
        periodic._once(app, "job", "now", work)
    assert len(done) == 2
