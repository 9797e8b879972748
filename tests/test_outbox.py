"""Writing a message and ringing for it: in the business transaction, after its commit, once."""

from __future__ import annotations

import multiprocessing
import socket
import time
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from pillar.extensions import db
from pillar.models import Message
from pillar.models.message import FailureCategory, MessageStatus
from pillar.services import messages
from pillar.tasks.doorbell import Call, Doorbell
from pillar.tasks.sweep import sweep
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.mail import Bell, FakeMail, fresh, write_message

S = MessageStatus
NOTICE = {
    "document": {"title": "Water heater", "number": "EST-2026-00001"},
    "link": "https://portal.example/quote/abc",
    "total_text": "$1,850.00",
    "valid_until_text": "Mar 12, 2026",
}


def compose(key: str = "k", **values: Any) -> Message:
    return messages.compose(
        "estimate_sent",
        **{"to_address": "john@acme.example", "dedupe_key": key, "context": NOTICE, **values},
    )


def test_a_message_is_rendered_when_it_is_written(acme: Company, bell: Bell) -> None:
    with acme.scope():
        message = compose(to_address=" John@Acme.example ", to_name="John", about="estimate:x")
        assert message.status is S.QUEUED
        assert message.to_address == "john@acme.example"
        assert message.subject == "Your estimate from Acme HVAC: Water heater"
        assert "https://portal.example/quote/abc" in message.body_text
        assert 'href="https://portal.example/quote/abc"' in message.body_html
        assert messages.count_about("estimate:x", "estimate_sent") == 1


def test_nothing_typed_gets_into_a_header(acme: Company, bell: Bell) -> None:
    nasty = "Roof\r\nBcc: all@evil.example\u202e\x00"
    with acme.scope():
        context = NOTICE | {"document": {"title": nasty, "number": "1"}}
        message = compose(to_name=nasty, context=context)
        assert message.to_name == "Roof Bcc: all@evil.example"
        assert message.subject == "Your estimate from Acme HVAC: Roof Bcc: all@evil.example"


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b", "x@y.example\r\nBcc: z@y.example", "a" * 300 + "@b.example"]
)
def test_an_address_that_no_mail_can_go_to_is_told(acme: Company, bell: Bell, address: str) -> None:
    with acme.scope():
        message = compose(to_address=address)
        db.session.commit()
        assert (message.status, message.failure_category) == (S.FAILED, FailureCategory.ADDRESS)
        assert message.due_at is None
        assert message.body_text
    assert not bell.calls


def test_a_broken_text_does_not_undo_the_work_it_tells_of(acme: Company, bell: Bell) -> None:
    with acme.scope():
        message = compose(context={})
        assert (message.status, message.failure_category) == (S.FAILED, FailureCategory.TEMPLATE)


def test_the_same_key_gives_the_same_message(acme: Company, rival: Company, bell: Bell) -> None:
    with acme.scope():
        first = compose("same")
        assert compose("same") is first
        db.session.commit()
        first_id = first.id
    with rival.scope():
        assert compose("same").id != first_id


def test_a_race_for_one_key_leaves_the_transaction_whole(
    acme: Company, bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    with acme.scope():
        first = compose("same")
        real, asked = messages.with_key, []
        # The look-up before writing finds nothing, as it does for the slower of two.
        monkeypatch.setattr(
            messages, "with_key", lambda key: asked.append(key) and None if not asked else real(key)
        )
        other = write_message("other")
        assert compose("same") is first
        db.session.commit()
        assert {m.dedupe_key for m in db.session.scalars(select(Message))} == {"same", "other"}
        assert {call.row_id for call in bell.calls} == {first.id, other.id}


def _compose_in_child(
    database: Bed, company: Company, start: Any, outcomes: Any, *, is_guarded: bool
) -> None:
    with database.app.app_context():
        db.engine.dispose(close=False)
        with company.scope():
            real = messages.with_key
            seen: list[None] = []

            def look_up(key: str) -> Message | None:
                if seen:
                    return real(key)
                seen.append(None)
                found = real(key)
                if database.kind == "postgresql":
                    # All have looked before the first one writes.
                    start.wait(20)
                return found

            messages.with_key = look_up
            if not is_guarded:
                messages.insert_once = lambda message: db.session.add(message) or message
            try:
                compose("race")
                db.session.commit()
                outcomes.put("done")
            except IntegrityError:
                outcomes.put("clash")


def _race(database: Bed, company: Company, *, is_guarded: bool) -> list[str]:
    fork = multiprocessing.get_context("fork")
    start, outcomes = fork.Barrier(4), fork.Queue()
    db.session.remove()
    children = [
        fork.Process(
            target=_compose_in_child,
            args=(database, company, start, outcomes),
            kwargs={"is_guarded": is_guarded},
        )
        for _ in range(4)
    ]
    for child in children:
        child.start()
    found = [outcomes.get(timeout=30) for _ in children]
    for child in children:
        child.join(10)
    return sorted(found)


def test_parallel_processes_write_one_message(database: Bed, acme: Company) -> None:
    assert _race(database, acme, is_guarded=True) == ["done"] * 4
    with fresh(acme):
        assert len(db.session.scalars(select(Message)).all()) == 1


@pytest.mark.only_on(
    "postgresql", "SQLite lets one writer in at a time, so nobody can look before another writes"
)
def test_without_the_guard_parallel_processes_clash(database: Bed, acme: Company) -> None:
    assert _race(database, acme, is_guarded=False) == ["clash"] * 3 + ["done"]


# Ringing


def test_the_bell_rings_after_the_commit(acme: Company, bell: Bell) -> None:
    with acme.scope():
        message = write_message()
        db.session.flush()
        assert not bell.calls
        db.session.commit()
        assert [(call.tenant_id, call.row_id) for call in bell.calls] == [(acme.tenant_id, message.id)]
        message.to_name = "Somebody"
        message.finish()
        db.session.commit()
    assert len(bell.calls) == 1


def test_a_rollback_sends_nothing(app: Flask, acme: Company, bell: Bell, mail: FakeMail) -> None:
    with acme.scope():
        write_message()
        db.session.flush()
        db.session.rollback()
        db.session.commit()
    assert not bell.calls
    bell.is_there = False
    assert sweep(app, seconds=5) == 0
    assert not mail.sent


def test_a_savepoint_that_is_undone_takes_only_its_own_messages(acme: Company, bell: Bell) -> None:
    with acme.scope():
        outer = write_message("outer")
        db.session.flush()
        with db.session.begin_nested():
            kept = write_message("kept")
        assert not bell.calls
        savepoint = db.session.begin_nested()
        write_message("undone")
        db.session.flush()
        savepoint.rollback()
        db.session.commit()
        assert {call.row_id for call in bell.calls} == {outer.id, kept.id}


@pytest.mark.parametrize("listens", [False, True])
def test_a_dead_queue_costs_a_request_little_and_only_once(listens: bool) -> None:
    call = Call("deliver-message", "pillar-post", 1, 1, 60)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:
            silent.listen()
        bell = Doorbell(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        started = time.monotonic()
        assert not bell.ring([call])
        first = time.monotonic() - started
        assert not any(bell.ring([call]) for _ in range(100))
        rest = time.monotonic() - started - first
    assert first < 1
    assert rest < 0.2


def test_job_names_are_what_rq_allows() -> None:
    name = Call("deliver-message", "pillar-post", 12, 345, 60).job_id()
    assert name.replace("-", "").replace("_", "").isalnum()
    assert name.isascii()
