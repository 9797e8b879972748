"""The search of the top bar in a real browser: keys alone, what a screen reader is told, no script needed."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from pillar.permissions import Role
from tests.support.browser import axe, fits, path_of
from tests.support.cast import PASSWORD

ONE_DATABASE = pytest.mark.only_on("sqlite", "what the browser does is the same on both")


@pytest.fixture
def ours(furnished):
    return furnished[0]


def sign_in(page: Page, origin: str, ours) -> None:
    page.goto(f"{origin}/admin/sign-in")
    page.get_by_label("Email").fill(ours.company.staff[Role.OFFICE].email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("main")).to_be_visible()


@pytest.mark.browser
@ONE_DATABASE
def test_a_person_is_found_with_the_keys_alone(desk, live_server, ours):
    sign_in(desk, live_server, ours)
    desk.keyboard.press("/")
    box = desk.get_by_role("combobox", name="Search name")
    expect(box).to_be_focused()
    desk.keyboard.type("amber")
    results = desk.get_by_role("listbox", name="Results")
    expect(results).to_be_visible()
    expect(results.get_by_role("option")).to_have_count(7)
    expect(desk.locator("#found + [aria-live]")).to_have_text("6 results")
    assert axe(desk) == []
    desk.keyboard.press("ArrowDown")
    first = results.get_by_role("option", name="Amber Library")
    expect(first).to_have_attribute("aria-selected", "true")
    expect(box).to_have_attribute("aria-activedescendant", str(first.get_attribute("id")))
    desk.keyboard.press("ArrowUp")
    expect(results.get_by_role("option", name="All results")).to_have_attribute("aria-selected", "true")
    desk.keyboard.press("Escape")
    expect(results).to_be_hidden()
    expect(box).to_have_value("amber")
    box.fill("(937) 555-0142")
    expect(results.get_by_role("option", name="John Mitchell")).to_be_visible()
    desk.keyboard.press("ArrowDown")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", level=1, name="John Mitchell")).to_be_visible()
    desk.keyboard.press("/")
    desk.keyboard.type("nobody at all")
    expect(results.get_by_text("Nothing matches")).to_be_visible()
    assert axe(desk) == []
    desk.keyboard.press("Enter")
    desk.wait_for_url("**/admin/search/?q=nobody+at+all")
    assert axe(desk) == []


@pytest.mark.browser
@ONE_DATABASE
def test_the_results_fit_a_phone(phone, live_server, ours):
    sign_in(phone, live_server, ours)
    phone.get_by_label("Search name").fill("3001")
    phone.get_by_role("option", name="Amber furnace").tap()
    phone.wait_for_url("**/admin/jobs/**")
    for path in ("/admin/search/?q=amber", "/admin/search/"):
        phone.goto(live_server + path)
        assert (axe(phone), fits(phone)) == ([], True)
    assert path_of(phone) == "/admin/search/"
