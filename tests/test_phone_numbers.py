"""Settings > Phone Numbers: the number that texts come from (9.4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pillar.extensions import db
from pillar.models.message import Channel, MessageStatus
from pillar.models.phone_number import Registration
from pillar.permissions import Role
from pillar.services import phone_numbers
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.texts import SENDER, FakeSms

S = MessageStatus
BOTH = (Channel.EMAIL, Channel.SMS)
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
