"""Texts on their way: one segment of plain letters, sent once, by e-mail, text or both as the office chose."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from pillar import clock, gsm7
from pillar.errors import GatewayBusy, GatewayOptedOut, GatewayRefused, GatewayUnsure, RuleViolation
from pillar.extensions import db
from pillar.models import ConsentRecord, Estimate, Message, PhoneNumber, Suppression
from pillar.models.consent import ConsentSource
from pillar.models.message import Channel, FailureCategory, MessageStatus, Purpose
from pillar.models.phone_number import Registration
from pillar.permissions import Role
from pillar.services import consent, delivery, estimate_sending, estimates, phone_numbers
from pillar.services.companies import current_company
from pillar.services.consent import Said
from pillar.services.phone_numbers import SenderInput, save_sender
from pillar.services.quiet_hours import quiet_until
from pillar.services.texts import Reader, compose_text, render_text
from tests.support import estimates as making
from tests.support.bed import Bed, inside
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.mail import Bell, delivered, make_due
from tests.support.texts import JOHN, RIVAL_SENDER, SENDER, FakeSms, give_sender, saved_text, texts

S = MessageStatus
BOTH = (Channel.EMAIL, Channel.SMS)
SignIn = Callable[..., PillarClient]


# Letters


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("Müller’s “Heating” – Café…", 'Müller\'s "Heating" - Café...'),
        ("Łódź Çelik & Søn", "Lodz Çelik & Søn"),
        ("{A}[b]|c~^€5", "(A)(b)/c-EUR5"),
        ("Ice 🧊 Air™\n\tCo", "Ice Air Co"),
        ("Paul\u202eCRLF\r\nBcc: x", "PaulCRLF Bcc: x"),
        ("日本 空調", ""),
    ],
)
def test_what_has_no_letter_is_replaced_or_left_out(typed: str, plain: str) -> None:
    assert gsm7.plain(typed) == plain
    assert gsm7.is_plain(gsm7.plain(typed))


def rendered(company: Company, name: str, **values: Any) -> str:
    with company.scope() as tenant:
        tenant.display_name = name
        db.session.flush()
        words = render_text(
            "estimate_sent",
            {"link": "https://portal.example/quote/" + "a" * 22, "valid_until_short": "Apr 9"} | values,
        )
        db.session.rollback()
    return words


def test_the_text_says_who_what_until_when_where_and_how_to_stop(acme: Company, sms: FakeSms) -> None:
    assert rendered(acme, "Northgate") == (
        "Northgate: your estimate is ready, good until Apr 9. See it: "
        "https://portal.example/quote/aaaaaaaaaaaaaaaaaaaaaa Reply STOP to opt out."
    )


@pytest.mark.parametrize(
    "name",
    [
        "Northgate Heating, Cooling and Plumbing",
        "Northgate Heating, Cooling, Plumbing and Electrical Contractors of Montgomery County",
        "N" * 200,
        "日本 空調",
        "<script>alert(1)</script>{{ESTIMATE_LINK}}{{ link }}",
        "Evil\u202e Reply\nline two",
    ],
)
@pytest.mark.parametrize(
    "host", ["https://p.example", "https://portal.northgate-heating-and-cooling.example.com"]
)
def test_one_segment_whatever_the_name(acme: Company, sms: FakeSms, name: str, host: str) -> None:
    link = f"{host}/quote/{'_-aZ9' * 4}zz"
    words = rendered(acme, name, link=link, valid_until_short="Sep 30, 2027")
    assert len(words) <= 160
    assert gsm7.is_plain(words)
    assert link in words.split()
    assert words.count("/quote/") == 1
    assert words.endswith(" Reply STOP to opt out.")
    assert not words.startswith(":")


def test_an_address_that_leaves_no_room_is_told(acme: Company, sms: FakeSms) -> None:
    with acme.scope():
        message = compose_text(
            "estimate_sent", Reader(JOHN), dedupe_key="x", context={"link": "https://x.example/" + "y" * 150}
        )
        assert (message.status, message.failure_category) == (S.FAILED, FailureCategory.TEMPLATE)
        assert "too long" in message.failure_detail
        db.session.rollback()


def test_writing_a_text_twice_gives_one(acme: Company, sms: FakeSms) -> None:
    with acme.scope():
        first = compose_text("texts_help", Reader(JOHN, "John"), dedupe_key="help")
        assert compose_text("texts_help", Reader(JOHN), dedupe_key="help") is first
        bad = compose_text("texts_help", Reader("call me"), dedupe_key="bad")
        assert (bad.status, bad.failure_category) == (S.FAILED, FailureCategory.ADDRESS)
        assert bad.due_at is None
        db.session.rollback()


# On their way


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


# An estimate by e-mail, by text or both


@pytest.fixture
def office(acme: Company, signed_in: SignIn) -> PillarClient:
    return signed_in(acme, Role.OFFICE)


def send_form(office: PillarClient, draft: str) -> Any:
    return office.page(f"/admin/estimates/{draft}").form('form[action$="/send"]')


def options(office: PillarClient, draft: str) -> dict[str, bool]:
    page = office.page(f"/admin/estimates/{draft}")
    return {str(tag["value"]): tag.has_attr("disabled") for tag in page.all('select[name="by"] option')}


def sent_by(company: Company) -> list[tuple[str, str]]:
    with company.scope():
        rows = db.session.scalars(select(Message).order_by(Message.id))
        return [(message.channel.value, message.to_address) for message in rows]


@pytest.mark.parametrize(
    ("way", "channels"), [("email", ["email"]), ("text", ["sms"]), ("both", ["email", "sms"])]
)
def test_the_office_chooses_the_way(
    acme: Company, sms: FakeSms, bell: Bell, office: PillarClient, way: str, channels: list[str]
) -> None:
    give_sender(acme)
    draft = making.make_draft(acme)
    assert options(office, draft) == {"email": False, "text": False, "both": False}
    done = office.submit(send_form(office, draft), by=way, follow=True)
    assert "It is on its way." in done.text
    assert [channel for channel, _ in sent_by(acme)] == channels
    again = office.submit(done.form('form[action$="/send-again"]'), follow=True)
    assert "The same link is on its way again." in again.text
    assert [channel for channel, _ in sent_by(acme)] == channels * 2
    with acme.scope():
        link = f"/quote/{db.session.scalars(select(Estimate.public_token)).one()}"
        rows = db.session.scalars(select(Message)).all()
        assert all(link in message.body_text for message in rows)
        assert len({message.dedupe_key for message in rows}) == len(rows)


def test_another_way_afterwards(acme: Company, sms: FakeSms, bell: Bell, office: PillarClient) -> None:
    give_sender(acme)
    draft = making.make_draft(acme)
    page = office.submit(send_form(office, draft), by="email", follow=True)
    page = office.submit(page.form('form[action$="/send-by"]'), by="text", follow=True)
    assert "on its way again" in page.text
    assert [channel for channel, _ in sent_by(acme)] == ["email", "sms"]
    # And from then on one click does the same.
    office.submit(page.form('form[action$="/send-again"]'))
    assert [channel for channel, _ in sent_by(acme)] == ["email", "sms", "sms"]


def test_a_double_click_texts_once(acme: Company, sms: FakeSms, bell: Bell, office: PillarClient) -> None:
    give_sender(acme)
    draft = making.make_draft(acme)
    page = office.submit(send_form(office, draft), by="text", follow=True)
    form = page.form('form[action$="/send-again"]')
    office.submit(form)
    assert "Someone else changed this estimate" in office.submit(form, follow=True).text
    assert len(sent_by(acme)) == 2


def no_number(_company: Company) -> None:
    phone = _company.contact_row().phones[0]
    phone.e164 = ""


def opted_out(_company: Company) -> None:
    consent.opt_out(JOHN, Channel.SMS, Said(ConsentSource.SMS_KEYWORD))


def waiting_for_carriers(_company: Company) -> None:
    save_sender(SenderInput(SENDER, Registration.SUBMITTED))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (no_number, "There is no phone number on the contact."),
        (opted_out, "This person asked not to get texts."),
        (waiting_for_carriers, "The carriers have not approved the sending number yet."),
    ],
)
def test_what_cannot_be_is_shown_with_its_reason(
    acme: Company,
    sms: FakeSms,
    bell: Bell,
    office: PillarClient,
    change: Callable[[Company], None],
    reason: str,
) -> None:
    give_sender(acme)
    draft = making.make_draft(acme)
    with acme.scope():
        change(acme)
        db.session.commit()
    assert options(office, draft) == {"email": False, "text": True, "both": True}
    assert reason in office.page(f"/admin/estimates/{draft}").text


def test_a_way_that_is_none_is_refused(acme: Company, sms: FakeSms, bell: Bell, office: PillarClient) -> None:
    draft = making.make_draft(acme)
    form = send_form(office, draft)
    page = office.post(
        f"/admin/estimates/{draft}/send",
        data={"csrf_token": form.values()["csrf_token"], "by": "pigeon"},
        follow_redirects=True,
    )
    assert "Choose how to send it" in page.text
    assert sent_by(acme) == []


def broken_template(company: Company) -> None:
    with company.scope():
        message = texts()[0]
        message.body_text = ""
        message.status, message.failure_category = S.FAILED, FailureCategory.TEMPLATE
        message.finish()
        db.session.commit()


def portal_off(_company: Company) -> None:
    current_company().portal_enabled = False


def number_gone(_company: Company) -> None:
    sender = phone_numbers.current_sender()
    assert sender is not None
    phone_numbers.remove_sender(sender)


@pytest.mark.parametrize(
    ("change", "answer", "category"),
    [
        (opted_out, None, FailureCategory.CONSENT),
        (number_gone, None, FailureCategory.REGISTRATION),
        (portal_off, None, FailureCategory.FEATURE_OFF),
        (None, GatewayRefused("provider", "Twilio answered 401"), FailureCategory.PROVIDER),
        (None, GatewayRefused("address", "Twilio answered 400 (21614)"), FailureCategory.ADDRESS),
        (None, GatewayRefused("template", "Twilio answered 400 (21617)"), FailureCategory.TEMPLATE),
    ],
)
def test_each_failure_is_named_on_the_estimate_and_in_the_outbox(
    acme: Company,
    sms: FakeSms,
    bell: Bell,
    office: PillarClient,
    change: Callable[[Company], None] | None,
    answer: Exception | None,
    category: FailureCategory,
) -> None:
    give_sender(acme)
    draft = making.make_draft(acme)
    office.submit(send_form(office, draft), by="text")
    sms.answers = [answer] if answer else []
    with acme.scope():
        if change is not None:
            change(acme)
            db.session.commit()
        message = delivered(acme, texts()[0].id)
        assert message.failure_category is category
        words = estimate_sending.trouble([message])
        outbox = f"/admin/outbox/{message.public_id}"
        db.session.rollback()
    assert words
    assert words in office.page(f"/admin/estimates/{draft}").text
    shown = office.page(outbox).text
    assert words.split(". ")[1] in shown


def test_an_estimate_without_lines_names_what_is_missing(
    acme: Company, sms: FakeSms, bell: Bell, office: PillarClient
) -> None:
    draft = making.make_draft(acme, lines=())
    page = office.submit(send_form(office, draft), follow=True)
    assert "The estimate has no options. Add at least one line" in page.text


def test_nothing_is_sent_while_the_portal_is_off(acme: Company, sms: FakeSms) -> None:
    with acme.scope() as tenant:
        estimate = making.draft(acme, tenant)
        tenant.portal_enabled = False
        db.session.flush()
        with pytest.raises(RuleViolation, match="This is turned off"):
            estimates.send_estimate(tenant, estimate)
        db.session.rollback()


def test_a_text_is_read_in_the_outbox_where_it_is_the_phone(
    acme: Company, sms: FakeSms, bell: Bell, office: PillarClient
) -> None:
    sms.keeps_bodies = True
    give_sender(acme)
    row_id = saved_text(
        acme, body_text="Acme HVAC: see https://portal.example/quote/abc Reply STOP to opt out."
    )
    with acme.scope():
        public_id = delivered(acme, row_id).public_id
        db.session.rollback()
    page = office.page(f"/admin/outbox/{public_id}")
    assert page.link("https://portal.example/quote/abc") == "https://portal.example/quote/abc"
    assert "this page is the reader's phone" in page.text
    assert "(937) 555-0142" in page.text
    assert not page.all("iframe")
    assert office.get(f"/admin/outbox/{public_id}/mail").status_code == 404


@pytest.mark.parametrize("status", [S.FAILED, S.UNKNOWN])
def test_a_person_may_send_a_text_again(acme: Company, sms: FakeSms, status: MessageStatus) -> None:
    give_sender(acme)
    row_id = saved_text(acme, status=status, due_at=None)
    with acme.scope():
        delivery.send_again(db.session.get_one(Message, row_id))
        db.session.commit()
        assert delivered(acme, row_id).status is S.SENT
        db.session.execute(update(Message).values(status=S.FAILED, to_address="12"))
        db.session.commit()
        assert "No text can be sent" in (
            delivery.obstacle_to_repeat(db.session.get_one(Message, row_id)) or ""
        )


def test_mail_and_text_share_no_key(acme: Company, sms: FakeSms) -> None:
    with acme.scope() as tenant:
        estimate = making.draft(acme, tenant)
        made = estimates.send_estimate(tenant, estimate, BOTH)
        assert [message.channel for message in made] == list(BOTH)
        assert estimate_sending.last_channels(estimate) == BOTH
        db.session.rollback()


# Settings > Phone Numbers


def test_only_admins_set_the_number(acme: Company, sms: FakeSms, signed_in: SignIn) -> None:
    assert signed_in(acme, Role.OFFICE).get("/admin/settings/phone-numbers/").status_code == 403
    admin = signed_in(acme)
    page = admin.page("/admin/settings/phone-numbers/")
    assert "There is no sending number." in page.text
    saved_page = admin.submit(
        page.form(".form"),
        number="(937) 555-0199",
        registration="approved",
        account_sid="AC" + "a" * 32,
        auth_token="very-secret",
        follow=True,
    )
    assert "The number is saved." in saved_page.text
    assert not saved_page.all(".flash.wait")
    assert "very-secret" not in saved_page.html
    # Saving again without the token keeps it.
    admin.submit(saved_page.form(".form"), registration="submitted")
    with acme.scope():
        sender = phone_numbers.current_sender()
        assert sender is not None
        assert (sender.e164, sender.registration) == (SENDER, Registration.SUBMITTED)
        assert phone_numbers.auth_token(sender) == "very-secret"
        db.session.rollback()
    assert "have not approved" in admin.page("/admin/settings/phone-numbers/").text
    gone = admin.submit(saved_page.form('form[action$="/remove"]'), follow=True)
    assert "No texts are sent any more." in gone.text


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"number": "call me"}, "Type a phone number"),
        ({"number": "(937) 555-0199", "account_sid": "AC1"}, "It starts with AC"),
        ({"number": "(937) 555-0199", "account_sid": "AC" + "a" * 32}, "Type the auth token"),
        ({"number": "(937) 555-0199", "messaging_service": "x"}, "It starts with MG"),
    ],
)
def test_a_number_that_cannot_be_is_told(
    acme: Company, sms: FakeSms, signed_in: SignIn, typed: dict[str, str], sentence: str
) -> None:
    admin = signed_in(acme)
    page = admin.submit(
        admin.page("/admin/settings/phone-numbers/").form(".form"), registration="none", **typed
    )
    assert page.status == 422
    assert sentence in page.text
    assert page.one('[name="number"]')["value"] == typed["number"]
