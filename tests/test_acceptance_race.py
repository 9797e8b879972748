"""Two hundred approvals of one estimate at the same moment: one acceptance, one job, one mail each (2.11).

Two guards stand behind each other: the row is locked and its version compared, and unique keys speak last. Each
alone is shown to be enough, and with both off the race is shown to be there.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from flask import Flask, g
from sqlalchemy import event, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm.attributes import set_committed_value

from pillar.database import reading
from pillar.errors import PillarError
from pillar.extensions import db
from pillar.models import Estimate, Job, Message, Notification, Signature
from pillar.permissions import Role
from pillar.services import acceptance, quotes
from pillar.services.acceptance import Signing
from pillar.services.verification import violations
from pillar.tenancy import FencedSession
from tests.support import estimates as making
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.machine import REPOSITORY, wait_until
from tests.support.processes import environment_for
from tests.support.tampering import drop_unique_key

PROCESSES, PEOPLE = 2, 100
AT_ONCE = 8
_TOLD = len({Role.ADMIN, Role.MANAGER, Role.OFFICE})


def tally(company: Company) -> dict[str, int]:
    """How often it happened."""
    # What this test has read before may be a picture of the past.
    db.session.rollback()
    with company.scope():
        return {
            model.__name__: db.session.scalar(select(func.count()).select_from(model)) or 0
            for model in (Signature, Job, Notification)
        } | Counter(db.session.scalars(select(Message.template)))


ONCE = {
    "Signature": 1,
    "Job": 1,
    "Notification": _TOLD,
    "estimate_sent": 1,
    "estimate_accepted_customer": 1,
    "estimate_accepted_office": _TOLD,
}


def test_two_hundred_approvals_at_once(database: Bed, acme: Company, tmp_path: Path, app: Flask) -> None:
    token = making.make_sent(acme)
    environment = environment_for(database.config) | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "tests.support.approvals", token, str(PEOPLE), str(tmp_path)]
    running = [
        subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    try:
        wait_until(
            lambda: (
                len(list(tmp_path.glob("ready-*"))) == PROCESSES
                or any(process.poll() is not None for process in running)
            ),
            within=90,
            what="everybody has the page open",
        )
        (tmp_path / "start").touch()
        answers = [tuple(answer) for process in running for answer in _answers(process)]
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert Counter(answers) == {(303, f"/quote/{token}/approved"): PROCESSES * PEOPLE}
    assert tally(acme) == ONCE
    assert list(violations()) == []


def _answers(process: subprocess.Popen[str]) -> list[list[Any]]:
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    found: list[list[Any]] = json.loads(output.strip().splitlines()[-1])
    return found


@pytest.fixture
def estimate(acme: Company) -> tuple[int, Signing]:
    """A sent estimate, and what everybody posts."""
    return making.ready_to_sign(acme)


def all_at_once(app: Flask, company: Company, estimate_id: int, signing: Signing) -> Counter[str]:
    """What became of each of several approvals."""

    def one(_n: int) -> str:
        with app.app_context():
            # The control below keeps objects over the end of a transaction, as a careless program would.
            db.session().expire_on_commit = False
            try:
                with company.scope() as tenant:
                    acceptance.accept_estimate(tenant, estimate_id, signing)
                    db.session.commit()
            except (PillarError, SQLAlchemyError) as error:
                db.session.rollback()
                return type(error).__name__
            return "accepted"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return Counter(pool.map(one, range(AT_ONCE)))


@contextmanager
def no_lock_and_no_comparing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everybody reads the open estimate in one transaction and writes in the next, unseen by the others."""
    load: Callable[..., Estimate] = quotes.load
    everybody_has_read = Barrier(AT_ONCE)

    def read_and_let_go(session: Any, estimate_id: int, **_: Any) -> Estimate:
        before = g.get("reads_only", False)
        session.rollback()
        g.reads_only = True
        estimate = load(session, estimate_id)
        _ = (estimate.customer, estimate.contact, estimate.location)
        session.commit()
        g.reads_only = before
        everybody_has_read.wait(30)
        return estimate

    def believe_what_is_there(session: Any, _context: Any, _instances: Any) -> None:
        """Comparing with the version that the row has now is comparing with nothing."""
        for row in session.dirty:
            if isinstance(row, Estimate):
                with session.no_autoflush:
                    now = session.scalar(
                        select(Estimate.version).where(Estimate.id == row.id).with_for_update(key_share=True)
                    )
                set_committed_value(row, "version", now)

    monkeypatch.setattr(quotes, "load", read_and_let_go)
    # And nobody looks again whether there is a job by now.
    monkeypatch.setattr(quotes, "job_of", lambda _estimate: None)
    event.listen(FencedSession, "before_flush", believe_what_is_there)
    try:
        yield
    finally:
        event.remove(FencedSession, "before_flush", believe_what_is_there)


def drop_unique_keys() -> None:
    """Take the last guard out of this test's copy of the schema."""
    for table, columns in {
        "signature": ("tenant_id", "estimate_id"),
        "job": ("tenant_id", "estimate_id"),
        "message": ("tenant_id", "dedupe_key"),
        "notification": ("tenant_id", "staff_id", "dedupe_key"),
    }.items():
        drop_unique_key(table, *columns)


def test_the_lock_alone_is_enough(app: Flask, acme: Company, estimate: tuple[int, Signing]) -> None:
    drop_unique_keys()
    outcome = all_at_once(app, acme, *estimate)
    assert outcome == {"accepted": AT_ONCE}
    assert tally(acme) == ONCE


def test_the_unique_keys_alone_are_enough(
    app: Flask, acme: Company, estimate: tuple[int, Signing], monkeypatch: pytest.MonkeyPatch
) -> None:
    with no_lock_and_no_comparing(monkeypatch):
        outcome = all_at_once(app, acme, *estimate)
    assert outcome == {"accepted": 1, "IntegrityError": AT_ONCE - 1}
    assert tally(acme) == ONCE


def test_control_with_both_off_there_is_a_race(
    app: Flask,
    acme: Company,
    estimate: tuple[int, Signing],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drop_unique_keys()
    with no_lock_and_no_comparing(monkeypatch):
        outcome = all_at_once(app, acme, *estimate)
    seen = tally(acme)
    assert outcome["accepted"] > 1
    assert seen["Signature"] == seen["Job"] == outcome["accepted"]
    # And `pillar verify` would say so.
    with reading(db.session):
        named = " ".join(violation.row for violation in violations())
    assert f"with {seen['Signature']} signatures" in named
