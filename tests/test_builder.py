"""Writing an estimate with options, add-ons, discount and deposit: nothing typed is lost, no total is wrong.

Here as a browser without script; `test_builder_in_browser.py` does it by keyboard in a real one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain, combinations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from pillar.admin import estimate_moves
from pillar.admin.estimate_form import values_of
from pillar.extensions import db
from pillar.models import Estimate, EstimateRevision
from pillar.money import TaxRounding, money, percent
from pillar.offer import choose, deposit
from pillar.permissions import Role
from pillar.services import estimates, price_book
from pillar.services.estimate_content import content_of, draft_document, preview_document
from pillar.services.estimate_draft import EstimateInput, LineInput, OptionInput
from pillar.services.price_book import ItemInput
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.pages import Form, Page

FUZZ = int(os.environ.get("PILLAR_FUZZ", "1"))


@pytest.fixture
def office(acme: Company, signed_in: Callable[..., PillarClient]) -> PillarClient:
    """Somebody of Acme's office."""
    return signed_in(acme, Role.OFFICE)


def new(office: PillarClient, company: Company, more: str = "") -> Page:
    return office.page(f"/admin/estimates/new?customer={company.customer.public_id}{more}")


def writing(office: PillarClient, company: Company) -> Form:
    return new(office, company).form()


def line(path: str, description: str = "Water heater", price: str = "100", **more: str) -> dict[str, str]:
    fields = {"description": description, "unit_price": price} | more
    return {f"{path}-{name}": value for name, value in fields.items()}


def tiers(office: PillarClient, company: Company) -> Form:
    """A form with two options that are good to save."""
    page = office.submit(writing(office, company), "option", **line("lines-0", "Basic heater", "1000"))
    filled = page.form().filled(
        "save", **{"options-0-label": "Basic", "options-1-label": "Standard"}, title="Two"
    )
    assert filled["options-0-lines-0-description"] == "Basic heater"
    page = office.submit(
        page,
        "totals",
        title="Two",
        **{"options-0-label": "Basic", "options-1-label": "Standard"},
        **line("options-1-lines-0", "Better heater", "2000"),
    )
    return page.form()


def saved(company: Company) -> EstimateRevision:
    """The only draft there is, inside `scope()`."""
    return db.session.scalars(select(Estimate)).one().revisions[-1]


def count(company: Company) -> int:
    with company.scope():
        return db.session.scalar(select(func.count(Estimate.id))) or 0


def focused(page: Page) -> str:
    found = page.all("[autofocus]")
    return str(found[0]["id"]) if found else ""


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


# The price book


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


# Saving


def test_options_add_ons_discount_and_deposit_are_saved_and_come_back(
    acme: Company, office: PillarClient
) -> None:
    page = office.submit(tiers(office, acme), "more:add_ons")
    typed = {
        "options-0-discount": "100",
        "options-1-discount": "10%",
        "options-1-is_recommended": True,
        "tax_rate": "7.25",
        "deposit": "25%",
        "add_ons-0-is_preselected": True,
    }
    answer = office.submit(page, "save", **typed, **line("add_ons-0", "Haul away", "95"))
    assert answer.status == 303, answer.texts(".problem")
    with acme.scope():
        revision = saved(acme)
        assert [
            (each.label, each.discount_cents, each.discount_ppm, each.is_recommended)
            for each in revision.options
        ] == [("Basic", 100_00, 0, False), ("Standard", 0, 100_000, True)]
        assert (revision.deposit_cents, revision.deposit_ppm) == (0, 250_000)
        assert [(each.description, each.is_preselected) for each in revision.add_ons] == [("Haul away", True)]
        # 2,000 less 10 % and 95 that is not discounted, 7.25 % on both.
        assert revision.total_cents == (1800_00 + 95_00) * 10725 // 10000 + 1
    details = office.follow(answer)
    for shown in ("Basic", "Standard", "Recommended", "−$200.00", "Haul away", "Starts ticked", "25%"):
        assert shown in details.text
    kept = office.page(f"{answer.location}/edit").form().values()
    assert (kept["options-0-discount"], kept["options-1-discount"], kept["deposit"]) == (
        "100.00",
        "10%",
        "25%",
    )
    assert kept["add_ons-0-is_preselected"] == "y"
    assert kept["options-1-is_recommended"] == "y"


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


