"""Real processes on a real Valkey: what is killed or goes away, loses nothing and repeats next to nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest
from flask import Flask, current_app, g

from pillar.extensions import db
from pillar.services import heartbeats
from pillar.tasks.doorbell import Doorbell
from pillar.tasks.messages import deliver_message
from pillar.tasks.registry import DOORBELL, doorbell
from tests.support import vendors
from tests.support.cast import Company
from tests.support.machine import wait_until
from tests.support.mail import saved_messages, status_counts
from tests.support.papers import overwrite
from tests.support.processes import Command, Processes
from tests.support.vendors import SendGrid

# The full size takes minutes and is for `make soak`.
IS_SOAK = bool(os.environ.get("PILLAR_SOAK"))
MAILS, KILLS = (200, 4) if IS_SOAK else (60, 2)


@pytest.fixture
def posting(app: Flask, processes: Processes, sendgrid: SendGrid) -> Iterator[Processes]:
    """Processes that send through the stand-in, with leases short enough to watch them end."""
    processes.environment |= {
        "SENDGRID_API_KEY": "SG.invented",
        "SENDGRID_API_BASE": sendgrid.url,
        "PILLAR_LEASE_SECONDS": "2",
    }
    before, app.extensions[DOORBELL] = app.extensions[DOORBELL], Doorbell(processes.valkey.url)
    yield processes
    app.extensions[DOORBELL] = before


def counts(company: Company) -> dict[str, int]:
    db.session.rollback()
    with company.scope():
        found = status_counts()
    db.session.rollback()
    return found


def all_sent(company: Company, count: int) -> bool:
    return counts(company) == {"sent": count}


def test_a_message_is_sent_at_once(posting: Processes, acme: Company, sendgrid: SendGrid) -> None:
    posting.worker()
    wait_until(lambda: _is_listening(posting), within=20, what="the worker listens")
    names = _write(acme, 1)
    wait_until(
        lambda: sendgrid.sends() == {names[0]: 1}, within=3, what="the mail arrives without the scheduler"
    )
    wait_until(lambda: all_sent(acme, 1))


@pytest.mark.scales
def test_killed_workers_lose_nothing_and_repeat_at_most_one_each(
    posting: Processes, acme: Company, sendgrid: SendGrid
) -> None:
    # Slow enough that most kills hit a worker that waits for an answer.
    sendgrid.default = vendors.slow(0.02)
    names = _write(acme, MAILS)
    posting.scheduler()
    worker = posting.worker()
    for kill in range(1, KILLS + 1):
        wait_until(lambda goal=kill * MAILS // (KILLS + 2): len(sendgrid.mails) >= goal, within=60)
        worker.kill()
        worker = posting.worker()
    wait_until(lambda: all_sent(acme, MAILS), within=90, what="all are sent")
    sends = sendgrid.sends()
    assert set(sends) == set(names)
    assert sum(sends.values()) - MAILS <= KILLS
    assert worker.is_running


def test_without_redis_the_scheduler_delivers(posting: Processes, acme: Company, sendgrid: SendGrid) -> None:
    worker, scheduler = posting.worker(), posting.scheduler()
    wait_until(lambda: _is_listening(posting), within=20, what="the worker listens")
    posting.valkey.stop()
    started = time.monotonic()
    names = _write(acme, 20)
    # The request that wrote them was not held up.
    assert time.monotonic() - started < 1
    wait_until(lambda: all_sent(acme, 20), within=30, what="all are sent without Redis")
    assert sendgrid.sends() == dict.fromkeys(names, 1)
    assert worker.is_running
    assert scheduler.is_running


@pytest.mark.only_on("sqlite", "what goes away is the queue; no database is asked for it")
def test_a_worker_outlives_its_redis(posting: Processes, acme: Company, sendgrid: SendGrid) -> None:
    worker = posting.worker()
    wait_until(lambda: _is_listening(posting), within=20, what="the worker listens")
    posting.valkey.stop()
    time.sleep(1)
    posting.valkey.start()
    names = _write(acme, 3)
    wait_until(lambda: set(sendgrid.sends()) == set(names), within=15, what="the worker is back")
    assert worker.is_running


def test_a_worker_told_to_stop_finishes_what_it_has(
    posting: Processes, acme: Company, sendgrid: SendGrid
) -> None:
    sendgrid.default = vendors.slow(1)
    worker = posting.worker()
    wait_until(lambda: _is_listening(posting), within=20, what="the worker listens")
    _write(acme, 3)
    wait_until(lambda: sendgrid.mails, within=10)
    assert worker.stop() == 0
    assert counts(acme) == {"sent": 1, "queued": 2}
    assert len(sendgrid.mails) == 1


@pytest.mark.only_on("sqlite", "a signal is not the database's business")
@pytest.mark.parametrize("command", ["worker", "scheduler"])
def test_idle_processes_stop_at_once(posting: Processes, command: str) -> None:
    process: Command = posting.start(command)
    wait_until(lambda: command in _signs_of_life(), within=20, what="it runs")
    time.sleep(0.5)
    started = time.monotonic()
    process.process.send_signal(signal.SIGTERM)
    assert process.wait(within=5) == 0
    assert time.monotonic() - started < 3


def test_one_row_and_many_claimants_make_one_mail(
    posting: Processes, acme: Company, sendgrid: SendGrid
) -> None:
    posting.worker()
    posting.worker()
    wait_until(lambda: posting.valkey.client().scard("rq:workers") == 2, within=20, what="both listen")
    names = _write(acme, 30, rings=3)
    wait_until(lambda: all_sent(acme, 30), within=30)
    wait_until(lambda: not posting.valkey.client().llen("rq:queue:pillar-post"), within=10)
    assert sendgrid.sends() == dict.fromkeys(names, 1)


def test_a_busy_vendor_is_asked_again_a_refusing_one_is_not(
    posting: Processes, acme: Company, sendgrid: SendGrid
) -> None:
    sendgrid.will_answer(vendors.BUSY, vendors.BROKEN, vendors.REFUSED, vendors.CUT)
    posting.scheduler()
    posting.worker()
    _write(acme, 5)
    wait_until(
        lambda: counts(acme) == {"sent": 1, "queued": 2, "failed": 1, "unknown": 1},
        within=40,
        what="each was tried once",
    )
    # The pauses, which grow, are over.
    overwrite("UPDATE message SET due_at = '2001-01-01 00:00:00' WHERE due_at IS NOT NULL")
    wait_until(
        lambda: counts(acme) == {"sent": 3, "failed": 1, "unknown": 1}, within=40, what="two were tried again"
    )
    assert len(sendgrid.mails) == 7


def _is_listening(processes: Processes) -> bool:
    return processes.valkey.client().scard("rq:workers") > 0


def _signs_of_life() -> set[str]:
    db.session.rollback()
    return set(heartbeats.last_signs(db.session()))


def _write(company: Company, count: int, *, rings: int = 1) -> list[str]:
    """Write messages in one transaction, as a request would; they are rung for when it commits."""
    g.reads_only = False
    names = saved_messages(company, count)
    g.reads_only = True
    for _ in range(rings - 1):
        rows = range(1, count + 1)
        doorbell(current_app).ring([deliver_message.call(company.tenant_id, row_id) for row_id in rows])
    return names
