"""Writing an estimate in a real browser: whole by keyboard, readable for everybody, with the server's totals live."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import Estimate
from pillar.permissions import Role
from pillar.services import estimate_templates, estimates, price_book
from pillar.services.estimate_draft import LineInput, OptionInput
from pillar.services.price_book import ItemInput
from tests.support import estimates as making
from tests.support.browser import axe, fits, path_of
from tests.support.cast import PASSWORD, Company
from tests.support.databases import Kind
from tests.support.office import SIGN_IN

pytestmark = [
    pytest.mark.browser,
    pytest.mark.only_on(Kind.SQLITE, "what a browser does does not depend on the database"),
]


def press_until(page: Page, there: str, key: str = "Tab") -> None:
    """Go through the fields with a key until this one has the focus."""
    for _ in range(80):
        if page.evaluate("() => document.activeElement.id") == there:
            return
        page.keyboard.press(key)
    pytest.fail(f"no field {there!r} within eighty keys")


def enter(page: Page, company: Company) -> None:
    page.goto(SIGN_IN)
    page.get_by_label("Email").fill(company.staff[Role.ADMIN].email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    assert path_of(page) == "/admin/"


def fill_book() -> None:
    """Two things to sell, inside `scope()`."""
    price_book.create_item(ItemInput("WH-50", "Water heater, 50 gallons", 1_850_00, description="Gas"))
    price_book.create_item(ItemInput("LAB", "Labor", 120_00, unit="hr", is_taxable=False))


def on(page: Page, field: str) -> None:
    """Where the keyboard is must be this field."""
    page.wait_for_function("id => document.activeElement.id === id", arg=field)


def tab_to(page: Page, words: str) -> None:
    """Go on with the Tab key until the button with these words has the focus."""
    for _ in range(60):
        if page.evaluate("() => document.activeElement.innerText || ''").strip() == words:
            return
        page.keyboard.press("Tab")
    pytest.fail(f"no button {words!r} within sixty tabs")


def test_an_estimate_with_options_by_keyboard_alone(desk: Page, acme: Company) -> None:
    with acme.scope():
        fill_book()
        db.session.commit()
    enter(desk, acme)
    desk.goto(f"/admin/estimates/new?customer={acme.customer.public_id}")
    _type_two_lines(desk)
    _type_two_options(desk)
    tab_to(desk, "Save draft")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", level=1)).to_have_text("New heater")
    assert re.fullmatch(r"/admin/estimates/[\w-]{22}", path_of(desk))
    with acme.scope():
        options = db.session.scalars(select(Estimate)).one().revisions[-1].options
        assert [(each.label, each.discount_ppm, each.is_recommended) for each in options] == [
            ("Basic", 0, False),
            ("Standard", 100_000, True),
        ]
        assert [line.description for line in options[0].lines] == ["Water heater, 50 gallons", "Labor"]


def _type_two_lines(page: Page) -> None:
    """A title and two things from the price book."""
    keys = page.keyboard
    on(page, "title")
    keys.type("New heater")
    press_until(page, "find-lines")
    keys.type("wat")
    expect(page.get_by_role("status").filter(has_text="1 found")).to_be_visible()
    keys.press("Enter")
    on(page, "lines-0-quantity")
    keys.press("ControlOrMeta+a")
    keys.type("2")
    expect(page.locator("[data-totals-here]")).to_contain_text("$3,700.00")
    # A quick hand does not wait for what is found.
    press_until(page, "find-lines", "Shift+Tab")
    keys.type("LAB")
    keys.press("Enter")
    on(page, "lines-1-quantity")


def _type_two_options(page: Page) -> None:
    """The lines become Basic; Standard is recommended and has a package discount."""
    keys = page.keyboard
    tab_to(page, "Add option")
    keys.press("Enter")
    on(page, "options-0-label")
    keys.type("Basic")
    assert page.locator("#options-0-lines-0-quantity").input_value() == "2"
    press_until(page, "options-1-label")
    keys.type("Standard")
    keys.press("Tab")
    keys.type("10%")
    keys.press("Tab")
    keys.press("Space")
    press_until(page, "find-options-1-lines")
    keys.type("wat")
    keys.press("Enter")
    on(page, "options-1-lines-0-quantity")
    expect(page.locator("[data-totals-here]")).to_contain_text("−$185.00")


def test_the_menu_of_a_line_works_by_keyboard_and_totals_follow(desk: Page, acme: Company) -> None:
    enter(desk, acme)
    desk.goto(f"/admin/estimates/new?customer={acme.customer.public_id}")
    for n, price in enumerate(("100", "20")):
        desk.locator(f"#lines-{n}-description").fill(f"Line {n}")
        desk.locator(f"#lines-{n}-unit_price").fill(price)
    totals = desk.locator("[data-totals-here]")
    expect(totals).to_contain_text("$120.00")
    desk.locator("#lines-1-unit_price").fill("1,5")
    expect(totals).to_contain_text("Line 2, Price: Type an amount in dollars and cents")
    desk.locator("#lines-1-unit_price").fill("30")
    expect(totals).to_contain_text("$130.00")
    menu = desk.get_by_role("button", name="Move or remove line 2")
    menu.focus()
    desk.keyboard.press("Enter")
    tab_to(desk, "Move up")
    desk.keyboard.press("Enter")
    on(desk, "lines-0-description")
    assert desk.locator("#lines-0-description").input_value() == "Line 1"
    desk.get_by_role("button", name="Move or remove line 1").click()
    desk.get_by_role("button", name="Remove", exact=True).click()
    expect(totals).to_contain_text("$100.00")
    assert path_of(desk) == "/admin/estimates/new"


def everything(acme: Company) -> list[str]:
    """The addresses of every page of this part, with something on each."""
    with acme.scope() as tenant:
        fill_book()
        estimate = making.sent(
            acme,
            tenant,
            options=(
                OptionInput("Basic", making.LINES),
                OptionInput("Standard", making.LINES, is_recommended=True, discount_ppm=100_000),
            ),
            add_ons=(LineInput("Haul away", 1000, 95_00, is_preselected=True),),
            deposit_ppm=250_000,
        )
        estimates.start_revision(estimate)
        template = estimate_templates.save_as_template(estimate, "Heater")
        item = price_book.find_items("WH-50")[0]
        db.session.commit()
        return [
            f"/admin/estimates/new?customer={acme.customer.public_id}",
            f"/admin/estimates/new?customer={acme.customer.public_id}&template={template.public_id}",
            f"/admin/estimates/{estimate.public_id}",
            f"/admin/estimates/{estimate.public_id}/edit",
            "/admin/estimates/",
            "/admin/estimate-templates/",
            f"/admin/estimate-templates/{template.public_id}/edit",
            "/admin/price-book/",
            "/admin/price-book/new",
            f"/admin/price-book/{item.public_id}",
            f"/admin/price-book/{item.public_id}/edit",
        ]


def check_all(page: Page, acme: Company) -> None:
    addresses = everything(acme)
    enter(page, acme)
    for address in addresses:
        page.goto(address)
        assert axe(page) == [], address
        assert fits(page), address
    page.goto(addresses[3])
    page.get_by_label("Why you change it").fill("")
    page.locator("#options-0-lines-0-unit_price").fill("1,5")
    page.get_by_role("button", name="Save draft").click()
    assert page.locator("#errors").evaluate("node => node === document.activeElement")
    assert axe(page) == []
    page.goto(addresses[0])
    page.locator("#find-lines").fill("w")
    expect(page.get_by_role("status").filter(has_text="1 found")).to_be_visible()
    assert axe(page) == []
    assert fits(page)


def test_everybody_can_read_it_on_a_desk(desk: Page, acme: Company) -> None:
    check_all(desk, acme)


def test_everybody_can_read_it_on_a_phone(phone: Page, acme: Company) -> None:
    check_all(phone, acme)
