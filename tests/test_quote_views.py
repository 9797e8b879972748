"""A look at the quote page is counted from a page on screen, never for the office or for programs (2.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import AuditEvent, Estimate, EstimateView
from pillar.models.estimate_replies import Device
from pillar.permissions import Role
from pillar.services import estimates, views
from tests.support import estimates as making
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.office import limits_on
from tests.support.pages import Page

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_2 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
)
IPAD = "Mozilla/5.0 (iPad; CPU OS 16_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
PIXEL = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36"
TAB = "Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36"
DESK = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36"


@pytest.fixture
def token(acme: Company) -> str:
    """The link of a sent estimate."""
    return making.make_sent(acme)


def beacon(client: PillarClient, page: Page, user_agent: str = IPHONE) -> int:
    """What quote.js sends when the page was on screen for a second."""
    script = page.one("script[data-seen]")
    headers = {"Referer": page.url, "User-Agent": user_agent}
    return client.post(
        str(script["data-seen"]), data={"csrf_token": script["data-csrf"]}, headers=headers
    ).status_code


def looks(company: Company) -> list[tuple[str, str, int]]:
    with company.scope():
        rows = db.session.scalars(select(EstimateView).order_by(EstimateView.id))
        return [(row.kind.value, row.device.value, row.revision_n) for row in rows]


def test_looking_alone_counts_nothing(acme: Company, client: PillarClient, token: str) -> None:
    client.page(f"/quote/{token}")
    client.head(f"/quote/{token}")
    assert client.get(f"/quote/{token}/seen").status_code == 405
    assert looks(acme) == []


def test_every_look_is_a_row(acme: Company, client: PillarClient, token: str) -> None:
    for user_agent in (IPHONE, DESK, IPAD):
        assert beacon(client, client.page(f"/quote/{token}"), user_agent) == 204
    assert looks(acme) == [("generic", "phone", 1), ("generic", "computer", 1), ("generic", "tablet", 1)]
    with acme.scope():
        events = list(db.session.scalars(select(AuditEvent.action)))
        assert events.count("estimate.viewed") == 1


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (IPHONE, Device.PHONE),
        (PIXEL, Device.PHONE),
        (IPAD, Device.TABLET),
        (TAB, Device.TABLET),
        (DESK, Device.COMPUTER),
    ],
)
def test_what_it_was_looked_at_with(user_agent: str, device: Device) -> None:
    assert not views.is_scanner(user_agent)
    assert views.device_of(user_agent) is device


@pytest.mark.parametrize(
    "user_agent",
    [
        "",
        "Googlebot/2.1 (+http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Mozilla/5.0 (Windows NT 10.0) BarracudaCentral link scanner",
        "facebookexternalhit/1.1",
        "Slackbot-LinkExpanding 1.0",
        "curl/8.5.0",
        "python-requests/2.32",
    ],
)
def test_programs_are_not_counted(acme: Company, client: PillarClient, token: str, user_agent: str) -> None:
    assert beacon(client, client.page(f"/quote/{token}"), user_agent) == 204
    assert looks(acme) == []


def test_the_office_is_not_counted(
    acme: Company, rival: Company, token: str, signed_in: Callable[..., PillarClient]
) -> None:
    office = signed_in(acme, Role.TECHNICIAN)
    page = office.page(f"/quote/{token}")
    assert not page.all("script[data-seen]")
    # Nor when the page was opened before signing in.
    csrf = page.form("#sign form").values()["csrf_token"]
    headers = {"Referer": page.url, "User-Agent": DESK}
    answer = office.post(f"/quote/{token}/seen", data={"csrf_token": csrf}, headers=headers)
    assert answer.status_code == 204
    assert looks(acme) == []
    visitor = signed_in(rival, Role.ADMIN)
    assert beacon(visitor, visitor.page(f"/quote/{token}")) == 204
    assert len(looks(acme)) == 1


def test_a_beacon_from_elsewhere_is_refused(acme: Company, client: PillarClient, token: str) -> None:
    assert client.post(f"/quote/{token}/seen").status_code == 400
    page = client.page(f"/quote/{token}")
    csrf = page.form("#sign form").values()["csrf_token"]
    headers = {"Referer": page.url, "User-Agent": DESK}
    missing = client.post("/quote/AAAAAAAAAAAAAAAAAAAAAA/seen", data={"csrf_token": csrf}, headers=headers)
    assert missing.status_code == 404
    assert looks(acme) == []


def test_beacons_are_limited(database: Bed, acme: Company) -> None:
    token = making.make_sent(acme)
    with limits_on(database) as app:
        visitor: PillarClient = app.test_client()  # type: ignore[assignment]
        page = visitor.page(f"/quote/{token}")
        answers = [beacon(visitor, page) for _ in range(21)]
    assert answers == [204] * 20 + [429]


def pills(office: PillarClient) -> str:
    return " ".join(office.page("/admin/estimates/").texts("tbody .pill"))


def test_viewed_is_what_the_office_sees(
    acme: Company, client: PillarClient, token: str, signed_in: Callable[..., PillarClient]
) -> None:
    office = signed_in(acme, Role.OFFICE)
    with acme.scope():
        public_id = db.session.scalars(select(Estimate.public_id)).one()
    details = f"/admin/estimates/{public_id}"
    assert pills(office) == "Sent"
    beacon(client, client.page(f"/quote/{token}"))
    beacon(client, client.page(f"/quote/{token}"), DESK)
    assert pills(office) == "Viewed"
    shown = office.page(details)
    assert "2 times" in shown.text
    assert "Phone" in shown.text
    assert "Computer" in shown.text
    # The status is no other one: a new revision was seen by nobody yet.
    revised(acme)
    assert pills(office) == "Sent"
    making.approve(client, token)
    beacon(client, client.page(f"/quote/{token}"))
    assert pills(office) == "Approved"


def revised(company: Company) -> Any:
    with company.scope() as tenant:
        estimate = db.session.scalars(select(Estimate)).one()
        estimates.start_revision(estimate).change_note = "One hour less."
        estimates.send_estimate(tenant, estimate)
        db.session.commit()
