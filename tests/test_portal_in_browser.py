"""The signed-in portal as a person's browser shows it: phone and desk, light and dark, installed or not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from pillar.models.tenant import AppOffer
from tests.support.browser import DESK, PHONE, axe, fits, visiting
from tests.support.cast import Company
from tests.support.estimates import LINES, sent
from tests.support.furnished import writing
from tests.support.portal import make_session, take_cookie_in_browser

FIRST_VISIT_BYTES = 30 * 1024
FIRST_VISIT_REQUESTS = 4
LONG = (
    "Replacement of the water heater in the basement, with disposal of the old one and a new expansion tank"
)


def fill(company: Company) -> str:
    """Estimates with long titles, a company that offers the app; the token of a customer's session."""
    with writing(), company.scope() as tenant:
        tenant.pwa = AppOffer.OFFER
        for n in range(3):
            sent(company, tenant, title=LONG, lines=LINES).valid_until = None if n else tenant.today()
    make_session(company, idle=timedelta(hours=5))
    return make_session(company)


def weigh(page: Page) -> list[int]:
    """The bytes of every answer that this page gets from now on."""
    weights: list[int] = []
    page.on("requestfinished", lambda request: weights.append(request.sizes()["responseBodySize"]))
    return weights


def looks_right(page: Page, company: Company, *, is_phone: bool) -> None:
    page.goto(f"/portal/{company.slug}/app")
    assert fits(page)
    page.goto(f"/portal/{company.slug}/profile")
    page.get_by_text("Set a password").click()
    for path in ("profile", "estimates"):
        if path == "estimates":
            page.goto(f"/portal/{company.slug}/estimates")
        assert fits(page), path
        assert axe(page) == [], path
    bar = page.locator(".nav").bounding_box()
    size = page.viewport_size
    assert bar is not None
    assert size is not None
    # Below on a phone, where the thumb is, and nowhere else.
    assert (abs(bar["y"] + bar["height"] - size["height"]) < 1) == is_phone
    assert page.locator(".me").is_visible() != is_phone
    for link in page.locator(".nav a, .me button").all():
        box = link.bounding_box()
        assert box is None or box["height"] >= 48


@pytest.mark.browser
@pytest.mark.only_on("sqlite", "what the browser does is the same on both")
def test_on_a_phone_in_the_light_and_on_a_desk_in_the_dark(
    acme: Company, chromium: Browser, live_server: str
) -> None:
    token, problems = fill(acme), []
    looks: list[dict[str, Any]] = [{**PHONE, "color_scheme": "light"}, {**DESK, "color_scheme": "dark"}]
    for look in looks:
        is_phone = look["color_scheme"] == "light"
        with visiting(chromium, live_server, look) as (page, visit):
            weights = weigh(page)
            take_cookie_in_browser(page, live_server, token)
            page.goto(f"/portal/{acme.slug}/estimates", wait_until="networkidle")
            assert len(weights) <= FIRST_VISIT_REQUESTS
            assert sum(weights) <= FIRST_VISIT_BYTES
            looks_right(page, acme, is_phone=is_phone)
            if is_phone:
                worker_keeps_files_only_and_goes_when_told(page, acme)
            problems += visit.problems
    assert problems == []


KEPT = """async () => (await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys())))
    .flat().map((each) => new URL(each.url).pathname)"""
SCOPES = """async () => (await navigator.serviceWorker.getRegistrations())
    .map((each) => new URL(each.scope).pathname)"""


def worker_keeps_files_only_and_goes_when_told(page: Page, company: Company) -> None:
    """On a page that loaded before the setting was turned off: the next look for an update ends it."""
    page.evaluate("async () => { await navigator.serviceWorker.ready }")
    page.reload(wait_until="networkidle")
    page.goto(f"/portal/{company.slug}/profile", wait_until="networkidle")
    assert page.evaluate(SCOPES) == [f"/portal/{company.slug}/"]
    files = page.evaluate(KEPT)
    assert files
    assert all(each.startswith("/static/") for each in files)
    with writing(), company.scope() as tenant:
        tenant.pwa = AppOffer.OFF
    page.evaluate("async () => { await (await navigator.serviceWorker.getRegistration()).update() }")
    page.wait_for_function(f"async () => [...await ({SCOPES})(), ...await ({KEPT})()].length === 0")
    with writing(), company.scope() as tenant:
        tenant.pwa = AppOffer.OFFER