# Totals


def totals(office: PillarClient, form: Form, **typed: Any) -> Page:
    return Page(office.post("/admin/estimates/totals", data=form.filled("save", **typed)))


def test_totals_follow_what_is_typed(acme: Company, office: PillarClient) -> None:
    form = writing(office, acme)
    page = totals(office, form, tax_rate="7.25", deposit="500", **line("lines-0", price="1000"))
    assert page.status == 200
    for shown in (
        "Subtotal $1,000.00",
        "(7.25%) $72.50",
        "Total $1,072.50",
        "Deposit due at approval $500.00",
    ):
        assert shown in page.text
    # Names of options and the title do not matter to prices.
    page = totals(office, tiers(office, acme), **{"options-0-label": "", "options-1-label": "", "title": ""})
    assert "Option 1 Subtotal $1,000.00" in page.text
    assert "Option 2 Subtotal $2,000.00" in page.text
    assert count(acme) == 0


def test_totals_say_what_stands_in_the_way(acme: Company, office: PillarClient) -> None:
    wrong = {"options-1-lines-0-unit_price": "1,5", "tax_rate": "x"}
    page = totals(office, tiers(office, acme), **wrong)
    assert "Option 2, line 1, Price: Type an amount in dollars and cents" in page.text
    assert "Tax rate in percent: Type a tax rate" in page.text
    too_large = line("lines-0", price="99999999.99", quantity="1000")
    assert "The total is too large." in totals(office, writing(office, acme), **too_large).text


def test_without_script_a_button_updates_the_totals(acme: Company, office: PillarClient) -> None:
    page = office.submit(writing(office, acme), "totals", **line("lines-0", price="1000"))
    assert (page.status, "Total $1,000.00" in page.text) == (200, True)
    page = office.submit(page, "totals", **{"lines-0-unit_price": "1,5"})
    assert page.status == 422
    assert "dollars and cents" in page.error_for("lines-0-unit_price")
    assert count(acme) == 0


def test_totals_are_for_whoever_writes(acme: Company, signed_in: Callable[..., PillarClient]) -> None:
    accountant = signed_in(acme, Role.ACCOUNTANT)
    token = {"csrf_token": str(accountant.page("/admin/").all('[name="csrf_token"]')[0]["value"])}
    assert accountant.post("/admin/estimates/totals", data=token).status_code == 403
    office = signed_in(acme, Role.OFFICE)
    assert office.post("/admin/estimates/totals", data={}).status_code == 400


# Every choice of random drafts: builder = document = offer, to the cent

_cents = st.one_of(st.integers(0, 50), st.integers(0, 5_000_00), st.just(99_99))
_lines = st.builds(
    LineInput,
    description=st.sampled_from(["Heater", "Labor", "Pipe, 3/4 in", "<b>bold</b>"]),
    quantity_thousandths=st.one_of(st.integers(1, 9), st.integers(1, 20_000)),
    unit_price_cents=_cents,
    is_taxable=st.booleans(),
    is_preselected=st.booleans(),
)
_ppm = st.integers(0, 1_000_000)
_rates = st.sampled_from([0, 1, 62_500, 72_500, 88_750, 1_000_000])


@st.composite
def _options(draw: Any) -> list[OptionInput]:
    made = []
    for n in range(draw(st.integers(1, 3))):
        lines = [_unticked(each) for each in draw(st.lists(_lines, min_size=1, max_size=4))]
        price = sum(
            _half_up(Fraction(each.quantity_thousandths * each.unit_price_cents, 1000)) for each in lines
        )
        is_share = draw(st.booleans())
        made.append(
            OptionInput(
                label=f"Option {n}",
                lines=lines,
                discount_ppm=draw(_ppm) if is_share else 0,
                discount_cents=0 if is_share else draw(st.integers(0, price)),
            )
        )
    return made


def _unticked(each: LineInput) -> LineInput:
    return LineInput(each.description, each.quantity_thousandths, each.unit_price_cents, each.is_taxable)


_drafts = st.fixed_dictionaries(
    {
        "options": _options(),
        "add_ons": st.lists(_lines, max_size=3),
        "tax_rate_ppm": _rates,
        "deposit": st.one_of(st.tuples(st.just(0), _ppm), st.tuples(_cents, st.just(0))),
        "rounding": st.sampled_from(list(TaxRounding)),
    }
)


