"""The pages of signing in and of the settings in a real browser: readable for everybody, on a phone and on a desk."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from pillar.extensions import db
from pillar.permissions import Role
from pillar.services import staff
from tests.support.browser import axe, fits, path_of
from tests.support.cast import PASSWORD, Company
from tests.support.databases import Kind
from tests.support.office import SIGN_IN, password_link

pytestmark = [
    pytest.mark.browser,
    pytest.mark.only_on(Kind.SQLITE, "what a browser does does not depend on the database"),
]

OFFICE_PAGES = (
    "/admin/account/",
    "/admin/settings/company/",
    "/admin/settings/brand/",
    "/admin/staff/",
    "/admin/staff/new",
    "/admin/audit/",
)


def enter(page: Page, company: Company) -> None:
    page.goto(SIGN_IN)
    page.get_by_label("Email").fill(company.staff[Role.ADMIN].email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    assert path_of(page) == "/admin/"


def check(page: Page) -> None:
    assert axe(page) == [], page.url
    assert fits(page), page.url


def test_the_way_in(phone: Page, acme: Company) -> None:
    with acme.scope():
        link = password_link(staff.reset_link(acme.staff_row()))
        db.session.commit()
    for path in (SIGN_IN, "/admin/forgot", "/admin/forgot?sent=1", link):
        phone.goto(path)
        check(phone)


def test_on_a_desk(desk: Page, acme: Company) -> None:
    enter(desk, acme)
    for path in OFFICE_PAGES:
        desk.goto(path)
        check(desk)


def test_on_a_phone(phone: Page, acme: Company) -> None:
    enter(phone, acme)
    for path in (*OFFICE_PAGES, "/admin/security"):
        phone.goto(path)
        check(phone)


def test_a_refused_form_leads_to_its_errors(desk: Page, acme: Company) -> None:
    enter(desk, acme)
    desk.goto("/admin/staff/new")
    desk.get_by_label("Name", exact=True).fill("Nia New")
    desk.get_by_role("button", name="Send the invitation").click()
    check(desk)
    assert desk.locator("#errors").evaluate("node => node === document.activeElement")
    desk.locator("#errors").get_by_role("link", name="Roles").click()
    assert desk.get_by_label("Name", exact=True).input_value() == "Nia New"


def test_a_person_is_disabled_by_two_presses(desk: Page, acme: Company) -> None:
    enter(desk, acme)
    desk.goto(f"/admin/staff/{acme.staff[Role.OFFICE].public_id}/edit")
    check(desk)
    desk.get_by_role("button", name="Disable").click()
    desk.get_by_role("dialog", name="Disable").get_by_role("button", name="Disable").click()
    assert "can no longer sign in" in desk.get_by_role("status").inner_text()
