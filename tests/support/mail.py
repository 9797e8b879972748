"""Messages for tests, and a mail gateway that does as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask, g
from sqlalchemy import select, update

from pillar.errors import GatewayBusy, GatewayRefused, GatewayUnsure
from pillar.extensions import db
from pillar.gateways import Gateways, OutgoingMail, Sent
from pillar.models import Estimate, Message
from pillar.models.message import Channel, MessageStatus, Purpose
from pillar.services import estimates
from pillar.services.companies import current_company
from pillar.services.estimate_draft import EstimateInput, LineInput
from pillar.tasks.doorbell import Call, Doorbell
from pillar.tasks.messages import deliver_message
from pillar.tasks.registry import DOORBELL
from tests.support.cast import Company

REFUSED = GatewayRefused("address", "SendGrid answered 400: no such address")
BUSY = GatewayBusy("SendGrid answered 429: slow down")
UNSURE = GatewayUnsure("SendGrid did not answer: TimeoutError")


class FakeMail:
    """Keeps what it is given; `answers` are used up first, then everything is sent."""

    def __init__(self, *answers: Exception, keeps_bodies: bool = False) -> None:
        self.sent: list[OutgoingMail] = []
        self.answers = list(answers)
        self.keeps_bodies = keeps_bodies

    def send(self, mail: OutgoingMail) -> Sent:
        """Take it, or fail as told."""
        self.sent.append(mail)
        if self.answers:
            raise self.answers.pop(0)
        return Sent(provider_id=f"fake-{len(self.sent)}")

    def check(self) -> None:
        """It is there."""

    def gateways(self) -> Gateways:
        """For `create_app`."""
        return Gateways(mail=self)


class Bell(Doorbell):
    """A doorbell that only remembers, or that nobody hears."""

    def __init__(self) -> None:
        super().__init__("")
        self.calls: list[Call] = []
        self.is_there = True

    def ring(self, calls: Any) -> bool:
        """Remember."""
        self.calls += calls
        return self.is_there

    def answers(self) -> bool:
        """As told."""
        return self.is_there


@pytest.fixture
def bell(app: Flask) -> Iterator[Bell]:
    """Stands where the queue would; the test may write."""
    before, bell = app.extensions[DOORBELL], Bell()
    app.extensions[DOORBELL] = bell
    g.reads_only = False
    yield bell
    app.extensions[DOORBELL] = before


@pytest.fixture
def mail(app: Flask) -> Iterator[FakeMail]:
    """Stands where the vendor would; the test may write."""
    before, fake = app.extensions["gateways"], FakeMail()
    app.extensions["gateways"] = fake.gateways()
    g.reads_only = False
    yield fake
    app.extensions["gateways"] = before


def write_message(key: str = "one", **values: Any) -> Message:
    """Add a plain message to the bound company's outbox."""
    message = Message(
        **{
            "channel": Channel.EMAIL,
            "purpose": Purpose.TRANSACTIONAL,
            "template": "note",
            "status": MessageStatus.QUEUED,
            "to_address": "john.mitchell@acme.example",
            "to_name": "John Mitchell",
            "subject": f"Note {key}",
            "body_text": f"Hello {key}",
            "body_html": f"<html><head></head><body><p>Hello {key}</p></body></html>",
            "dedupe_key": key,
            **values,
        }
    )
    db.session.add(message)
    return message


def saved_messages(company: Company, count: int) -> list[str]:
    """Commit so many messages in one transaction; their public ids."""
    with company.scope():
        messages = [write_message(f"note-{n}") for n in range(count)]
        db.session.flush()
        names = [message.public_id for message in messages]
        db.session.commit()
    return names


def sent_estimate(company: Company, title: str = "Water heater replacement") -> Estimate:
    """An estimate that was sent to the company's customer; the caller is inside `scope()` and commits."""
    tenant = current_company()
    estimate = estimates.draft_estimate(
        tenant,
        EstimateInput(
            customer=company.customer_row(),
            contact=company.contact_row(),
            title=title,
            lines=[LineInput("Water heater", 1_000, 185_000)],
            valid_until=tenant.today() + timedelta(days=30),
        ),
    )
    estimates.send_estimate(tenant, estimate)
    return estimate


def status_counts() -> dict[str, int]:
    """How many messages of the bound company are in which state."""
    counts: dict[str, int] = {}
    for status in db.session.scalars(select(Message.status)):
        counts[status.value] = counts.get(status.value, 0) + 1
    return counts


def saved(company: Company, **values: Any) -> int:
    """Commit one message; its row id."""
    with company.scope():
        message = write_message(**values)
        db.session.flush()
        row_id = message.id
        db.session.commit()
    return row_id


def delivered(company: Company, row_id: int) -> Message:
    """Let a worker try once, and read what became of it; inside the company's scope."""
    db.session.rollback()
    assert deliver_message.run(company.tenant_id, row_id)
    return db.session.scalars(select(Message).where(Message.id == row_id)).one()


def make_due(row_id: int, **values: Any) -> None:
    """Let its time have come."""
    db.session.execute(
        update(Message)
        .where(Message.id == row_id)
        .values(due_at=datetime(2020, 1, 1, tzinfo=UTC), lease_until=None, **values)
    )
    db.session.commit()


@contextmanager
def fresh(company: Company) -> Iterator[None]:
    """Inside the company, with nothing remembered from before."""
    db.session.rollback()
    db.session.expunge_all()
    with company.scope():
        yield
