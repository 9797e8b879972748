"""My profile: what it shows and never shows, the password, the list of browsers (1.4, 1.6, 6.2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from pillar import passwords
from pillar.extensions import db
from pillar.models.audit import AuditEvent
from pillar.models.customer import Contact
from pillar.models.portal import PortalSession
from pillar.permissions import Role
from pillar.portal.devices import described
from pillar.services import customers
from pillar.services.customer_parts import LocationInput, add_location, remove_location
from tests.support.cast import PASSWORD, Company, cheap_hash
from tests.support.client import PillarClient
from tests.support.furnished import writing
from tests.support.pages import Page
from tests.support.portal import make_session, signed_in_customer, take_cookie

NEW = "a few plain words"


@pytest.fixture
def customer(client: PillarClient, acme: Company) -> PillarClient:
    return signed_in_customer(client, acme)


def profile(client: PillarClient, company: Company) -> Page:
    return client.page(f"/portal/{company.slug}/profile")


def hash_of(company: Company) -> str:
    with company.scope():
        return company.contact_row().password_hash


def give_password(company: Company) -> None:
    with writing(), company.scope():
        company.contact_row().password_hash = cheap_hash()


def change(client: PillarClient, page: Page, **typed: Any) -> Page:
    return client.submit(page.form("form[action$='/profile/password']"), **typed)


def events(company: Company) -> list[str]:
    with company.scope():
        return [
            event for event in db.session.scalars(select(AuditEvent.action)) if event.startswith("contact.")
        ]


def browsers(company: Company) -> int:
    with company.scope():
        return db.session.scalar(select(func.count()).select_from(PortalSession)) or 0


def test_what_it_shows_and_what_stays_with_the_office(acme: Company, customer: PillarClient) -> None:
    with writing(), acme.scope():
        row = acme.customer_row()
        customers.add_note(row, "Gate code 4711", acme.staff_row())
        add_location(row, LocationInput(street="9 Lake Road", city="Dayton", access_notes="Key under mat"))
        gone = add_location(row, LocationInput(street="1 Sold House"))
        remove_location(gone)
    page = profile(customer, acme)
    for words in (
        "John Mitchell",
        "john.mitchell@acme.example",
        "(937) 555-0142",
        "412 Alder Street, Dayton, OH 45402",
        "9 Lake Road, Dayton",
        "Something wrong? Call us on (937) 555-0100",
    ):
        assert words in page.text, words
    for secret in ("4711", "under mat", "Sold House", "Referral"):
        assert secret not in page.html, secret
    assert page.one(".nav [aria-current=page]")["href"] == f"/portal/{acme.slug}/profile"


def test_a_password_is_set_changed_and_removed(
    acme: Company, customer: PillarClient, new_client: Callable[[], PillarClient]
) -> None:
    """Right after signing in without the old one: that is how a forgotten one is replaced."""
    other = signed_in_customer(new_client(), acme)
    page = profile(customer, acme)
    assert "There is no password to lose." in page.text
    for typed, sentence in (
        ({"password": "short", "again": "short"}, "Use at least 10 characters."),
        ({"password": NEW, "again": NEW + "!"}, "The two are not the same."),
        ({"password": "x" * 201, "again": "x" * 201}, "Use at most 200 characters."),
    ):
        refused = change(customer, page, **typed)
        assert refused.status == 422
        assert sentence in refused.text
        assert refused.one("details[open] form")
        assert NEW not in refused.html
    assert hash_of(acme) == ""
    done = customer.follow(change(customer, page, password=NEW, again=NEW))
    assert "Your password is saved. Every other browser is signed out." in done.text
    assert passwords.verify(hash_of(acme), NEW)
    assert other.get(f"/portal/{acme.slug}/profile").status_code == 303
    change(customer, done, password=NEW + "2", again=NEW + "2")
    assert passwords.verify(hash_of(acme), NEW + "2")
    gone = customer.submit(profile(customer, acme).form("form[action$='/remove']"))
    assert "Your password is gone." in customer.follow(gone).text
    assert hash_of(acme) == ""
    assert events(acme)[-3:] == [
        "contact.password_set",
        "contact.password_changed",
        "contact.password_removed",
    ]


def test_a_browser_that_was_left_open_needs_the_old_password(acme: Company, client: PillarClient) -> None:
    give_password(acme)
    take_cookie(client, make_session(acme, idle=timedelta(minutes=20)))
    page = profile(client, acme)
    assert "Forgot it? Sign out, sign in with a link, then set a new one." in page.text
    refused = change(client, page, current="wrong", password=NEW, again=NEW)
    assert refused.status == 422
    assert refused.texts("#current-fix") == ["That is not your password."]
    kept = client.submit(page.form("form[action$='/remove']"), current="wrong")
    assert kept.status == 422
    assert passwords.verify(hash_of(acme), PASSWORD)
    done = change(client, page, current=PASSWORD, password=NEW, again=NEW)
    assert done.status == 303
    assert passwords.verify(hash_of(acme), NEW)


def test_where_one_is_signed_in_and_out_again(
    acme: Company, rival: Company, customer: PillarClient, new_client: Callable[[], PillarClient]
) -> None:
    away = "Mozilla/5.0 (Windows NT 10.0; Win64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
    windows = signed_in_customer(new_client(), acme, idle=timedelta(hours=3), user_agent=away)
    make_session(acme, idle=timedelta(days=8), user_agent="Firefox/1 Linux")
    signed_in_customer(new_client(), rival)
    page = profile(customer, acme)
    assert page.texts("li .strong") == ["Safari on an iPhone", "Chrome on Windows"]
    assert page.texts("li .detail")[0] == "This one"
    assert "Last seen" in page.texts("li .detail")[1]
    out = customer.submit(page.form("#sign-out"))
    assert out.location == f"/portal/{acme.slug}"
    assert customer.get(f"/portal/{acme.slug}/profile").status_code == 303
    # The other browser is still in, and signs out everywhere.
    third = signed_in_customer(new_client(), acme)
    everywhere = windows.submit(profile(windows, acme).form("form[action$='everywhere']"))
    assert everywhere.status == 303
    for one in (windows, third):
        assert one.get(f"/portal/{acme.slug}/profile").status_code == 303
    assert browsers(acme) == 0
    assert browsers(rival) == 1
    assert "contact.signed_out_everywhere" in events(acme)


def test_the_old_cookie_is_worth_nothing_after_signing_out(acme: Company, client: PillarClient) -> None:
    token = make_session(acme)
    take_cookie(client, token)
    client.submit(profile(client, acme).form("#sign-out"))
    take_cookie(client, token)
    assert client.get(f"/portal/{acme.slug}/profile").status_code == 303


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140 Safari/537.36 Edg/140",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) CriOS/140 Mobile Safari/604.1", "Chrome on an iPhone"),
        (
            "Mozilla/5.0 (Linux; Android 16) SamsungBrowser/28 Chrome/130 Safari/5",
            "Samsung Internet on Android",
        ),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X) Version/19 Safari/605", "Safari on a Mac"),
        ("curl/8", "A browser"),
        ("", "A browser"),
    ],
)
def test_browsers_in_plain_words(user_agent: str, words: str) -> None:
    assert described(user_agent) == words


def test_the_office_sees_the_page_and_changes_nothing(acme: Company, client: PillarClient) -> None:
    office = signed_in_customer(client, acme, viewer=acme.staff[Role.ADMIN])
    page = profile(office, acme)
    assert "You are looking at this as the office." in page.text
    answer = change(office, page, password=NEW, again=NEW)
    assert answer.location == f"/portal/{acme.slug}/looking"
    assert hash_of(acme) == ""
    with acme.scope():
        assert db.session.scalars(select(Contact).where(Contact.password_hash != "")).first() is None
