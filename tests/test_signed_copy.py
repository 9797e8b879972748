"""The customer's copy takes the signed paper along: it waits for it a little, is never lost and never sent twice."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import current_app
from sqlalchemy import select

from pillar import clock, typesetting
from pillar.extensions import db
from pillar.gateways import Gateways
from pillar.gateways.mail import SendGridMail
from pillar.models import Estimate, Message, SignedPdf
from pillar.models.message import MessageStatus
from pillar.permissions import Role
from pillar.services import estimate_mail, quotes
from pillar.services.messages import PAPER_PATIENCE
from pillar.tasks.sweep import sweep
from pillar.typesetting import TypesettingFailed
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.mail import BUSY, Bell, FakeMail, delivered, make_due
from tests.support.papers import make_signed, overwrite, work
from tests.support.vendors import SendGrid

S = MessageStatus
COPY = "estimate_accepted_customer"


def the_copy() -> Message:
    """The one copy; inside the company's scope."""
    return db.session.scalars(select(Message).where(Message.template == COPY)).one()


def copies(mail: FakeMail) -> list[list[tuple[str, str, bytes]]]:
    """What every copy that left took along."""
    left = [each for each in mail.sent if each.subject.startswith("Your signed copy")]
    return [[(file.name, file.content_type, file.content) for file in each.attachments] for each in left]


def test_it_goes_when_the_paper_is_made(
    acme: Company, client: PillarClient, mail: FakeMail, bell: Bell
) -> None:
    signed = make_signed(acme, client)
    with acme.scope():
        row_id, waits = the_copy().id, the_copy().due_at
        assert waits is not None
        assert timedelta(0) < waits - clock.real_now() <= PAPER_PATIENCE
        assert delivered(acme, row_id).status is S.QUEUED
    assert not copies(mail)
    paper = work(acme, signed)
    assert bell.calls[-1].task == "deliver-message"
    assert bell.calls[-1].row_id == row_id
    mail.answers = [BUSY]
    with acme.scope():
        # What was tried once keeps its pause, however often the paper is asked for.
        assert delivered(acme, row_id).attempts == 1
        signature = quotes.signature_of(db.session.scalars(select(Estimate)).one())
        assert signature is not None
        assert estimate_mail.release_copy(signature) is None
        make_due(row_id)
        assert delivered(acme, row_id).status is S.SENT
        assert delivered(acme, row_id).attempts == 2
        number = the_copy().subject.rpartition(" ")[2]
    assert copies(mail) == [[(f"{number}-signed.pdf", "application/pdf", paper.pdf)]] * 2


@pytest.mark.parametrize("cause", ["slow", "broken", "changed"])
def test_without_a_paper_it_goes_with_the_link(
    acme: Company,
    client: PillarClient,
    mail: FakeMail,
    bell: Bell,
    monkeypatch: pytest.MonkeyPatch,
    cause: str,
) -> None:
    signed = make_signed(acme, client)
    with acme.scope():
        row_id = the_copy().id
        db.session.rollback()
    if cause == "slow":
        overwrite("UPDATE message SET due_at = '2001-01-01 00:00:00' WHERE id = :id", id=row_id)
    else:
        with monkeypatch.context() as patch:
            if cause == "broken":
                patch.setattr(typesetting, "typeset", _breaks)
            else:
                overwrite("UPDATE signature SET total_cents = 1")
            assert not work(acme, signed).is_made
        if cause == "changed":
            overwrite("UPDATE signature SET total_cents = :cents", cents=2_464_13)
    with acme.scope():
        sent = delivered(acme, row_id)
        assert (sent.status, f"/quote/{signed.token}" in sent.body_text) == (S.SENT, True)
    assert copies(mail) == [[]]
    overwrite("UPDATE signed_pdf SET due_at = '2001-01-01 00:00:00', lease_until = NULL")
    assert work(acme, signed).is_made
    with acme.scope():
        delivered(acme, row_id)
    assert copies(mail) == [[]]


def test_without_a_queue_the_scheduler_does_both(
    database: Bed, acme: Company, client: PillarClient, mail: FakeMail, bell: Bell
) -> None:
    bell.is_there = False
    make_signed(acme, client)
    overwrite("UPDATE signed_pdf SET due_at = '2001-01-01 00:00:00'")
    sweep(database.app, seconds=30)
    assert not copies(mail)
    overwrite("UPDATE message SET due_at = '2001-01-01 00:00:00' WHERE due_at IS NOT NULL")
    sweep(database.app, seconds=30)
    assert [len(files) for files in copies(mail)] == [1]


def test_sendgrid_gets_the_file_and_the_office_can_read_it(
    acme: Company,
    rival: Company,
    bell: Bell,
    client: PillarClient,
    signed_in: Callable[..., PillarClient],
    sendgrid: SendGrid,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateways = Gateways(mail=SendGridMail("SG.invented", sendgrid.url))
    monkeypatch.setitem(current_app.extensions, "gateways", gateways)
    paper = work(acme, make_signed(acme, client))
    with acme.scope():
        copy = delivered(acme, the_copy().id)
        name, url = copy.params["attached"]["name"], f"/admin/outbox/{copy.public_id}"
    (asked,) = [each for each in sendgrid.mails if "attachments" in each]
    (file,) = asked["attachments"]
    assert base64.b64decode(file.pop("content")) == paper.pdf
    assert file == {"type": "application/pdf", "filename": name, "disposition": "attachment"}
    office = signed_in(acme, Role.OFFICE)
    answer = office.get(office.page(url).link(name))
    assert (answer.get_data(), answer.mimetype) == (paper.pdf, "application/pdf")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert signed_in(acme, Role.TECHNICIAN).get(f"{url}/attachment").status_code in {403, 404}
    assert signed_in(rival, Role.ADMIN).get(f"{url}/attachment").status_code == 404
    overwrite("UPDATE signed_pdf SET sha256 = 'x'")
    assert "no longer the one that was sent" in office.page(f"{url}/attachment", follow=True).text


def test_mail_without_a_file_says_nothing_of_files(
    acme: Company, mail: FakeMail, client: PillarClient
) -> None:
    make_signed(acme, client)
    with acme.scope():
        assert db.session.scalars(select(SignedPdf)).one().due_at is not None
        office_mail = db.session.scalars(
            select(Message).where(Message.template == "estimate_accepted_office")
        ).first()
        assert office_mail is not None
        assert "attached" not in delivered(acme, office_mail.id).params
    assert [each.attachments for each in mail.sent] == [()]


def _breaks(*_args: object, **_values: object) -> bytes:
    raise TypesettingFailed("no such font")
