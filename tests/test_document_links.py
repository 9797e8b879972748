"""A document's link taken back, renewed or too old: 410 with the way out, and a new one to the contact (1.10, 1.12)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import Estimate
from pillar.services import document_links
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.estimates import approve, details, make_sent, press
from tests.support.furnished import writing
from tests.support.mail import FakeMail
from tests.support.personal_links import (
    change_contact,
    change_portal,
    deliver_all,
    messages_of,
    senders_alive,
)

MASKED = "j•••@acme.example"


def public_id_of(company: Company, token: str) -> str:
    with company.scope():
        query = select(Estimate.public_id).where(Estimate.public_token == token)
        return db.session.scalars(query).one()


def ask(client: PillarClient, token: str) -> str:
    """Press the button of the page, and read what it says then."""
    page = client.page(f"/quote/{token}", status=410)
    assert f"to {MASKED}" in page.text
    return client.page(client.submit(page).location, status=410).text


def mailed_token(mail: FakeMail) -> str:
    return mail.sent[-1].text.split("/quote/")[1].split()[0]


def test_taken_back_and_renewed(
    client: PillarClient, acme: Company, signed_in: Callable[..., PillarClient], mail: FakeMail
) -> None:
    token = make_sent(acme)
    office, name = signed_in(acme), public_id_of(acme, token)
    page = client.page(f"/quote/{token}")
    press(office, name, "link/revoke")
    assert "was taken back" in details(office, name).text
    for path in ("", "/approved", "/estimate.pdf", "/signature.png"):
        assert client.get(f"/quote/{token}{path}").status_code == 410, path
    assert client.submit(page.form("#sign form"), signer_name="John", consent=True).status == 410
    assert "could not send" in ask(client, token)
    senders_alive()
    assert "We sent a new link" in ask(client, token)
    deliver_all(acme)
    assert mail.sent[-1].to == acme.contact.email
    fresh = mailed_token(mail)
    assert fresh != token
    assert client.get(f"/quote/{fresh}").status_code == 200
    # Whoever holds the old one may ask again: the live link goes out once more, and stays.
    assert "We sent a new link" in ask(client, token)
    deliver_all(acme)
    assert mailed_token(mail) == fresh
    press(office, name, "link/renew")
    deliver_all(acme)
    newest = mailed_token(mail)
    assert [client.get(f"/quote/{each}").status_code for each in (token, fresh, newest)] == [410, 410, 200]
    assert approve(client, newest).status == 303


def test_a_link_may_grow_too_old(
    client: PillarClient, acme: Company, mail: FakeMail, set_clock: Callable[[str], None]
) -> None:
    token = make_sent(acme)
    change_portal(acme, document_link_days=7)
    assert client.get(f"/quote/{token}").status_code == 200
    set_clock("+7d")
    senders_alive()
    assert "We sent a new link" in ask(client, token)
    deliver_all(acme)
    fresh = mailed_token(mail)
    assert client.get(f"/quote/{fresh}").status_code == 200
    assert client.get(f"/quote/{token}").status_code == 410
    set_clock("+14d")
    assert client.get(f"/quote/{fresh}").status_code == 410
    change_portal(acme, document_link_days=None)
    assert client.get(f"/quote/{fresh}").status_code == 200


@pytest.mark.parametrize("way", ["nobody", "phone"])
def test_who_gets_it(client: PillarClient, acme: Company, way: str) -> None:
    token = make_sent(acme)
    change_contact(acme, *(("",) if way == "nobody" else ()), email="")
    with writing(), acme.scope():
        estimate = db.session.scalars(select(Estimate)).one()
        document_links.revoke(estimate)
    senders_alive()
    page = client.page(f"/quote/{token}", status=410)
    assert ("Send a new link to your phone" in page.text) is (way == "phone")
    assert "0142" not in page.html
    if way == "phone":
        client.submit(page)
        assert [each.channel.value for each in messages_of(acme, document_links.TEMPLATE)] == ["sms"]


def test_what_never_was_a_link_says_nothing(client: PillarClient, acme: Company) -> None:
    token = "A" * 22
    assert client.get(f"/quote/{token}").status_code == 404
    live = make_sent(acme)
    page = client.page(f"/quote/{live}")
    data = {"csrf_token": page.form("#sign form").values()["csrf_token"]}
    for each in (token, live):
        assert client.post(f"/quote/{each}/fresh", data=data).status_code == 404
