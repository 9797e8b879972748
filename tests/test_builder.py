"""Writing an estimate with options, add-ons, discount and deposit: nothing typed is lost.

Here as a browser without script; `test_builder_in_browser.py` does it by keyboard in a real one.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from pillar.admin import estimate_moves
from pillar.extensions import db
from pillar.models import Estimate, EstimateRevision
from pillar.permissions import Role
from tests.support.builder import count, focused, line, tiers, writing
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.pages import Page


@pytest.fixture
def office(acme: Company, signed_in: Callable[..., PillarClient]) -> PillarClient:
    """Somebody of Acme's office."""
    return signed_in(acme, Role.OFFICE)


def saved(company: Company) -> EstimateRevision:
    """The only draft there is, inside `scope()`."""
    return db.session.scalars(select(Estimate)).one().revisions[-1]


# The buttons of the form


def test_options_come_from_a_plain_estimate_and_go_back_to_one(acme: Company, office: PillarClient) -> None:
    typed = line("lines-0", "Heater", "1,5", scope="Gas") | {"title": "T", "tax_rate": "x", "discount": "10%"}
    page = office.submit(writing(office, acme), "option", **typed)
    assert page.status == 200
    assert not page.all("#errors")
    kept = page.form().values()
    assert {name: kept[f"options-0-lines-0-{name}"] for name in ("description", "unit_price", "scope")} == {
        "description": "Heater",
        "unit_price": "1,5",
        "scope": "Gas",
    }
    assert (kept["options-0-discount"], kept["title"], kept["tax_rate"]) == ("10%", "T", "x")
    assert "lines-0-description" not in kept
    assert focused(page) == "options-0-label"
    back = office.submit(page, "remove:options-1")
    assert back.form().values()["lines-0-unit_price"] == "1,5"
    assert back.form().values()["discount"] == "10%"
    assert "options-0-label" not in back.form().names
    assert count(acme) == 0


def test_up_to_six_options(acme: Company, office: PillarClient) -> None:
    page = office.submit(writing(office, acme), "option", **line("lines-0"))
    for n in range(2, 6):
        page = office.submit(page, "option")
        assert focused(page) == f"options-{n}-label"
    form = page.form()
    assert "options-5-label" in form.names
    with pytest.raises(AssertionError, match="no button 'option'"):
        form.button("option")
    assert not [
        value for value in (tag.get("value") for tag in form.controls) if str(value).startswith("copy:")
    ]
    data = form.values().to_dict() | {"do": "option"}
    forged = Page(office.post(form.page.url, data=data))
    assert "options-6-label" not in forged.form().names


def test_an_option_is_copied_to_be_changed(acme: Company, office: PillarClient) -> None:
    page = office.submit(tiers(office, acme), "copy:options-0", **{"options-0-is_recommended": True})
    kept = page.form().values()
    assert [kept[f"options-{n}-label"] for n in range(3)] == ["Basic", "", "Standard"]
    assert kept["options-1-lines-0-description"] == "Basic heater"
    assert "options-1-is_recommended" not in kept
    assert focused(page) == "options-1-label"


def test_lines_and_options_move_up_and_down_and_go(acme: Company, office: PillarClient) -> None:
    typed = line("lines-0", "A") | line("lines-1", "B")
    page = office.submit(writing(office, acme), "down:lines-0", **typed)

    def names(page: Page) -> list[str]:
        return [str(tag.get("value", "")) for tag in page.all("[name^=lines-][name$=-description]")]

    assert names(page) == ["B", "A", ""]
    assert focused(page) == "lines-1-description"
    assert names(office.submit(page, "up:lines-1")) == ["A", "B", ""]
    assert names(office.submit(page, "remove:lines-0")) == ["A", ""]
    form = tiers(office, acme)
    swapped = office.submit(form, "up:options-1").form().values()
    assert (swapped["options-0-label"], swapped["options-0-lines-0-description"]) == (
        "Standard",
        "Better heater",
    )


def test_unticked_boxes_stay_unticked(acme: Company, office: PillarClient) -> None:
    page = office.submit(writing(office, acme), "more", **line("lines-0"), **{"lines-0-is_taxable": False})
    assert "lines-0-is_taxable" not in page.form().values()
    assert page.form().values()["lines-1-is_taxable"] == "y"


