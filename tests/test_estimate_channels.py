"""An estimate by e-mail, by text or both, and what the office is told when one does not arrive (2.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from pillar.errors import GatewayRefused, RuleViolation
from pillar.extensions import db
from pillar.models import Estimate, Message
from pillar.models.consent import ConsentSource
from pillar.models.message import Channel, FailureCategory, MessageStatus
from pillar.models.phone_number import Registration
from pillar.permissions import Role
from pillar.services import consent, delivery, estimate_sending, estimates, phone_numbers
from pillar.services.companies import current_company
from pillar.services.consent import Said
from pillar.services.phone_numbers import SenderInput, save_sender
from tests.support import estimates as making
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.mail import Bell, delivered
from tests.support.texts import JOHN, SENDER, FakeSms, give_sender, saved_text, texts

S = MessageStatus
BOTH = (Channel.EMAIL, Channel.SMS)
SignIn = Callable[..., PillarClient]


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
