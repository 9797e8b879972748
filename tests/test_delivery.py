"""One message on its way: what is sent, what is tried again, what is held back, what stays unknown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from pillar import clock
from pillar.extensions import db
from pillar.models import Estimate, Message
from pillar.models.message import Channel, FailureCategory, MessageStatus, Purpose
from pillar.permissions import Role
from pillar.services import delivery, estimates, staff
from pillar.services.branding import profile_of
from pillar.tasks.sweep import sweep
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.mail import (
    BUSY,
    REFUSED,
    UNSURE,
    Bell,
    FakeMail,
    delivered,
    make_due,
    saved,
    sent_estimate,
)
from tests.support.office import password_link

S = MessageStatus


def test_a_sent_message_says_when_and_under_which_number(acme: Company, mail: FakeMail) -> None:
    row_id = saved(acme)
    with acme.scope():
        message = delivered(acme, row_id)
        assert (message.status, message.provider_id, message.due_at) == (S.SENT, "fake-1", None)
        assert message.sent_at is not None
        assert message.attempts == 1
        (sent,) = mail.sent
        assert (sent.to, sent.from_name, sent.reply_to) == (
            "john.mitchell@acme.example",
            "Acme HVAC",
            "office@acme.example",
        )
        assert sent.from_address.startswith("no-reply@")
        assert (sent.message_id, sent.tenant_id) == (message.public_id, acme.public_id)
        # A second ring for the same row does nothing.
        delivered(acme, row_id)
    assert len(mail.sent) == 1


@pytest.mark.parametrize(
    ("base_url", "base_domain", "address"),
    [
        ("https://portal.example", "", "no-reply@portal.example"),
        ("https://portal.example", "pillar.example", "no-reply@pillar.example"),
        ("http://127.0.0.1:8000", "", "no-reply@localhost"),
    ],
)
def test_whom_mail_is_from(
    database: Bed, acme: Company, base_url: str, base_domain: str, address: str
) -> None:
    with database.another_app(base_url=base_url, base_domain=base_domain) as other, acme.scope() as tenant:
        tenant.display_name = "Acme Heating"
        sender = delivery.sender(profile_of(tenant), other.config["PILLAR_CONFIG"])
        assert (sender.address, sender.name, sender.reply_to) == (
            address,
            "Acme Heating",
            "office@acme.example",
        )
        db.session.rollback()


def test_a_refusal_is_final_and_named(acme: Company, mail: FakeMail) -> None:
    mail.answers = [REFUSED]
    row_id = saved(acme)
    with acme.scope():
        message = delivered(acme, row_id)
        assert (message.status, message.failure_category) == (S.FAILED, FailureCategory.ADDRESS)
        assert "no such address" in message.failure_detail
        assert message.due_at is None


def test_a_busy_vendor_is_asked_again_with_growing_pauses(acme: Company, mail: FakeMail) -> None:
    mail.answers = [BUSY, BUSY]
    row_id = saved(acme)
    pauses = []
    with acme.scope():
        for _ in range(2):
            message = delivered(acme, row_id)
            assert message.status is S.QUEUED
            assert message.due_at is not None
            pauses.append(round((message.due_at - clock.real_now()).total_seconds(), -1))
            # Not before its time.
            assert delivered(acme, row_id).attempts == message.attempts
            make_due(row_id)
        assert pauses == [10, 60]
        assert delivered(acme, row_id).status is S.SENT


def test_after_a_day_it_is_given_up(acme: Company, mail: FakeMail) -> None:
    mail.answers = [BUSY, BUSY]
    row_id = saved(acme)
    with acme.scope():
        delivered(acme, row_id)
        make_due(row_id, first_tried_at=clock.real_now() - timedelta(hours=25))
        message = delivered(acme, row_id)
        assert (message.status, message.failure_category) == (S.FAILED, FailureCategory.PROVIDER)
        assert message.due_at is None
    assert len(mail.sent) == 1


def test_no_answer_leaves_it_unknown_and_nobody_repeats_it(
    app: Flask, acme: Company, mail: FakeMail, bell: Bell
) -> None:
    mail.answers = [UNSURE]
    row_id = saved(acme)
    with acme.scope():
        message = delivered(acme, row_id)
        assert (message.status, message.due_at) == (S.UNKNOWN, None)
        assert message.failure_detail
    bell.is_there = False
    assert sweep(app, seconds=1) == 0
    assert len(mail.sent) == 1


def test_an_unforeseen_error_of_a_gateway_counts_as_no_answer(acme: Company, mail: FakeMail) -> None:
    mail.answers = [KeyError("email")]
    row_id = saved(acme)
    with acme.scope():
        assert delivered(acme, row_id).status is S.UNKNOWN


@pytest.mark.parametrize(
    ("values", "status", "sent"),
    [
        ({}, S.SENT, 1),
        ({"purpose": Purpose.MARKETING}, S.UNKNOWN, 0),
        ({"channel": Channel.SMS, "to_address": "+19375550142"}, S.UNKNOWN, 0),
    ],
)
def test_what_a_dead_worker_held(
    acme: Company, mail: FakeMail, values: dict[str, Any], status: MessageStatus, sent: int
) -> None:
    now = clock.real_now()
    row_id = saved(
        acme, status=S.SENDING, attempts=1, lease_until=now + timedelta(minutes=1), lease_token="x", **values
    )
    with acme.scope():
        assert delivered(acme, row_id).status is S.SENDING
        db.session.execute(update(Message).values(lease_until=now - timedelta(seconds=1)))
        db.session.commit()
        assert delivered(acme, row_id).status is status
    assert len(mail.sent) == sent


def test_a_text_without_a_sending_number_says_so(acme: Company, mail: FakeMail) -> None:
    row_id = saved(acme, channel=Channel.SMS, to_address="+19375550142")
    with acme.scope():
        assert delivered(acme, row_id).failure_category is FailureCategory.REGISTRATION


def test_who_lost_the_lease_records_nothing(
    acme: Company, mail: FakeMail, monkeypatch: pytest.MonkeyPatch
) -> None:
    row_id = saved(acme)

    def taken_meanwhile(_mail: object) -> delivery.Outcome:
        db.session.execute(update(Message).values(lease_token="another's"))
        db.session.commit()
        return REFUSED

    monkeypatch.setattr(delivery, "hand_over", taken_meanwhile)
    with acme.scope():
        assert delivered(acme, row_id).status is S.SENDING


# Whether it should still go


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda _e: None, S.SENT),
        (estimates.withdraw_estimate, S.SUPPRESSED),
        (lambda e: estimates.decline_estimate(e, "Too dear"), S.SUPPRESSED),
        (lambda e: setattr(e, "token_revoked_at", clock.now()), S.SUPPRESSED),
    ],
)
def test_an_offer_that_was_taken_back_is_not_mailed(
    acme: Company, mail: FakeMail, change: Callable[[Estimate], None], status: MessageStatus
) -> None:
    with acme.scope():
        estimate = sent_estimate(acme)
        db.session.flush()
        change(estimate)
        row_id = db.session.scalars(select(Message.id)).one()
        db.session.commit()
        message = delivered(acme, row_id)
        assert message.status is status
        assert bool(message.failure_detail) == (status is S.SUPPRESSED)


def test_an_alert_does_not_reach_who_left(acme: Company, mail: FakeMail) -> None:
    with acme.scope():
        person = acme.staff_row(Role.OFFICE)
        row_id = saved(acme, template="estimate_accepted_office", to_address=person.email)
        staff.disable_staff(acme.staff_row(Role.OFFICE))
        db.session.commit()
        assert delivered(acme, row_id).status is S.SUPPRESSED


# Security mail


def _reset(company: Company) -> int:
    message = staff.send_link(company.staff_row())
    db.session.commit()
    return message.id


def test_a_security_mail_is_made_while_it_is_sent_and_not_kept(acme: Company, mail: FakeMail) -> None:
    mail.answers = [BUSY]
    with acme.scope():
        row_id = _reset(acme)
        assert delivered(acme, row_id).body_sealed == ""
        make_due(row_id)
        message = delivered(acme, row_id)
        assert message.status is S.SENT
        assert message.subject
        assert (message.body_text, message.body_html, message.body_sealed) == ("", "", "")
        first, second = (password_link(sent.text) for sent in mail.sent)
        assert first != second
        assert mail.sent[1].is_security


def test_the_built_in_mailbox_keeps_a_security_mail_sealed(acme: Company, mail: FakeMail) -> None:
    mail.keeps_bodies = True
    with acme.scope():
        message = delivered(acme, _reset(acme))
        link = password_link(mail.sent[0].text)
        body = delivery.kept_body(message)
        assert body is not None
        assert link in body.text
        assert "reset" not in message.body_sealed
        assert link.rsplit("/", 1)[1] not in repr([message.body_text, message.body_html, message.params])


def test_a_security_mail_nobody_answered_for_goes_once_more(acme: Company, mail: FakeMail) -> None:
    mail.answers = [UNSURE, UNSURE]
    with acme.scope():
        row_id = _reset(acme)
        assert delivered(acme, row_id).status is S.QUEUED
        make_due(row_id)
        assert delivered(acme, row_id).status is S.UNKNOWN
    assert len(mail.sent) == 2


def test_a_late_security_mail_is_dropped(
    acme: Company, mail: FakeMail, set_clock: Callable[[str], None]
) -> None:
    with acme.scope():
        row_id = _reset(acme)
        set_clock("+2h")
        assert delivered(acme, row_id).status is S.SUPPRESSED


def test_nobody_who_may_not_sign_in_gets_a_link(acme: Company, mail: FakeMail) -> None:
    with acme.scope():
        message = staff.send_link(acme.staff_row(Role.OFFICE))
        db.session.flush()
        staff.disable_staff(acme.staff_row(Role.OFFICE))
        db.session.commit()
        assert delivered(acme, message.id).status is S.SUPPRESSED
