"""Numbers without a gap and without a repeat, whoever asks at the same time (2.1, invariant 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError

from pillar.clock import travel_to
from pillar.extensions import db
from pillar.models import Estimate, Job, NumberSequence
from pillar.models.numbers import NumberKind, formatted
from pillar.services import estimates
from pillar.services.numbers import next_number
from tests.support import estimates as making
from tests.support.cast import Company
from tests.support.databases import Kind

WRITERS = 16
EACH = 4
E, J = NumberKind.ESTIMATE, NumberKind.JOB
MARCH = datetime(2026, 3, 12, 15, tzinfo=UTC)


def take(company: Company, *kinds: NumberKind) -> list[str]:
    with company.scope() as tenant:
        numbers = [next_number(tenant, kind) for kind in kinds]
        db.session.commit()
    return numbers


def in_parallel(app: Flask, work: Callable[[int], list[str]], writers: int = WRITERS) -> list[str]:
    """Let many threads, each with a connection of its own, begin at the same moment."""
    ready = Barrier(writers)

    def one(n: int) -> list[str]:
        with app.app_context():
            ready.wait(30)
            return work(n)

    with ThreadPoolExecutor(writers) as pool:
        return [number for numbers in pool.map(one, range(writers)) for number in numbers]


def test_per_company_kind_and_year(acme: Company, rival: Company) -> None:
    with travel_to(MARCH):
        assert take(acme, E, E, J, E) == [
            "EST-2026-00001",
            "EST-2026-00002",
            "JOB-2026-00001",
            "EST-2026-00003",
        ]
        assert take(rival, E) == ["EST-2026-00001"]
    with travel_to(MARCH.replace(year=2027)):
        assert take(acme, E) == ["EST-2027-00001"]
    with travel_to(MARCH):
        assert take(acme, E) == ["EST-2026-00004"]


def test_a_number_that_was_not_used_is_given_again(acme: Company) -> None:
    with travel_to(MARCH), acme.scope() as tenant:
        assert next_number(tenant, E) == "EST-2026-00001"
        db.session.rollback()
    with travel_to(MARCH):
        assert take(acme, E) == ["EST-2026-00001"]


def test_a_company_sets_where_its_counters_start(acme: Company, rival: Company) -> None:
    with acme.scope() as tenant:
        tenant.counter_starts = {"EST-2026": 42, "JOB": 31}
        db.session.commit()
    with travel_to(MARCH):
        assert take(acme, E, J, E) == ["EST-2026-00042", "JOB-2026-00031", "EST-2026-00043"]
        assert take(rival, E) == ["EST-2026-00001"]
    with travel_to(MARCH.replace(year=2027)):
        assert take(acme, E, J) == ["EST-2027-00001", "JOB-2027-00031"]


def test_after_99999_the_number_grows_longer(acme: Company) -> None:
    assert formatted(E, 2026, 99_999) == "EST-2026-99999"
    with acme.scope() as tenant:
        tenant.counter_starts = {"EST": 99_999}
        db.session.commit()
    with travel_to(MARCH):
        assert take(acme, E, E) == ["EST-2026-99999", "EST-2026-100000"]


@pytest.mark.parametrize(
    ("zone", "turn"),
    [
        ("America/New_York", datetime(2027, 1, 1, 5, tzinfo=UTC)),
        ("Pacific/Kiritimati", datetime(2026, 12, 31, 10, tzinfo=UTC)),
        ("Pacific/Pago_Pago", datetime(2027, 1, 1, 11, tzinfo=UTC)),
    ],
)
def test_the_year_turns_at_the_companys_midnight(acme: Company, zone: str, turn: datetime) -> None:
    with acme.scope() as tenant:
        tenant.time_zone = zone
        db.session.commit()
    with travel_to(turn - timedelta(seconds=1)):
        assert take(acme, E) == ["EST-2026-00001"]
    with travel_to(turn):
        assert take(acme, E) == ["EST-2027-00001"]


def test_sixteen_writers_at_once(app: Flask, acme: Company) -> None:
    """The first of them open the sequence at the same moment, too."""

    def work(_n: int) -> list[str]:
        with travel_to(MARCH):
            return [number for _ in range(EACH) for number in take(acme, E)]

    numbers = in_parallel(app, work)
    assert sorted(numbers) == [formatted(E, 2026, n) for n in range(1, WRITERS * EACH + 1)]
    with acme.scope():
        assert db.session.scalars(select(NumberSequence.next)).all() == [WRITERS * EACH + 1]


def test_sixteen_writers_who_also_give_up(app: Flask, acme: Company) -> None:
    """A rolled-back transaction leaves no gap, however the others stand in the queue."""

    def work(n: int) -> list[str]:
        with travel_to(MARCH):
            with acme.scope() as tenant:
                next_number(tenant, E)
                if n % 2:
                    db.session.rollback()
                    return []
                db.session.rollback()
            return take(acme, E)

    assert sorted(in_parallel(app, work)) == [formatted(E, 2026, n) for n in range(1, WRITERS // 2 + 1)]


def test_sixteen_offices_send_at_once(app: Flask, acme: Company) -> None:
    """The whole of sending, with its freezing, its mail and its link in the audit chain."""
    drafts = [making.make_draft(acme) for _ in range(WRITERS)]

    def work(n: int) -> list[str]:
        with acme.scope() as tenant:
            row = db.session.scalars(select(Estimate).where(Estimate.public_id == drafts[n])).one()
            estimates.send_estimate(tenant, row)
            db.session.commit()
            return [str(row.number)]

    numbers = in_parallel(app, work)
    assert sorted(int(number[-5:]) for number in numbers) == list(range(1, WRITERS + 1))
    with acme.scope():
        assert db.session.scalar(select(func.count(Job.id))) == 0
        assert sorted(db.session.scalars(select(Estimate.number))) == sorted(numbers)


@contextmanager
def deferred_begin(app: Flask) -> Iterator[None]:
    """SQLite's own default: a transaction takes the lock only when it first writes."""

    def begin(connection: object) -> None:
        connection.exec_driver_sql("ROLLBACK")  # type: ignore[attr-defined]
        connection.exec_driver_sql("BEGIN")  # type: ignore[attr-defined]

    with app.app_context():
        engine = db.engine
    event.listen(engine, "begin", begin)
    try:
        yield
    finally:
        event.remove(engine, "begin", begin)


@pytest.mark.only_on(Kind.SQLITE, "PostgreSQL has no BEGIN IMMEDIATE")
def test_control_without_begin_immediate_writers_fail(app: Flask, acme: Company) -> None:
    # All of them hold a connection while they wait, and a pool has fifteen.
    writers = 12
    everybody_has_read = Barrier(writers)

    def work(_n: int) -> list[str]:
        try:
            with travel_to(MARCH), acme.scope() as tenant:
                everybody_has_read.wait(30)
                next_number(tenant, E)
                db.session.commit()
        except OperationalError as error:
            db.session.rollback()
            return [type(error).__name__]
        return []

    with deferred_begin(app):
        assert "OperationalError" in in_parallel(app, work, writers)
