"""Settings > Phone Numbers: the number that texts come from (9.4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page as BrowserPage

from pillar.extensions import db
from pillar.models import Message
from pillar.models.consent import ConsentSource
from pillar.models.message import Channel, FailureCategory, MessageStatus
from pillar.models.phone_number import Registration
from pillar.permissions import Role
from pillar.services import consent, phone_numbers
from pillar.services.consent import Said
from tests.support import estimates as making
from tests.support.browser import axe
from tests.support.cast import PASSWORD, Company
from tests.support.client import PillarClient
from tests.support.mail import Bell
from tests.support.texts import JOHN, SENDER, FakeSms, give_sender, saved_text

SignIn = Callable[..., PillarClient]


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


@pytest.mark.browser
@pytest.mark.only_on("sqlite", "what the browser does is the same on both")
def test_the_pages_about_texts_are_readable_by_everyone(
    acme: Company, sms: FakeSms, bell: Bell, desk: BrowserPage
) -> None:
    give_sender(acme, registration=Registration.SUBMITTED)
    draft = making.make_draft(acme)
    failed = saved_text(acme, status=MessageStatus.FAILED, failure_category=FailureCategory.REGISTRATION)
    with acme.scope():
        consent.opt_out(JOHN, Channel.SMS, Said(ConsentSource.STAFF))
        public_id = db.session.get_one(Message, failed).public_id
        db.session.commit()
    desk.goto("/admin/sign-in")
    desk.get_by_label("Email").fill(acme.staff[Role.ADMIN].email)
    desk.get_by_label("Password").fill(PASSWORD)
    desk.get_by_role("button", name="Sign in").click()
    for path in (
        "/admin/settings/phone-numbers/",
        "/admin/webhooks/",
        f"/admin/estimates/{draft}",
        f"/admin/customers/{acme.customer.public_id}",
        f"/admin/outbox/{public_id}",
    ):
        desk.goto(path)
        assert axe(desk) == [], path
