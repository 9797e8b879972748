"""What those who run Pillar can ask it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import g
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from pillar import clock
from pillar.extensions import db
from pillar.http import health
from pillar.models import Heartbeat
from pillar.models.processes import SILENT_AFTER
from pillar.permissions import Role
from pillar.services import heartbeats
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.machine import wait_until
from tests.support.processes import Processes


@pytest.fixture
def everybody_lives(app: object) -> None:
    g.reads_only = False
    for kind in ("worker", "scheduler", "web"):
        heartbeats.beat(db.session(), f"{kind}:1@here", kind)
    db.session.commit()


def test_a_living_process_says_so_and_asks_nobody(
    client: PillarClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_schema", lambda: pytest.fail("the database was asked"))
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_ready_with_database_and_schema(client: PillarClient, everybody_lives: None) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ready"})
    assert not answer.headers.getlist("Set-Cookie")


@pytest.mark.parametrize("kind", ["worker", "scheduler"])
def test_degraded_while_worker_or_scheduler_is_silent(
    client: PillarClient, everybody_lives: None, kind: str
) -> None:
    silence = clock.real_now() - SILENT_AFTER - timedelta(seconds=1)
    db.session.execute(update(Heartbeat).where(Heartbeat.kind == kind).values(beat_at=silence))
    db.session.commit()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "degraded"})


def test_a_server_without_any_process_beside_it_is_degraded(client: PillarClient) -> None:
    assert client.get("/readyz").json == {"status": "degraded"}


def test_not_ready_with_another_schema(
    client: PillarClient, everybody_lives: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "newest_schema", lambda: "9999")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"status": "unavailable"})


def test_not_ready_without_a_database(client: PillarClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise OperationalError("select 1", {}, RuntimeError("secret connection string"))

    monkeypatch.setattr(health, "_schema", broken)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"status": "unavailable"})


def test_staff_see_the_details(
    acme: Company, everybody_lives: None, signed_in: Callable[..., PillarClient]
) -> None:
    seen = signed_in(acme, Role.OFFICE).get("/readyz").json
    assert seen["status"] == "ready"
    assert seen["schema"] == seen["newest_schema"] == health.newest_schema()
    assert seen["silent"] == []
    assert set(seen["seconds_since_sign"]) == {"worker", "scheduler", "web"}


def test_signs_of_life_of_replaced_processes_are_forgotten(everybody_lives: None) -> None:
    row = db.session.get_one(Heartbeat, "web:1@here")
    row.beat_at = clock.real_now() - timedelta(days=2)
    db.session.commit()
    heartbeats.forget_the_dead(db.session())
    db.session.commit()
    assert set(heartbeats.last_signs(db.session())) == {"worker", "scheduler"}


def test_real_processes_leave_signs_of_life(client: PillarClient, processes: Processes) -> None:
    processes.worker()
    processes.scheduler()
    wait_until(lambda: client.get("/readyz").json == {"status": "ready"}, within=30, what="both gave a sign")
