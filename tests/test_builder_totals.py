"""The totals while an estimate is written: the document's and the offer's, to the cent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain, combinations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from pillar.admin.estimate_form import values_of
from pillar.extensions import db
from pillar.money import TaxRounding, money, percent
from pillar.offer import choose, deposit
from pillar.permissions import Role
from pillar.services import estimates
from pillar.services.estimate_content import content_of, draft_document, preview_document
from pillar.services.estimate_draft import EstimateInput, LineInput, OptionInput
from tests.support.builder import count, line, tiers, writing
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.drafts import DRAFTS, amount, half_up
from tests.support.pages import Form, Page

FUZZ = int(os.environ.get("PILLAR_FUZZ", "1"))


@pytest.fixture
def office(acme: Company, signed_in: Callable[..., PillarClient]) -> PillarClient:
    """Somebody of Acme's office."""
    return signed_in(acme, Role.OFFICE)


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


def _by_hand(option: OptionInput, ticked: list[LineInput], rate: int, rounding: TaxRounding) -> int:
    """The total of a choice, by another way than the product's."""
    price = sum(map(amount, option.lines))
    discount = option.discount_cents or half_up(Fraction(price * option.discount_ppm, 1_000_000))
    keep = Fraction(price - discount, price) if price else Fraction(1)
    taxed = [amount(each) * keep for each in option.lines if each.is_taxable]
    taxed += [Fraction(amount(each)) for each in ticked if each.is_taxable]
    parts = taxed if rounding is TaxRounding.LINE else [sum(taxed, Fraction(0))]
    tax = sum(half_up(part * rate / 1_000_000) for part in parts)
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


@pytest.mark.parametrize("examples", [20 * FUZZ, pytest.param(100 * max(FUZZ, 50), marks=pytest.mark.soak)])
@pytest.mark.parametrize("rounding", list(TaxRounding))
def test_builder_document_and_offer_agree_to_the_cent(
    acme: Company, office: PillarClient, rounding: TaxRounding, examples: int
) -> None:
    with acme.scope() as tenant:
        tenant.tax_rounding = rounding
        db.session.commit()
    token = str(writing(office, acme).values()["csrf_token"])

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(DRAFTS)
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
