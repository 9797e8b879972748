"""Customers and imports in a real browser: accessible, without a complaint, alive while a file comes in."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import ImportBatch
from pillar.permissions import Role
from tests.support.browser import axe
from tests.support.cast import PASSWORD, Company
from tests.support.imports import SAMPLE, work, writing_in


@pytest.fixture
def office(desk: Page, live_server: str, acme: Company) -> Page:
    """Somebody of the office at a desk."""
    desk.goto(f"{live_server}/admin/sign-in")
    desk.get_by_label("Email").fill(acme.staff[Role.OFFICE].email)
    desk.get_by_label("Password").fill(PASSWORD)
    desk.get_by_role("button", name="Sign in").click()
    expect(desk.get_by_role("navigation", name="Main")).to_be_visible()
    return desk


@pytest.mark.browser
@pytest.mark.only_on("sqlite", "what the browser does is the same on both")
def test_every_page_of_customers_is_accessible(office, live_server, acme):
    home = f"/admin/customers/{acme.customer.public_id}"
    paths = (
        "/admin/customers/",
        "/admin/customers/?view=deleted",
        "/admin/customers/?city=Dayton&tag=VIP&search=x",
        f"/admin/customers/calls/new?customer={acme.customer.public_id}",
        "/admin/customers/calls/new",
        "/admin/confirm",
        f"{home}?tab=consent",
        "/admin/customers/new",
        home,
        f"{home}/edit",
        f"{home}/contacts/new",
        f"{home}/contacts/{acme.contact.public_id}",
        f"{home}/locations/{acme.location}",
        f"{home}/notes",
        "/admin/imports/",
        "/admin/imports/new",
    )
    for path in paths:
        office.goto(live_server + path)
        assert axe(office) == [], path


@pytest.mark.browser
@pytest.mark.only_on("sqlite", "what the browser does is the same on both")
def test_a_file_comes_in_before_the_eyes_of_the_office(office, live_server, acme, app):
    office.goto(f"{live_server}/admin/imports/new")
    office.get_by_label("CSV file or Excel workbook").set_input_files(SAMPLE)
    office.get_by_role("button", name="Read the file").click()
    expect(office.get_by_role("heading", name="What the columns hold")).to_be_visible()
    assert axe(office) == []
    office.get_by_role("button", name="Check the file").click()
    expect(office.get_by_text("Being checked")).to_be_visible()
    with writing_in(acme):
        work(app.config["PILLAR_CONFIG"], db.session.scalars(select(ImportBatch.id)).one())
    office.get_by_role("button", name="Import 100 rows").click()
    expect(office.get_by_text("Starts in a moment")).to_be_visible()
    assert axe(office) == []
    with writing_in(acme):
        work(app.config["PILLAR_CONFIG"], db.session.scalars(select(ImportBatch.id)).one())
    # The page asks by itself.
    expect(office.get_by_text("100 of 100 rows")).to_be_visible()
    expect(office.get_by_role("button", name="Undo this import")).to_be_visible()
    assert axe(office) == []
    office.goto(f"{live_server}/admin/customers/")
    expect(office.get_by_text("Showing 1 to 25 of 101")).to_be_visible()
    assert axe(office) == []