@pytest.mark.parametrize(
    "forged",
    [
        {"do": "remove:lines-99"},
        {"do": "remove:lines"},
        {"do": "up:options-0"},
        {"do": "down:lines-2"},
        {"do": "up:lines-0"},
        {"do": "more:csrf_token"},
        {"do": "more:lines-0"},
        {"do": "copy:lines-0"},
        {"do": "remove:lines-0-description"},
        {"do": "remove:lines--1"},
        {"do": "remove:lines-²"},
        {"do": "explode:lines-0"},
        {"do": ":"},
        {"add": "lines." + "A" * 22},
        {"add": "lines.1"},
        {"add": ""},
    ],
)
def test_a_forged_button_changes_nothing(acme: Company, office: PillarClient, forged: dict[str, str]) -> None:
    form = writing(office, acme)
    data = form.filled("save", title="T", **line("lines-0")).to_dict()
    del data["save"]
    answer = Page(office.post(form.page.url, data=data | forged))
    assert answer.status == 200
    kept = answer.form().values()
    assert {name: kept[name] for name in data if name in kept and name != "csrf_token"} == {
        name: value for name, value in data.items() if name != "csrf_token"
    }
    assert count(acme) == 0


def test_moves_never_pass_the_limit() -> None:
    values: dict[str, Any] = {"lines": [{"description": "x"}] * 199, "add_ons": [], "options": []}
    assert estimate_moves.move(values, "more:lines") == "lines-199-description"
    assert len(values["lines"]) == 200
    values["lines"][199] = {"description": "x"}
    assert estimate_moves.move(values, "more:add_ons") == ""
    assert estimate_moves.put_line(values, "add_ons", {"description": "y"}) == ""
    assert values["add_ons"] == []


# Saving


def test_options_add_ons_discount_and_deposit_are_saved_and_come_back(
    acme: Company, office: PillarClient
) -> None:
    page = office.submit(tiers(office, acme), "more:add_ons")
    typed = {
        "options-0-discount": "100",
        "options-1-discount": "10%",
        "options-1-is_recommended": True,
        "options-1-reason": "the longest\twarranty",
        "tax_rate": "7.25",
        "deposit": "25%",
        "add_ons-0-is_preselected": True,
    }
    answer = office.submit(page, "save", **typed, **line("add_ons-0", "Haul away", "95"))
    assert answer.status == 303, answer.texts(".problem")
    with acme.scope():
        revision = saved(acme)
        assert [
            (each.label, each.reason, each.discount_cents, each.discount_ppm, each.is_recommended)
            for each in revision.options
        ] == [("Basic", "", 100_00, 0, False), ("Standard", "the longest warranty", 0, 100_000, True)]
        assert (revision.deposit_cents, revision.deposit_ppm) == (0, 250_000)
        assert [(each.description, each.is_preselected) for each in revision.add_ons] == [("Haul away", True)]
        # 2,000 less 10 % and 95 that is not discounted, 7.25 % on both.
        assert revision.total_cents == (1800_00 + 95_00) * 10725 // 10000 + 1
    details = office.follow(answer)
    for shown in (
        "Basic",
        "Standard",
        "Recommended",
        "the longest warranty",
        "−$200.00",
        "Haul away",
        "Starts ticked",
        "25%",
    ):
        assert shown in details.text
    kept = office.page(f"{answer.location}/edit").form().values()
    assert (kept["options-0-discount"], kept["options-1-discount"], kept["deposit"]) == (
        "100.00",
        "10%",
        "25%",
    )
    assert kept["add_ons-0-is_preselected"] == "y"
    assert (kept["options-1-is_recommended"], kept["options-1-reason"]) == ("y", "the longest warranty")


def test_a_double_click_makes_one_draft(
    acme: Company, rival: Company, signed_in: Callable[..., PillarClient]
) -> None:
    """Four posts of one form at the same time, from browsers of their own; then one more, and what is no key."""
    browsers = [signed_in(acme, Role.OFFICE) for _ in range(4)]
    pages = [writing(each, acme) for each in browsers]
    key = pages[0].values()["form_key"]
    typed = {"title": "Once", "form_key": key, **line("lines-0")}
    db.session.rollback()
    with ThreadPoolExecutor(len(browsers)) as pool:
        answers = list(pool.map(lambda browser, form: browser.submit(form, "save", **typed), browsers, pages))
    assert {(each.status, each.location) for each in answers} == {(303, f"/admin/estimates/{key}")}
    assert browsers[0].submit(pages[0], "save", **typed).location.endswith(key)
    assert count(acme) == 1
    # Another company's row of that id is none of ours; a key that could be no id is not used.
    other = signed_in(rival, Role.OFFICE)
    assert other.submit(writing(other, rival), "save", **typed).status == 303
    for forged in ("", "../x", "A" * 23):
        done = browsers[0].submit(writing(browsers[0], acme), "save", **(typed | {"form_key": forged}))
        assert (done.status, done.location.endswith(key)) == (303, False)
    assert (count(acme), count(rival)) == (4, 1)
    copying = browsers[0].page(f"/admin/estimates/{key}").form('form[action$="/duplicate"]')
    first, second = (browsers[0].submit(copying).location for _ in range(2))
    assert (first, count(acme)) == (second, 5)