def _half_up(value: Fraction) -> int:
    """Half away from zero, written once more for amounts that are never negative."""
    return int(value + Fraction(1, 2))


def _by_hand(option: OptionInput, ticked: list[LineInput], rate: int, rounding: TaxRounding) -> int:
    """The total of a choice, by another way than the product's."""

    def amount(each: LineInput) -> int:
        return _half_up(Fraction(each.quantity_thousandths * each.unit_price_cents, 1000))

    price = sum(map(amount, option.lines))
    discount = option.discount_cents or _half_up(Fraction(price * option.discount_ppm, 1_000_000))
    keep = Fraction(price - discount, price) if price else Fraction(1)
    taxed = [amount(each) * keep for each in option.lines if each.is_taxable]
    taxed += [Fraction(amount(each)) for each in ticked if each.is_taxable]
    parts = taxed if rounding is TaxRounding.LINE else [sum(taxed, Fraction(0))]
    tax = sum(_half_up(part * rate / 1_000_000) for part in parts)
    return price - discount + sum(map(amount, ticked)) + tax


def _subsets(keys: list[str]) -> Iterator[tuple[str, ...]]:
    return chain.from_iterable(combinations(keys, size) for size in range(len(keys) + 1))


def _as_typed(values: Any, name: str = "") -> dict[str, str]:
    """The form's values as a browser sends them."""
    if isinstance(values, list | dict):
        pairs = enumerate(values) if isinstance(values, list) else values.items()
        typed: dict[str, str] = {}
        for key, value in pairs:
            typed |= _as_typed(value, f"{name}-{key}" if name else str(key))
        return typed
    if isinstance(values, bool):
        return {name: "y"} if values else {}
    return {name: values}


@pytest.mark.parametrize("rounding", list(TaxRounding))
def test_builder_document_and_offer_agree_to_the_cent(
    acme: Company, office: PillarClient, rounding: TaxRounding
) -> None:
    with acme.scope() as tenant:
        tenant.tax_rounding = rounding
        db.session.commit()
    token = str(writing(office, acme).values()["csrf_token"])

    @settings(max_examples=100 * FUZZ, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_drafts)
    def check(drafted: dict[str, Any]) -> None:
        with acme.scope() as tenant:
            content = EstimateInput(
                customer=acme.customer_row(),
                title="T",
                options=drafted["options"],
                add_ons=drafted["add_ons"],
                tax_rate_ppm=drafted["tax_rate_ppm"],
                deposit_cents=drafted["deposit"][0],
                deposit_ppm=drafted["deposit"][1],
            )
            typed = _as_typed(values_of(content) | {"tax_rate": percent(content.tax_rate_ppm)})
            estimate = estimates.draft_estimate(tenant, content)
            db.session.expire_all()
            assert content_of(estimate).options == content.options
            document = draft_document(tenant, estimate)
            preview = preview_document(tenant, content_of(estimate))
            stored = estimate.total_cents
            db.session.rollback()
        _compare(content, document, preview, rounding)
        shown = Page(office.post("/admin/estimates/totals", data=typed | {"csrf_token": token}))
        assert shown.texts(".sums .strong dd") == [
            money(choose(document, option["key"]).total_cents) for option in document["options"]
        ]
        assert stored == choose(document).total_cents

    check()


def _compare(
    content: EstimateInput, document: dict[str, Any], preview: dict[str, Any], rounding: TaxRounding
) -> None:
    keys = [line["key"] for line in document["addons"]]
    for option, typed in zip(document["options"], content.options, strict=True):
        for ticked in _subsets(keys):
            choice = choose(document, option["key"], ticked)
            assert choice.totals == choose(preview, option["key"], ticked).totals
            added = [line for key, line in zip(keys, content.add_ons, strict=True) if key in ticked]
            by_hand = _by_hand(typed, added, content.tax_rate_ppm, rounding)
            assert choice.total_cents == by_hand
            assert choice.deposit_cents == deposit(document["deposit"], by_hand)
        alone = choose(document, option["key"], ()).totals
        assert option["total_cents"] == alone.total_cents
        assert option["subtotal_cents"] - option["discount_cents"] + option["tax_cents"] == alone.total_cents
