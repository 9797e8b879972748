"""Texts on their way: from the company's number, once, and when they may be sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from pillar import clock
from pillar.errors import GatewayBusy, GatewayOptedOut, GatewayRefused, GatewayUnsure, RuleViolation
from pillar.extensions import db
from pillar.models import ConsentRecord, Message, PhoneNumber, Suppression
from pillar.models.consent import ConsentSource
from pillar.models.message import Channel, FailureCategory, MessageStatus, Purpose
from pillar.models.phone_number import Registration
from pillar.services import consent, delivery, phone_numbers
from pillar.services.consent import Said
from pillar.services.phone_numbers import SenderInput, save_sender
from pillar.services.quiet_hours import quiet_until
from tests.support.bed import Bed, inside
from tests.support.cast import Company
from tests.support.mail import delivered, make_due
from tests.support.texts import JOHN, RIVAL_SENDER, SENDER, FakeSms, give_sender, saved_text

S = MessageStatus


def test_a_text_goes_from_the_companys_number(acme: Company, sms: FakeSms) -> None:
    give_sender(acme)
    row_id = saved_text(acme)
    with acme.scope():
        message = delivered(acme, row_id)
        assert (message.status, message.due_at) == (S.SENT, None)
        assert message.provider_id == f"SM{1:032d}"
        (sent,) = sms.sent
        assert (sent.to, sent.from_number, sent.body) == (JOHN, SENDER, "Acme HVAC: hello")
        assert sent.account is None
        # Twilio refuses an address of this machine.
        assert sent.status_callback == ""


def test_the_callback_names_the_message(database: Bed, acme: Company, sms: FakeSms) -> None:
    give_sender(acme)
    row_id = saved_text(acme)
    with database.another_app(base_url="https://portal.example") as other, inside(other), acme.scope():
        message = db.session.get_one(Message, row_id)
        text = delivery.prepare(message)
        assert text is not None
        assert getattr(text, "status_callback", "") == (
            f"https://portal.example/webhooks/twilio/status?m={message.public_id}"
        )
        db.session.rollback()


def test_an_account_of_its_own_is_kept_sealed(acme: Company, sms: FakeSms) -> None:
    give_sender(acme, account_sid="AC" + "9" * 32, auth_token="its-own-token")
    row_id = saved_text(acme)
    with acme.scope():
        row = db.session.scalars(select(PhoneNumber)).one()
        assert "its-own-token" not in row.auth_token_sealed
        delivered(acme, row_id)
        account = sms.sent[0].account
        assert account is not None
        assert (account.sid, account.auth_token) == ("AC" + "9" * 32, "its-own-token")


@pytest.mark.parametrize(
    "registration", [None, Registration.NONE, Registration.SUBMITTED, Registration.REJECTED]
)
def test_no_text_leaves_without_a_registered_number(
    acme: Company, sms: FakeSms, registration: Registration | None
) -> None:
    if registration is not None:
        give_sender(acme, registration=registration)
    row_id = saved_text(acme)
    with acme.scope():
        message = delivered(acme, row_id)
        assert (message.status, message.failure_category) == (S.FAILED, FailureCategory.REGISTRATION)
        assert message.failure_detail
    assert not sms.sent


def test_a_number_is_one_companys(acme: Company, rival: Company, sms: FakeSms) -> None:
    give_sender(acme)
    with rival.scope():
        with pytest.raises(RuleViolation, match="cannot be used"):
            save_sender(SenderInput(SENDER))
        db.session.rollback()
        save_sender(SenderInput(RIVAL_SENDER))
        db.session.commit()
        with pytest.raises(RuleViolation, match="cannot be used"):
            save_sender(SenderInput(SENDER))
        db.session.rollback()
        assert phone_numbers.current_sender().e164 == RIVAL_SENDER  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("answer", "status", "category"),
    [
        (GatewayRefused("address", "Twilio answered 400 (21614)"), S.FAILED, FailureCategory.ADDRESS),
        (GatewayRefused("registration", "30034"), S.FAILED, FailureCategory.REGISTRATION),
        (GatewayUnsure("no answer"), S.UNKNOWN, None),
        (KeyError("sid"), S.UNKNOWN, None),
        (GatewayBusy("429"), S.QUEUED, None),
    ],
)
def test_what_becomes_of_a_text(
    acme: Company, sms: FakeSms, answer: Exception, status: MessageStatus, category: FailureCategory | None
) -> None:
    give_sender(acme)
    sms.answers = [answer]
    row_id = saved_text(acme)
    with acme.scope():
        message = delivered(acme, row_id)
        assert (message.status, message.failure_category) == (status, category)
        if status is S.UNKNOWN:
            # Nobody sends it again by himself.
            make_due(row_id)
            assert delivered(acme, row_id).status is S.UNKNOWN
    assert len(sms.sent) == 1


def test_a_busy_vendor_is_asked_for_a_day(acme: Company, sms: FakeSms) -> None:
    give_sender(acme)
    sms.answers = [GatewayBusy("429")]
    row_id = saved_text(acme)
    with acme.scope():
        assert delivered(acme, row_id).status is S.QUEUED
        make_due(row_id, first_tried_at=clock.real_now() - timedelta(hours=25))
        assert delivered(acme, row_id).failure_category is FailureCategory.PROVIDER
    assert len(sms.sent) == 1


def test_twilios_opt_out_becomes_ours(acme: Company, sms: FakeSms) -> None:
    give_sender(acme)
    sms.answers = [GatewayOptedOut("consent", "Twilio answered 400 (21610)")]
    first, second = saved_text(acme, key="1"), saved_text(acme, key="2")
    with acme.scope():
        for row_id in (first, second):
            message = delivered(acme, row_id)
            assert (message.status, message.failure_category) == (S.SUPPRESSED, FailureCategory.CONSENT)
        assert db.session.scalars(select(Suppression.address)).all() == [JOHN]
        assert db.session.scalars(select(ConsentRecord.source)).all() == [ConsentSource.PROVIDER]
    assert len(sms.sent) == 1


def test_consent_is_asked_for_when_it_leaves(acme: Company, sms: FakeSms) -> None:
    give_sender(acme)
    row_id = saved_text(acme)
    with acme.scope():
        consent.opt_out(JOHN, Channel.SMS, Said(ConsentSource.STAFF))
        db.session.commit()
        message = delivered(acme, row_id)
        assert (message.status, message.failure_category) == (S.SUPPRESSED, FailureCategory.CONSENT)
        assert "asked not to get texts" in message.failure_detail
    assert not sms.sent


# Quiet hours


@pytest.mark.parametrize(
    ("number", "utc", "until"),
    [
        ("+19375550142", "2026-03-17T11:59:00", "2026-03-17T12:00:00"),
        ("+19375550142", "2026-03-17T12:00:00", None),
        ("+19375550142", "2026-03-18T00:59:00", None),
        ("+19375550142", "2026-03-18T01:00:00", "2026-03-18T12:00:00"),
        # In the night in which the clocks change, eight o'clock is eight o'clock.
        ("+19375550142", "2026-03-08T05:00:00", "2026-03-08T12:00:00"),
        ("+12135550142", "2026-03-17T13:00:00", "2026-03-17T15:00:00"),
        # A toll-free number could be anywhere: the company's own hours.
        ("+18005550142", "2026-03-17T13:00:00", None),
    ],
)
def test_offers_wait_for_the_morning_where_the_person_is(number: str, utc: str, until: str | None) -> None:
    now = clock.parse_setting(utc)
    assert isinstance(now, datetime)
    end = quiet_until(number, "America/New_York", now)
    assert (end.isoformat()[:19] if end else None) == until


def test_an_offer_is_held_and_then_sent(
    acme: Company, sms: FakeSms, set_clock: Callable[[str], None]
) -> None:
    give_sender(acme)
    set_clock("2026-03-17T07:00:00")
    row_id = saved_text(acme, purpose=Purpose.MARKETING)
    with acme.scope():
        consent.agree(JOHN, Channel.SMS, Purpose.MARKETING, Said(ConsentSource.FORM, wording="Yes"))
        db.session.commit()
        message = delivered(acme, row_id)
        assert (message.status, message.failure_category) == (S.HELD, FailureCategory.QUIET_HOURS)
        assert message.due_at is not None
        assert timedelta(hours=4.9) < message.due_at - clock.real_now() <= timedelta(hours=5)
        set_clock("2026-03-17T13:00:00")
        make_due(row_id)
        assert delivered(acme, row_id).status is S.SENT
    assert len(sms.sent) == 1


def test_what_is_about_their_own_work_is_never_held(
    acme: Company, sms: FakeSms, set_clock: Callable[[str], None]
) -> None:
    give_sender(acme)
    set_clock("2026-03-17T07:00:00")
    row_id = saved_text(acme)
    with acme.scope():
        assert delivered(acme, row_id).status is S.SENT
