"""The quote page with choices in a real browser on a phone: totals follow, the choice stays, no script is no loss."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, expect
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import Estimate, EstimateReply, EstimateView, Signature
from pillar.services import estimates
from tests.support import choices
from tests.support.browser import PHONE, axe, fits, path_of, visiting
from tests.support.cast import PASSWORD, Company
from tests.support.choices import BASIC, BASIC_WITH_ALL, PICK
from tests.support.databases import Kind
from tests.support.machine import wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.only_on(Kind.SQLITE, "what a browser does does not depend on the database"),
]


@pytest.fixture
def token(acme: Company) -> str:
    """The link of an estimate with three options and two add-ons."""
    return choices.make(acme)


def rows(company: Company, model: type[Any]) -> list[dict[str, Any]]:
    db.session.rollback()
    with company.scope():
        return [
            {key: value for key, value in vars(row).items() if not key.startswith("_")}
            for row in db.session.scalars(select(model).order_by(model.id))
        ]


def everywhere(page: Page, label: str, total: str) -> None:
    expect(page.locator("#included")).to_have_text(f"What's included in {label}")
    expect(page.locator(".bar strong")).to_have_text(total)
    expect(page.locator("#sign")).to_contain_text(f"I approve the {label} option for {total}")
    expect(page.locator(".sum").last).to_have_text(total)


def test_totals_follow_what_is_tapped(acme: Company, phone: Page, token: str) -> None:
    phone.goto(f"/quote/{token}")
    everywhere(phone, "Standard", PICK)
    expect(phone.get_by_role("button", name="Update total")).to_have_count(0)
    phone.locator(".tier").nth(0).tap()
    everywhere(phone, "Basic", "$1,522.50")
    phone.get_by_text("Leak sensor").first.tap()
    everywhere(phone, "Basic", BASIC_WITH_ALL)
    expect(phone.locator(".price").nth(1)).to_have_text("$1,837.00")
    assert phone.url.endswith("?option=1&addon=1&addon=2")
    phone.reload()
    everywhere(phone, "Basic", BASIC_WITH_ALL)
    assert fits(phone)
    assert axe(phone) == []


def test_a_ticked_sentence_is_not_ticked_for_another_total(phone: Page, token: str) -> None:
    phone.goto(f"/quote/{token}")
    phone.locator("#consent").check()
    phone.locator(".tier").nth(0).tap()
    everywhere(phone, "Basic", "$1,522.50")
    expect(phone.locator("#consent")).not_to_be_checked()


def test_what_was_tapped_is_signed(acme: Company, phone: Page, token: str) -> None:
    phone.goto(f"/quote/{token}")
    phone.locator(".tier").nth(0).tap()
    everywhere(phone, "Basic", "$1,522.50")
    phone.get_by_text("Haul away").first.tap()
    everywhere(phone, "Basic", BASIC)
    phone.get_by_label("Type", exact=True).check()
    phone.get_by_label("Your full name").fill("John Mitchell")
    phone.locator("#consent").check()
    # Enter in the name signs too: no button of the choice stands in its way.
    phone.get_by_label("Your full name").press("Enter")
    expect(phone.get_by_role("heading", level=1)).to_contain_text("Approved. Thank you")
    assert path_of(phone) == f"/quote/{token}/approved"
    signed = rows(acme, Signature)[0]
    assert (signed["option_key"], signed["addon_keys"], signed["total_cents"]) == ("1", [], 1_472_50)


def test_an_error_keeps_the_choice_and_goes_on_following(phone: Page, token: str) -> None:
    phone.goto(f"/quote/{token}?option=3")
    phone.get_by_label("Type", exact=True).check()
    phone.get_by_role("button", name="Approve and sign").tap()
    expect(phone.get_by_role("alert")).to_contain_text("need your attention")
    everywhere(phone, "Premium", "$2,539.20")
    phone.locator(".tier").nth(0).tap()
    everywhere(phone, "Basic", BASIC)
    assert path_of(phone) == f"/quote/{token}"


def test_a_lost_connection_is_said(phone: Page, token: str) -> None:
    phone.goto(f"/quote/{token}")
    phone.context.set_offline(True)
    phone.locator(".tier").nth(0).tap()
    expect(phone.get_by_text("We could not update the total.")).to_be_visible()
    phone.context.set_offline(False)
    phone.locator(".tier").nth(2).tap()
    everywhere(phone, "Premium", "$2,589.20")
    expect(phone.get_by_text("We could not update the total.")).to_be_hidden()


def test_a_new_revision_is_shown_whole(acme: Company, phone: Page, token: str) -> None:
    phone.goto(f"/quote/{token}")
    with acme.scope() as tenant:
        estimate = db.session.scalars(select(Estimate)).one()
        estimates.start_revision(estimate).change_note = "The permit is cheaper."
        estimates.send_estimate(tenant, estimate)
        db.session.commit()
    phone.locator(".tier").nth(0).tap()
    expect(phone.get_by_text("The permit is cheaper.")).to_be_visible()
    everywhere(phone, "Basic", "$1,522.50")


def test_asking_and_declining(acme: Company, phone: Page, token: str) -> None:
    phone.goto(f"/quote/{token}")
    phone.locator(".tier").nth(0).tap()
    everywhere(phone, "Basic", "$1,522.50")
    phone.get_by_text("Ask a question or request a change").tap()
    expect(phone.locator("#about_line option")).to_have_text(
        ["The whole estimate", "Gas tank", "Labor", "Leak sensor", "Haul away"]
    )
    phone.get_by_text("I don't want to go ahead").tap()
    assert axe(phone) == []
    assert fits(phone)
    phone.get_by_label("About").select_option("Labor")
    phone.get_by_label("Your message").fill("How many hours?")
    phone.get_by_role("button", name="Ask a question").tap()
    expect(phone.get_by_role("status").first).to_contain_text("We have your question.")
    # The choice is still the one that was made.
    everywhere(phone, "Basic", "$1,522.50")
    phone.get_by_text("I don't want to go ahead").tap()
    phone.get_by_label("It costs more than I planned").check()
    phone.get_by_role("button", name="Decline this estimate").tap()
    expect(phone.get_by_role("button", name="I changed my mind")).to_be_visible()
    assert axe(phone) == []
    assert [row["line_text"] for row in rows(acme, EstimateReply)] == ["Labor", ""]


def test_a_look_of_a_second_is_counted_once(acme: Company, phone: Page, token: str) -> None:
    sent: list[Request] = []
    phone.on("request", lambda request: sent.append(request) if request.url.endswith("/seen") else None)
    phone.goto(f"/quote/{token}")
    wait_until(lambda: len(rows(acme, EstimateView)) == 1, what="the look is counted")
    phone.wait_for_timeout(1500)
    assert len(sent) == 1
    assert rows(acme, EstimateView)[0]["device"].value == "computer"


def test_the_first_visit_is_small(phone: Page, token: str) -> None:
    """Page, style and script; the beacon comes when it was looked at, the pad when somebody goes near it."""
    sizes: dict[str, int] = {}
    phone.on("requestfinished", lambda request: sizes.update({request.url: transferred(request)}))
    phone.goto(f"/quote/{token}", wait_until="networkidle")
    fetched = {url: size for url, size in sizes.items() if not url.endswith("/seen")}
    assert len(fetched) <= 4, fetched
    assert sum(fetched.values()) <= 30_000, fetched


def transferred(request: Request) -> int:
    parts = request.sizes()
    return parts["responseBodySize"] + parts["responseHeadersSize"]


def test_everything_works_without_a_script(
    acme: Company, chromium: Browser, live_server: str, token: str
) -> None:
    with visiting(chromium, live_server, {**PHONE, "java_script_enabled": False}) as (page, visit):
        page.goto(f"/quote/{token}")
        page.locator(".tier").nth(0).click()
        page.get_by_text("Leak sensor").first.click()
        page.get_by_label("Your full name").fill("John Mitchell")
        page.get_by_role("button", name="Update total").click()
        everywhere(page, "Basic", BASIC_WITH_ALL)
        assert page.url.endswith("?option=1&addon=1&addon=2")
        # Another one without Update total: what it costs is shown before it is signed.
        page.locator(".tier").nth(2).click()
        page.get_by_label("Your full name").fill("John Mitchell")
        page.locator("#consent").check()
        page.get_by_label("Your full name").press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("This is the total for what you chose.")
        everywhere(page, "Premium", "$2,803.70")
        page.locator("#consent").check()
        page.get_by_label("Your full name").press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Approved. Thank you")
        assert rows(acme, Signature)[0]["total_cents"] == 2_803_70
        assert not visit.problems


def test_the_office_walks_it_in_the_browser(acme: Company, desk: Page, token: str) -> None:
    desk.goto("/admin/sign-in")
    desk.get_by_label("Email").fill(next(iter(acme.staff.values())).email)
    desk.get_by_label("Password").fill(PASSWORD)
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", level=1)).to_be_visible()
    desk.wait_for_url(lambda url: "sign-in" not in url)
    desk.goto(f"/quote/{token}")
    expect(desk.get_by_text("PREVIEW.")).to_be_visible()
    desk.locator(".tier").nth(0).click()
    expect(desk.locator("aside .amount")).to_have_text("$1,522.50")
    desk.wait_for_timeout(1500)
    assert axe(desk) == []
    desk.get_by_label("Type", exact=True).check()
    desk.get_by_label("Your full name").fill("John Mitchell")
    desk.locator("#consent").check()
    desk.get_by_role("button", name="Approve and sign").click()
    expect(desk.get_by_text("PREVIEW. This is what your customer sees after signing.")).to_be_visible()
    assert rows(acme, Signature) == rows(acme, EstimateView) == []
