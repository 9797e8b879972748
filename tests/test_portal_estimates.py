"""Estimates of a signed-in customer: what is listed, in which words and order, for whom (2.15, 3.12, section 10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from pillar import clock
from pillar.extensions import db
from pillar.models import Estimate
from pillar.models.customer import Contact, PortalAccess
from pillar.models.estimate import EstimateStatus
from pillar.permissions import Role
from pillar.portal import tabs
from pillar.services import customers
from pillar.services.customer_parts import ContactInput, LocationInput
from pillar.services.customers import CustomerInput
from pillar.services.portal_estimates import PAGE_SIZE, Position
from pillar.tokens import document_token, public_id
from tests.support.bed import Bed
from tests.support.cast import Company, Person
from tests.support.client import PillarClient
from tests.support.estimates import TOTAL, counting, make_draft, make_sent, sent
from tests.support.furnished import writing
from tests.support.pages import Page
from tests.support.portal import signed_in_customer

S = EstimateStatus
PILLS = {
    S.SENT: ("wait", "Ready to approve"),
    S.CHANGES_REQUESTED: ("wait", "Changes requested"),
    S.ACCEPTED: ("good", "Approved"),
    S.DECLINED: ("off", "Declined"),
    S.EXPIRED: ("off", "Expired"),
    S.WITHDRAWN: ("off", "Withdrawn"),
    S.SUPERSEDED: ("off", "Replaced"),
    S.CANCELLED: ("off", "Cancelled"),
}


@pytest.fixture
def customer(client: PillarClient, acme: Company) -> PillarClient:
    return signed_in_customer(client, acme)


def listed(client: PillarClient, company: Company, query: str = "") -> Page:
    return client.page(f"/portal/{company.slug}/estimates{query}")


def headings(page: Page) -> list[str]:
    return page.texts(".split section:has(> .rows) > h2")


def make(company: Company, *titles: str, status: S = S.SENT, **overrides: object) -> None:
    """Sent estimates with these titles, moved on to a status."""
    with writing(), company.scope() as tenant:
        for title in titles:
            row = sent(company, tenant, title=title, **overrides)
            db.session.flush()
            for step in (S.ACCEPTED, S.CANCELLED) if status is S.CANCELLED else (status,):
                row.status = step


def make_many(company: Company, count: int) -> None:
    """Bare rows: the list reads nothing else, and sending takes its time."""
    with writing(), company.scope() as tenant:
        about = {"customer_id": company.customer_row().id, "status": S.SENT, "valid_until": tenant.today()}
        rows = [
            {
                **about,
                "public_id": public_id(),
                "public_token": document_token(),
                "number": f"EST-2020-{n:05d}",
                "title": f"No {n}",
                "sent_at": clock.now() - timedelta(days=n // 10),
            }
            for n in range(count)
        ]
        db.session.execute(insert(Estimate), rows)


def another_customer(company: Company, name: str, contact: ContactInput) -> Person:
    """A second customer of the company with one sent estimate called like it; its contact."""
    with writing(), company.scope() as tenant:
        place = LocationInput(street=f"{len(name)} {name} Street", city="Dayton", state="OH")
        row = customers.create_customer(CustomerInput(display_name=name), contact, place)
        sent(company, tenant, title=name, customer=row, contact=row.contacts[0], location=row.locations[0])
        return Person(row.contacts[0].public_id, contact.name, contact.email)


def test_every_status_has_its_pill_and_place(acme: Company, customer: PillarClient) -> None:
    for status in S:
        if status is not S.DRAFT:
            make(acme, f"It is {status}", status=status)
    make_draft(acme, title="Nobody saw this draft")
    page = listed(customer, acme)
    rows = dict(zip(page.texts(".rows .strong:not(.money)"), page.all(".rows > *"), strict=True))
    assert set(rows) == {f"It is {status}" for status in PILLS}
    for status, (tone, label) in PILLS.items():
        pill = rows[f"It is {status}"].select_one(".pill")
        assert pill is not None
        assert (tone in pill["class"], pill.get_text(strip=True)) == (True, label)
        assert pill.select_one("svg") is not None
        assert TOTAL in rows[f"It is {status}"].get_text()
        assert "EST-2" in rows[f"It is {status}"].get_text()
        assert ("good until" in rows[f"It is {status}"].get_text()) == (
            status in {S.SENT, S.CHANGES_REQUESTED}
        )
    assert headings(page) == ["For you to approve", "Other estimates"]
    assert page.texts(".rows .strong:not(.money)")[:2] == ["It is sent", "It is changes_requested"]


def test_what_is_past_its_last_day_is_called_expired_before_the_sweep(
    acme: Company, customer: PillarClient, set_clock: Callable[[str], None]
) -> None:
    make(acme, "Old one")
    assert "For you to approve" in listed(customer, acme).text
    set_clock("+6d")
    assert customer.page(f"/portal/{acme.slug}/estimates").texts(".pill") == ["Ready to approve"]
    with writing(), acme.scope():
        row = db.session.scalars(select(Estimate)).one()
        row.valid_until = clock.today("America/New_York") - timedelta(days=1)
    page = listed(customer, acme)
    assert page.texts(".pill") == ["Expired"]
    assert headings(page) == ["Your estimates"]


def test_a_row_leads_to_its_page_unless_the_link_was_taken_back(
    acme: Company, customer: PillarClient
) -> None:
    token = make_sent(acme, title="Open me")
    page = listed(customer, acme)
    assert page.link("Open me") == f"/quote/{token}"
    assert "Open me" in customer.page(f"/quote/{token}").text
    with writing(), acme.scope():
        db.session.scalars(select(Estimate)).one().token_revoked_at = clock.now()
    page = listed(customer, acme)
    assert not page.all(".rows a")
    assert headings(page)[0] == "Your estimates", "nothing to approve without a link"
    assert "We took its link back, so it does not open here. Call us if you need it." in page.text
    assert token not in page.html


def test_nobody_elses_and_all_of_ones_own(
    acme: Company, rival: Company, customer: PillarClient, new_client: Callable[[], PillarClient]
) -> None:
    """One person, several customers: by the same contact's mailbox, never by a name, never across companies."""
    make(acme, "Mine")
    make(rival, "Of another company")
    email = acme.contact.email
    another_customer(acme, "Lake house", ContactInput(name="J. Mitchell", email=email))
    others = [
        another_customer(acme, name, ContactInput(name="John Mitchell", email=f"{n}@acme.example"))
        for n, name in enumerate(("Same name", "No address", "No address either"))
    ]
    with writing(), acme.scope():
        for other in others[1:]:
            row = db.session.scalars(select(Contact).where(Contact.public_id == other.public_id)).one()
            row.email = ""
    page = listed(customer, acme)
    assert sorted(page.texts(".rows .strong:not(.money)")) == ["Lake house", "Mine"]
    # Which of them is said only where there are several.
    assert "John Mitchell, 412" not in page.text
    assert all(name in page.text for name in ("Lake house", "John Mitchell"))
    without = signed_in_customer(new_client(), acme, others[1])
    assert listed(without, acme).texts(".rows .strong:not(.money)") == ["No address"]
    assert listed(signed_in_customer(new_client(), rival), rival).texts(".rows .strong:not(.money)") == [
        "Of another company"
    ]
    # A session is of one company: elsewhere the browser is a stranger's.
    assert customer.get(f"/portal/{rival.slug}/estimates").status_code == 303


