"""The price book while an estimate is written: looked up and added, without a script."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pillar.extensions import db
from pillar.permissions import Role
from pillar.services import price_book
from pillar.services.price_book import ItemInput
from tests.support.builder import count, focused, line, new, tiers, writing
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.pages import Page


@pytest.fixture
def office(acme: Company, signed_in: Callable[..., PillarClient]) -> PillarClient:
    """Somebody of Acme's office."""
    return signed_in(acme, Role.OFFICE)


@pytest.fixture
def items(acme: Company) -> dict[str, str]:
    """Two things that Acme sells; public ids by code."""
    with acme.scope():
        made = [
            price_book.create_item(
                ItemInput("WH-50", "Water heater, 50 gallons", 1_850_00, description="Gas", unit="each")
            ),
            price_book.create_item(ItemInput("LAB", "Labor", 120_00, unit="hr", is_taxable=False)),
        ]
        ids = {item.code: item.public_id for item in made}
        db.session.commit()
    return ids


def test_an_item_is_looked_up_and_added_without_script(
    acme: Company, office: PillarClient, items: dict[str, str]
) -> None:
    found = office.submit(writing(office, acme), "find:lines", title="T", **{"find-lines": "wat"})
    assert (found.status, focused(found)) == (200, "find-lines")
    assert "1 found. Enter adds the first." in found.text
    added = office.submit(found, f"lines.{items['WH-50']}")
    kept = added.form().values()
    assert {
        name: kept[f"lines-0-{name}"] for name in ("description", "unit_price", "unit", "quantity", "scope")
    } == {
        "description": "Water heater, 50 gallons",
        "unit_price": "1850.00",
        "unit": "each",
        "quantity": "1",
        "scope": "Gas",
    }
    assert (kept["title"], kept["find-lines"], focused(added)) == ("T", "", "lines-0-quantity")
    again = office.submit(added, "find:lines", **{"find-lines": "lab"})
    again = office.submit(again, f"lines.{items['LAB']}")
    assert again.form().values()["lines-1-description"] == "Labor"
    assert "lines-1-is_taxable" not in again.form().values()
    nothing = office.submit(again, "find:add_ons", **{"find-add_ons": "zzz"})
    assert "Nothing in the price book matches." in nothing.text
    assert count(acme) == 0


def test_the_enter_key_in_a_look_up_box_looks_up(
    acme: Company, office: PillarClient, items: dict[str, str]
) -> None:
    found = office.submit(writing(office, acme), title="T", **{"find-lines": "wat"})
    assert (found.status, found.all("[name=add]") != []) == (200, True)
    # The button that says so saves nevertheless.
    assert office.submit(found, "save", **line("lines-0")).status == 303


def test_items_go_to_options_and_add_ons_and_by_the_address(
    acme: Company, office: PillarClient, items: dict[str, str]
) -> None:
    page = office.submit(tiers(office, acme), "find:options-1-lines", **{"find-options-1-lines": "LAB"})
    page = office.submit(page, f"options-1-lines.{items['LAB']}")
    assert page.form().values()["options-1-lines-1-description"] == "Labor"
    page = office.submit(page, "find:add_ons", **{"find-add_ons": "LAB"})
    page = office.submit(page, f"add_ons.{items['LAB']}")
    assert page.form().values()["add_ons-0-description"] == "Labor"
    assert "add_ons-0-is_preselected" not in page.form().values()
    linked = new(office, acme, f"&add={items['LAB']}&add={items['WH-50']}").form().values()
    assert [linked[f"lines-{n}-description"] for n in (0, 1)] == ["Labor", "Water heater, 50 gallons"]


def test_another_companys_items_cannot_be_added(
    acme: Company, rival: Company, signed_in: Callable[..., PillarClient], items: dict[str, str]
) -> None:
    theirs = signed_in(rival)
    form = writing(theirs, rival)
    answer = Page(
        theirs.post(form.page.url, data=form.values().to_dict() | {"add": f"lines.{items['WH-50']}"})
    )
    assert answer.form().values()["lines-0-description"] == ""
    assert "heater" not in theirs.get("/admin/estimates/price-book?find=heater&path=lines").text