BAD_PLAIN = [
    ("lines-0-quantity", "1,5", "a number with a point, such as 1.5"),
    ("lines-0-scope", "x" * 1_000_000, "at most 4000 characters"),
    ("lines-0-unit_price", "-5", "A price is 0 or more."),
    ("discount", "2000", "The discount cannot be more than the price."),
    ("discount", "101%", "from 0% to 100%"),
    ("discount", "-5", "0 or more"),
    ("discount", "ten", "an amount such as 100.00, or a share such as 10%"),
    ("discount", "1.999", "at most two decimals"),
    ("discount", "0.00001%", "at most four decimals"),
    ("deposit", "-1", "0 or more"),
    ("deposit", "1,5", "or a share such as 10%"),
    ("deposit", "200%", "from 0% to 100%"),
    ("valid_until", "2020-01-01", "That day is over"),
]


@pytest.mark.parametrize(("field", "typed", "sentence"), BAD_PLAIN)
def test_what_is_wrong_is_said_and_kept(
    acme: Company, office: PillarClient, field: str, typed: str, sentence: str
) -> None:
    wanted = {"title": "T"} | line("lines-0", "Heater", "1000") | {field: typed}
    answer = office.submit(writing(office, acme), "save", **wanted)
    assert answer.status == 422
    assert sentence in answer.error_for(field)
    kept = answer.form().values()
    assert {name: kept[name] for name in wanted} == wanted
    assert count(acme) == 0


BAD_TIERS = [
    ({"options-1-label": ""}, "options-1-label", "Give every option a name of its own"),
    ({"options-1-label": "bAsIc"}, "", "Give every option a name of its own"),
    ({"options-1-label": "x" * 101}, "options-1-label", "at most 100 characters"),
    (
        {"options-1-lines-0-description": "", "options-1-lines-0-unit_price": ""},
        "options-1-label",
        "at least one line",
    ),
    ({"options-1-discount": "2000.01"}, "options-1-discount", "The discount cannot be more than the price."),
    (
        {"options-0-is_recommended": True, "options-1-is_recommended": True},
        "",
        "Recommend one option, or none.",
    ),
    ({"options-1-lines-0-quantity": "1,5"}, "options-1-lines-0-quantity", "a number with a point"),
]


@pytest.mark.parametrize(("typed", "field", "sentence"), BAD_TIERS)
def test_what_is_wrong_with_options_is_said_and_kept(
    acme: Company, office: PillarClient, typed: dict[str, Any], field: str, sentence: str
) -> None:
    answer = office.submit(tiers(office, acme), "save", **typed)
    assert answer.status == 422
    assert sentence in answer.one("#errors").get_text(" ")
    if field:
        assert sentence in answer.error_for(field)
    kept = answer.form().values()
    assert all(kept.get(name) == ("y" if value is True else value) for name, value in typed.items())
    assert kept["options-0-lines-0-description"] == "Basic heater"
    assert count(acme) == 0


def test_a_discount_of_the_whole_price_is_allowed(acme: Company, office: PillarClient) -> None:
    wanted = {"title": "Free", "discount": "100%"} | line("lines-0", "Heater", "1000")
    assert office.submit(writing(office, acme), "save", **wanted).status == 303


def test_lines_are_counted_over_all_options_and_add_ons(acme: Company, office: PillarClient) -> None:
    form = tiers(office, acme)
    data = form.filled("save").to_dict()
    for n in range(100):
        data |= line(f"options-0-lines-{n}", f"A{n}", "1", quantity="1")
        data |= line(f"options-1-lines-{n}", f"B{n}", "1", quantity="1")
    answer = Page(office.post(form.page.url, data=data | line("add_ons-0", quantity="1")))
    assert answer.status == 422
    assert "An estimate has at most 200 lines." in answer.one("#errors").get_text(" ")
    assert office.post(form.page.url, data=data).status_code == 303


def test_an_absurd_form_is_refused_without_breaking(acme: Company, office: PillarClient) -> None:
    form = writing(office, acme)
    data = form.filled("save", title="T", **line("lines-0")).to_dict()
    many = {f"lines-{n}-description": "x" for n in range(2_000)}
    assert Page(office.post(form.page.url, data=data | many)).status == 422
    odd = {"lines-²-description": "x", f"lines-{'9' * 5_000}-description": "x", "options-0": "x"}
    assert office.post(form.page.url, data=data | odd).status_code in {303, 400, 422}