def test_pages_follow_each_other_without_gap_or_repeat(acme: Company, customer: PillarClient) -> None:
    """Also where many were sent in the same instant; nonsense in the address is the first page."""
    count = 2 * PAGE_SIZE + 3
    make_many(acme, count)
    with writing(), acme.scope():
        rows = db.session.scalars(select(Estimate)).all()
        for row in rows[::4]:
            row.request_changes()
        expected = [
            row.title
            for row in sorted(
                sorted(rows, key=lambda each: (each.sent_at, each.number), reverse=True),
                key=lambda each: each.status is S.CHANGES_REQUESTED,
            )
        ]
    page, seen = listed(customer, acme), []
    while True:
        seen += page.texts(".rows .strong:not(.money)")
        more = [each for each in page.all("main nav a") if each.get_text() == "Show more"]
        if not more:
            break
        page = customer.page(str(more[0]["href"]))
    assert seen == expected
    assert page.link("Back to the first") == f"/portal/{acme.slug}/estimates"
    first = listed(customer, acme).texts(".rows .strong")
    for nonsense in ("x", "0", "0,1,", "9,20260101T000000.0,E", "0,20260101T000000.0,%00", "%ff", "1" * 500):
        assert listed(customer, acme, f"?after={nonsense}").texts(".rows .strong") == first, nonsense
    place = Position(1, clock.now(), "EST-2026-00042")
    assert Position.read(str(place)) == place
    beyond = listed(customer, acme, f"?after={replace_rank(place)}")
    assert "That is all." in beyond.text


