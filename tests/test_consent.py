"""Who may be written to: what people say in any words, what the office notes, and what stays on record (7.3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from pillar import clock
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models import AuditEvent, ConsentRecord, Message, Suppression
from pillar.models.consent import ConsentAction, ConsentScope, ConsentSource, SuppressionReason
from pillar.models.message import Channel, FailureCategory, MessageStatus, Purpose
from pillar.opt_out_words import Keyword, read_keyword
from pillar.permissions import Role
from pillar.services import consent, customer_parts, text_replies
from pillar.services.consent import CONFIRMATION_LIFE, Said
from pillar.services.customer_parts import ContactInput
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.mail import Bell, FakeMail, delivered, saved, write_message
from tests.support.texts import JOHN, FakeSms, give_sender, texts, write_text

S = MessageStatus
SignIn = Callable[..., PillarClient]
KEYWORD = Said(ConsentSource.SMS_KEYWORD, wording="STOP")
MAIL = "john.mitchell@acme.example"


# Words


@pytest.mark.parametrize(
    "body",
    [
        *(
            "STOP",
            "stop",
            "Stop.",
            "STOP!!!",
            " s t o p ",
            "S.T.O.P",
            "ＳＴＯＰ",
            "\N{OCTAGONAL SIGN}",
            "Stöp",
        ),
        *("stop please", "Please STOP", "ok stop", "Stop it now!", "STOP ALL", "stopall", "Stop texting"),
        *("UNSUBSCRIBE", "cancel", "End", "QUIT", "opt out", "OPT-OUT", "Optout", "revoke", "remove me"),
        *(
            "please stop texting me",
            "Stop sending me these messages",
            "Don't text me anymore",
            "Don’t text me",
        ),
        *(
            "do not contact me again",
            "No more texts",
            "Take me off your list",
            "Remove my number",
            "wrong number",
        ),
        *("I want to opt out of this", "leave me alone", "I revoke my consent", "never message me again"),
    ],
)
def test_any_words_that_mean_stop(body: str) -> None:
    assert read_keyword(body) is Keyword.STOP


@pytest.mark.parametrize(
    "body",
    [
        *("", "Thanks!", "Yes", "See you at 8", "Can you stop by tomorrow?", "stop by at 5"),
        *("cancel my appointment", "When does it end?", "I quit my job", "The bus stop is close"),
        *("please don't stop texting me", "Text me when you are here", "contact me tomorrow", "\x00" * 9),
        *("Can you help me move the unit?", "start at 8 please, not 9", "I have all the info I need " * 200),
    ],
)
def test_ordinary_answers_are_left_alone(body: str) -> None:
    assert read_keyword(body) is None


@pytest.mark.parametrize(
    ("body", "keyword"),
    [
        *[(body, Keyword.START) for body in ("START", "unstop", "Start please", "opt in")],
        *[(body, Keyword.HELP) for body in ("HELP", "info", "Help!")],
    ],
)
def test_the_other_words(body: str, keyword: Keyword) -> None:
    assert read_keyword(body) is keyword


# The record


def may(purpose: Purpose = Purpose.TRANSACTIONAL) -> bool:
    return consent.may_text(JOHN, purpose) is None


def test_who_said_nothing_gets_what_is_about_their_work(acme: Company, sms: FakeSms) -> None:
    with acme.scope():
        assert may()
        assert not may(Purpose.MARKETING)
        assert consent.may_mail(MAIL) is None
        assert consent.may_mail(MAIL, Purpose.MARKETING) is not None


def test_the_last_word_counts(acme: Company, sms: FakeSms) -> None:
    form = Said(ConsentSource.FORM, wording="Text me offers", wording_version="2026-01")
    with acme.scope():
        consent.agree(JOHN, Channel.SMS, Purpose.MARKETING, form)
        assert (may(), may(Purpose.MARKETING)) == (True, True)
        consent.refuse_offers(JOHN, Channel.SMS, Said(ConsentSource.PORTAL))
        assert (may(), may(Purpose.MARKETING)) == (True, False)
        consent.agree(JOHN, Channel.SMS, Purpose.MARKETING, form)
        consent.opt_out(JOHN, Channel.SMS, KEYWORD)
        assert (may(), may(Purpose.MARKETING)) == (False, False)
        consent.opt_in_again(JOHN, Channel.SMS, KEYWORD)
        assert (may(), may(Purpose.MARKETING)) == (True, True)
        db.session.rollback()


def test_coming_back_is_no_agreement_to_offers(acme: Company, sms: FakeSms) -> None:
    with acme.scope():
        consent.opt_out(JOHN, Channel.SMS, KEYWORD)
        consent.opt_in_again(JOHN, Channel.SMS, KEYWORD)
        assert (may(), may(Purpose.MARKETING)) == (True, False)
        db.session.rollback()


def test_a_record_says_who_when_and_how(acme: Company, sms: FakeSms) -> None:
    with acme.scope():
        record = consent.opt_out(JOHN, Channel.SMS, KEYWORD)
        assert (record.action, record.scope) == (ConsentAction.REVOKED, ConsentScope.ALL)
        assert (record.source, record.wording) == (ConsentSource.SMS_KEYWORD, "STOP")
        assert abs(record.at - clock.now()) < timedelta(minutes=1)
        db.session.commit()
        assert (
            db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.n)).all()[-1]
            == "consent.revoked"
        )


def test_what_was_said_cannot_be_changed(acme: Company, sms: FakeSms) -> None:
    with acme.scope():
        record = consent.opt_out(JOHN, Channel.SMS, KEYWORD)
        db.session.commit()
        record.action = ConsentAction.GRANTED
        with pytest.raises(RuleViolation, match="stays on record"):
            db.session.flush()
        db.session.rollback()
        db.session.delete(db.session.scalars(select(ConsentRecord)).one())
        with pytest.raises(RuleViolation, match="stays on record"):
            db.session.flush()
        db.session.rollback()
        for statement in (update(ConsentRecord).values(address="x"), delete(ConsentRecord)):
            with pytest.raises(RuleViolation, match="stays on record"):
                db.session.execute(statement)
        db.session.rollback()


def test_it_belongs_to_the_number_and_to_the_company(acme: Company, rival: Company, sms: FakeSms) -> None:
    with acme.scope():
        consent.opt_out(JOHN, Channel.SMS, KEYWORD)
        # Somebody else with the same number is not written to either.
        customer_parts.add_contact(
            acme.customer_row(), ContactInput(name="Joan", phones=[("(937) 555-0142", "home")])
        )
        db.session.commit()
        assert not may()
    with rival.scope():
        assert may()


# STOP, START, HELP


def act(keyword: Keyword, key: str = "1", *, is_answered: bool = False) -> None:
    text_replies.act(keyword, JOHN, KEYWORD, key=key, is_answered=is_answered)
    db.session.commit()


def answers(company: Company) -> list[tuple[str, str]]:
    """What was written, and what became of it."""
    return [(message.template, delivered(company, message.id).status.value) for message in texts()]


def test_a_stop_is_confirmed_once_and_nothing_else_goes(acme: Company, sms: FakeSms) -> None:
    give_sender(acme)
    with acme.scope():
        waiting = write_text("before")
        db.session.flush()
        act(Keyword.STOP, "1")
        act(Keyword.STOP, "2")
        assert answers(acme) == [("note", "suppressed"), ("texts_stopped", "sent")]
        assert waiting is not None
        (sent,) = sms.sent
        assert sent.body.startswith("Acme HVAC: you will get no more texts from us.")
        assert sent.to == JOHN
        assert len(db.session.scalars(select(ConsentRecord)).all()) == 2


@pytest.mark.parametrize("late", [True, False])
def test_the_confirmation_leaves_within_five_minutes_or_never(
    acme: Company, sms: FakeSms, set_clock: Callable[[str], None], late: bool
) -> None:
    give_sender(acme)
    with acme.scope():
        act(Keyword.STOP)
        seconds = int(CONFIRMATION_LIFE.total_seconds()) + (5 if late else -60)
        set_clock(f"+{seconds}s")
        assert answers(acme) == [("texts_stopped", "suppressed" if late else "sent")]


def test_no_confirmation_of_what_was_taken_back(acme: Company, sms: FakeSms) -> None:
    give_sender(acme)
    with acme.scope():
        act(Keyword.STOP, "1")
        act(Keyword.START, "2")
        act(Keyword.STOP, "3")
        assert answers(acme) == [
            ("texts_stopped", "suppressed"),
            ("texts_started", "suppressed"),
            ("texts_stopped", "sent"),
        ]


def test_a_start_brings_texts_back_and_says_so_once(acme: Company, sms: FakeSms) -> None:
    give_sender(acme)
    with acme.scope():
        act(Keyword.START, "0")
        assert texts() == []
        consent.vendor_says_opted_out(JOHN, "21610")
        act(Keyword.START, "1")
        assert may()
        assert db.session.scalars(select(Suppression)).all() == []
        assert answers(acme) == [("texts_started", "sent")]


def test_help_is_answered_each_time_and_not_after_a_stop(acme: Company, sms: FakeSms) -> None:
    give_sender(acme)
    with acme.scope():
        act(Keyword.HELP, "1")
        act(Keyword.HELP, "1")
        act(Keyword.HELP, "2")
        assert answers(acme) == [("texts_help", "sent")] * 2
        assert "(937) 555-0100" in sms.sent[0].body
        act(Keyword.STOP, "3", is_answered=True)
        act(Keyword.HELP, "4")
        assert answers(acme)[-1] == ("texts_help", "suppressed")


def test_what_twilio_answered_is_not_answered_again(acme: Company, sms: FakeSms) -> None:
    with acme.scope():
        for n, keyword in enumerate((Keyword.STOP, Keyword.START, Keyword.HELP)):
            act(keyword, str(n), is_answered=True)
        assert texts() == []
        assert len(db.session.scalars(select(ConsentRecord)).all()) == 2


# What vendors say about addresses


@pytest.mark.parametrize(
    ("reason", "purpose", "category"),
    [
        (SuppressionReason.BOUNCED, Purpose.TRANSACTIONAL, FailureCategory.ADDRESS),
        (SuppressionReason.SPAM_REPORT, Purpose.TRANSACTIONAL, FailureCategory.CONSENT),
        (SuppressionReason.UNSUBSCRIBED, Purpose.TRANSACTIONAL, None),
        (SuppressionReason.UNSUBSCRIBED, Purpose.MARKETING, FailureCategory.CONSENT),
        (SuppressionReason.BOUNCED, Purpose.SECURITY, None),
    ],
)
def test_a_suppressed_address_gets_no_mail(
    acme: Company,
    mail: FakeMail,
    reason: SuppressionReason,
    purpose: Purpose,
    category: FailureCategory | None,
) -> None:
    with acme.scope():
        consent.suppress(MAIL, Channel.EMAIL, reason, "550 no such user")
        consent.suppress(MAIL, Channel.EMAIL, reason, "again")
        message = write_message("x", purpose=purpose)
        assert consent.refusal(message) is None if category is None else True
        refusal = consent.refusal(message)
        assert (refusal.category if refusal else None) is category
        db.session.rollback()


def test_a_suppressed_mail_has_a_row_with_the_reason(acme: Company, mail: FakeMail) -> None:
    row_id = saved(acme)
    with acme.scope():
        consent.suppress(MAIL, Channel.EMAIL, SuppressionReason.BOUNCED)
        db.session.commit()
        message = delivered(acme, row_id)
        assert (message.status, message.failure_category) == (S.SUPPRESSED, FailureCategory.ADDRESS)
        assert message.failure_detail == "Mail to this address came back."
    assert not mail.sent


# On the customer's page


@pytest.fixture
def office(acme: Company, signed_in: SignIn) -> PillarClient:
    return signed_in(acme, Role.OFFICE)


def customer_page(office: PillarClient, company: Company) -> Any:
    return office.page(f"/admin/customers/{company.customer.public_id}")


def press(office: PillarClient, page: Any, label: str) -> Any:
    return office.submit(page.form('form[action$="/consent"]'), label, follow=True)


def test_the_office_notes_an_opt_out_and_takes_it_back(
    acme: Company, bell: Bell, sms: FakeSms, office: PillarClient
) -> None:
    page = press(office, customer_page(office, acme), "stop_texts")
    assert "Noted. This number gets no more texts." in page.text
    assert "This person asked not to get texts." in page.text
    with acme.scope():
        record = db.session.scalars(select(ConsentRecord)).one()
        assert (record.address, record.source) == (JOHN, ConsentSource.STAFF)
        assert record.staff_id == acme.staff_row(Role.OFFICE).id
        assert record.ip
        db.session.rollback()
    page = press(office, page, "allow_texts")
    assert "This number gets texts again." in page.text
    with acme.scope():
        assert may()


def test_mail_that_came_back_is_shown_and_may_be_tried_again(
    acme: Company, bell: Bell, sms: FakeSms, office: PillarClient
) -> None:
    with acme.scope():
        consent.suppress(MAIL, Channel.EMAIL, SuppressionReason.BOUNCED)
        db.session.commit()
    page = customer_page(office, acme)
    assert "Mail to this address came back." in page.text
    form = page.form('form[action$="/consent"]:has(button[value="allow_mail"])')
    office.submit(form, "allow_mail")
    with acme.scope():
        assert consent.may_mail(MAIL) is None


def test_only_the_contacts_own_addresses(
    acme: Company, rival: Company, bell: Bell, sms: FakeSms, office: PillarClient, signed_in: SignIn
) -> None:
    form = customer_page(office, acme).form('form[action$="/consent"]')
    token = form.values()["csrf_token"]
    path = form.target()
    for values in (
        {"address": "+19375550177", "do": "stop_texts"},
        {"address": JOHN, "do": "delete"},
        {"address": JOHN},
    ):
        assert office.post(path, data={"csrf_token": token, **values}).status_code == 404
    assert office.post(path, data={"address": JOHN, "do": "stop_texts"}).status_code == 400
    rae = signed_in(rival)
    theirs = customer_page(rae, rival).form('form[action$="/consent"]')
    assert rae.submit(theirs, to=path).status == 404
    accountant = signed_in(acme, Role.ACCOUNTANT)
    assert not customer_page(accountant, acme).all('form[action$="/consent"]')
    with acme.scope():
        assert db.session.scalars(select(ConsentRecord)).all() == []
        assert db.session.scalars(select(Message)).all() == []
