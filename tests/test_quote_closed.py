"""`/quote/<token>` twice, too late, changed meanwhile, or gone: one effect, and a page that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from pillar import dates
from pillar.extensions import db
from pillar.models import (
    Estimate,
    Job,
    Signature,
    Tenant,
)
from pillar.models.estimate import EstimateStatus
from pillar.services import companies, estimates
from tests.support import estimates as making
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.estimates import approve, count, everything, only
from tests.support.pages import Page


@pytest.fixture
def token(acme: Company) -> str:
    """The link of a sent estimate."""
    return making.make_sent(acme)


# Twice, late, and meanwhile


def test_a_second_click_has_no_second_effect_and_the_same_confirmation(
    acme: Company, token: str, client: PillarClient
) -> None:
    form = client.page(f"/quote/{token}").form("#sign form")
    typed = {"signer_name": "John Mitchell", "consent": True}
    first = client.submit(form, **typed)
    after_first = everything()
    second = client.submit(form, **typed)
    assert (first.status, second.status) == (303, 303)
    assert first.location == second.location
    assert everything() == after_first
    assert "Approved. Thank you, John." in client.follow(second).text
    with acme.scope():
        assert only(Signature).signer_name == "John Mitchell"
        assert only(Job).number.endswith("00001")


def revise(company: Company, **changes: Any) -> None:
    """Send a new revision of the only estimate, as the office would."""
    with company.scope() as tenant:
        estimate = only(Estimate)
        draft = estimates.start_revision(estimate)
        draft.change_note = "You asked for it."
        for name, value in changes.items():
            setattr(draft.options[0].lines[0], name, value)
        db.session.flush()
        estimates.send_estimate(tenant, estimate)
        db.session.commit()


def test_an_offer_that_changed_meanwhile_is_shown_and_not_signed(
    acme: Company, token: str, client: PillarClient
) -> None:
    form = client.page(f"/quote/{token}").form("#sign form")
    revise(acme, scope="Now with a drip pan")
    typed = {"signer_name": "John Mitchell", "consent": True}
    for attempt in (typed, typed | {"signer_name": ""}):
        answer = client.submit(form, **attempt)
        assert answer.status == 409
        assert "We changed this estimate while you had it open." in answer.text
        assert "Now with a drip pan" in answer.text
    assert count(acme, Signature) == 0
    assert client.submit(answer.form("#sign form"), **typed).status == 303
    with acme.scope():
        assert only(Signature).revision.n == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"revision": "2"},
        {"revision": "0"},
        {"revision": ""},
        {"revision": "9" * 40},
        {"revision": "١"},
        {"revision": "x\x00"},
        {"content_hash": "0" * 64},
        {"content_hash": ""},
    ],
    ids=str,
)
def test_what_was_seen_must_be_what_is_offered(
    acme: Company, token: str, client: PillarClient, wrong: dict[str, str]
) -> None:
    answer = approve(client, token, **wrong)
    assert answer.status == 409
    assert making.TOTAL in answer.text
    assert count(acme, Signature) == 0


@pytest.mark.parametrize(
    ("zone", "last_minute", "over"),
    [
        ("America/New_York", "2026-03-11T03:59:59+00:00", "2026-03-11T04:00:00+00:00"),
        ("Pacific/Kiritimati", "2026-03-10T09:59:59+00:00", "2026-03-10T10:00:00+00:00"),
        ("Pacific/Pago_Pago", "2026-03-11T10:59:59+00:00", "2026-03-11T11:00:00+00:00"),
    ],
)
def test_it_can_be_signed_to_the_last_minute_of_the_companys_day(
    acme: Company,
    client: PillarClient,
    set_clock: Callable[[str], None],
    zone: str,
    last_minute: str,
    over: str,
) -> None:
    with acme.scope() as tenant:
        companies.update_settings(tenant, time_zone=zone)
        db.session.commit()
    set_clock("2026-03-01T12:00:00+00:00")
    token = making.make_sent(acme, **making.valid_until("2026-03-10"))
    late = making.make_sent(acme, **making.valid_until("2026-03-10"))
    form = client.page(f"/quote/{late}").form("#sign form")
    set_clock(last_minute)
    assert "Good until Tue, Mar 10" in client.page(f"/quote/{token}").text
    assert approve(client, token).status == 303
    set_clock(over)
    page = client.page(f"/quote/{late}")
    assert "This estimate is past its last day. Call us and we will bring it up to date." in page.text
    assert not page.all("#sign")
    answer = client.submit(form, signer_name="John Mitchell", consent=True)
    assert answer.status == 409
    assert answer.text.count("This estimate is past its last day.") == 1
    with acme.scope():
        assert only(Signature).estimate.public_token == token


@pytest.mark.parametrize(
    ("close", "sentence"),
    [
        (lambda _tenant, estimate: estimates.decline_estimate(estimate, "no"), "was declined. Call us"),
        (lambda _tenant, estimate: estimates.withdraw_estimate(estimate), "took this estimate back. Call us"),
        (lambda _tenant, estimate: estimate.expire(), "past its last day. Call us"),
        (
            lambda _tenant, estimate: setattr(estimate, "status", EstimateStatus.SUPERSEDED),
            "A newer estimate replaced this one.",
        ),
    ],
    ids=["declined", "withdrawn", "expired", "superseded"],
)
def test_a_closed_estimate_says_what_to_do(
    acme: Company,
    token: str,
    client: PillarClient,
    close: Callable[[Tenant, Estimate], object],
    sentence: str,
) -> None:
    form = client.page(f"/quote/{token}").form("#sign form")
    with acme.scope() as tenant:
        close(tenant, only(Estimate))
        db.session.commit()
    page = client.page(f"/quote/{token}")
    assert sentence in page.text
    assert not page.all("#sign")
    assert page.link("Call") == "tel:+19375550100"
    assert client.get(f"/quote/{token}/approved").status_code == 303
    for typed in ({"signer_name": "John Mitchell", "consent": True}, {}):
        answer = client.submit(form, **typed)
        assert answer.status == 409
        assert sentence in answer.text
        assert "while you had it open" not in answer.text
    assert count(acme, Signature) == 0


def test_a_cancelled_estimate_keeps_its_signature(acme: Company, token: str, client: PillarClient) -> None:
    approve(client, token)
    with acme.scope():
        only(Estimate).status = EstimateStatus.CANCELLED
        db.session.commit()
    page = client.page(f"/quote/{token}")
    assert "cancelled after it was approved" in page.text
    assert "John Mitchell" in page.text
    assert "The signed record" in page.text


def test_links_that_open_nothing(acme: Company, token: str, client: PillarClient) -> None:
    draft = making.make_draft(acme)
    with acme.scope():
        hidden = {row.public_id: row.public_token for row in db.session.scalars(select(Estimate)).all()}[
            draft
        ]
    unknown = "x" * 22
    for dead in (unknown, hidden, token[:-1], f"{token}x", token.swapcase(), "short", "%00" * 16):
        for path in ("", "/approved", "/signature.png"):
            page = Page(client.get(f"/quote/{dead}{path}"))
            assert page.status == 404
            assert "We can't find that page" in page.text
    with acme.scope():
        estimate = db.session.scalars(select(Estimate).where(Estimate.public_token == token)).one()
        estimate.token_revoked_at = datetime.now(UTC)
        db.session.commit()
    # One that the office took back still knows the way out (1.12).
    page = Page(client.get(f"/quote/{token}"))
    assert page.status == 410
    assert "$" not in page.text


def test_a_dead_link_cannot_be_signed_either(token: str, client: PillarClient) -> None:
    values = client.page(f"/quote/{token}").form("#sign form").values().to_dict()
    answer = client.post(f"/quote/{'x' * 22}/approval", data=values)
    assert answer.status_code == 404


def test_wrong_methods_have_a_page(token: str, client: PillarClient) -> None:
    assert "We can't find that page" not in Page(client.get(f"/quote/{token}/approval")).text
    assert client.get(f"/quote/{token}/approval").status_code == 405


def test_a_portal_that_is_off_shows_only_what_was_signed(
    acme: Company, token: str, client: PillarClient
) -> None:
    signed = making.make_sent(acme)
    form = client.page(f"/quote/{token}").form("#sign form")
    approve(client, signed)
    with acme.scope() as tenant:
        tenant.portal_enabled = False
        db.session.commit()
    page = Page(client.get(f"/quote/{token}"))
    assert page.status == 503
    assert "The customer portal is not available" in page.text
    answer = client.submit(form, signer_name="John Mitchell", consent=True)
    assert answer.status == 503
    assert "Approved by customer" in client.page(f"/quote/{signed}").text
    assert client.get("/portal/acme-hvac").status_code == 503
    assert count(acme, Signature) == 1


def test_the_last_day_is_the_one_that_was_chosen(acme: Company, client: PillarClient) -> None:
    with acme.scope() as tenant:
        day: date = tenant.today() + timedelta(days=3)
        zone = tenant.time_zone
    token = making.make_sent(acme, valid_until=day)
    assert f"Good until {dates.long_date(day, zone)}" in client.page(f"/quote/{token}").text