def replace_rank(place: Position) -> Position:
    return place._replace(rank=2, sent_at=clock.now() - timedelta(days=9000))


def test_the_count_of_statements_does_not_grow(acme: Company, customer: PillarClient) -> None:
    def statements() -> int:
        with counting() as seen:
            listed(customer, acme)
        return len(seen)

    assert "When we send you one, it is here at once." in listed(customer, acme).text
    make(acme, "One")
    few = statements()
    make_many(acme, PAGE_SIZE + 5)
    another_customer(acme, "Lake house", ContactInput(name="J", email=acme.contact.email))
    assert statements() == few <= 6


def test_the_shell(
    acme: Company, client: PillarClient, customer: PillarClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = f"/portal/{acme.slug}/home"
    assert customer.page(home, status=303).location == f"/portal/{acme.slug}/estimates"
    page = listed(customer, acme)
    assert page.texts(".nav a .wide") == ["My profile"]
    assert page.one(".nav [aria-current=page]").get_text(strip=True) == "Estimates"
    assert "John Mitchell" in page.one(".me").get_text()
    assert page.one("header a[href^='tel:']").get_text(strip=True).startswith("Call")
    assert not page.all("details"), "there is no More while everything fits"
    # Features add tabs; one that is off is absent, and what does not fit a phone's bar goes behind More.
    extra = [
        replace(tabs.TABS[0], label=f"Tab {n}", short_label=f"Tab {n}", bar_rank=9 + n) for n in range(6)
    ]
    off = replace(extra[0], label="Off", short_label="Off", is_on=lambda company: company.slug != acme.slug)
    monkeypatch.setattr(tabs, "TABS", (*tabs.TABS, *extra, off))
    page = listed(customer, acme)
    assert page.texts(".nav > a:not(.wide)") == ["Estimates", "My profile Profile", "Tab 0", "Tab 1"]
    assert page.texts(".nav details a") == ["Tab 2", "Tab 3", "Tab 4", "Tab 5"]
    assert "Off" not in page.texts(".nav a")


def test_strangers_are_sent_to_sign_in_and_the_office_only_looks(
    acme: Company, new_client: Callable[[], PillarClient]
) -> None:
    address = f"/portal/{acme.slug}/estimates"
    answer = new_client().page(address, status=303)
    assert answer.location == f"/portal/{acme.slug}/sign-in?next=/portal/{acme.slug}/estimates"
    office = signed_in_customer(new_client(), acme, viewer=acme.staff[Role.OFFICE])
    page = listed(office, acme)
    assert "You are looking at this as the office. Nothing you do here is saved." in page.text
    assert page.form("main form").action.endswith(f"/portal/{acme.slug}/looking/end")
    refused = office.submit(page.form("#sign-out"))
    assert (refused.status, refused.location) == (303, f"/portal/{acme.slug}/looking")
    assert listed(office, acme).status == 200


def test_whoever_loses_the_portal_is_out_at_once(
    database: Bed, acme: Company, customer: PillarClient
) -> None:
    assert listed(customer, acme).status == 200
    with writing(), acme.scope():
        row = db.session.scalars(select(Contact).where(Contact.public_id == acme.contact.public_id)).one()
        row.portal_access = PortalAccess.DOCUMENTS
    assert customer.get(f"/portal/{acme.slug}/estimates").status_code == 303
