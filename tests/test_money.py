"""One calculator, one rounding rule; what a person types is read exactly or answered with a sentence."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pillar.errors import RuleViolation
from pillar.money import (
    MAX_CENTS,
    MAX_QUANTITY_THOUSANDTHS,
    TaxedLine,
    TaxRounding,
    line_amount,
    money,
    parse_cents,
    parse_quantity,
    parse_rate,
    percent,
    quantity,
    rounded,
    share,
    totals,
    typed_amount,
)

cents = st.integers(0, MAX_CENTS)
quantities = st.integers(1, MAX_QUANTITY_THOUSANDTHS)
rates = st.integers(0, 1_000_000)
taxed_lines = st.builds(TaxedLine, quantities, cents, st.booleans())
roundings = st.sampled_from(TaxRounding)


def half_up(exact: Fraction) -> int:
    """The rule, said another way."""
    sign = -1 if exact < 0 else 1
    return sign * int(abs(exact) + Fraction(1, 2))


@given(st.integers(-(10**40), 10**40), st.integers(1, 10**12))
@example(1, 2)
@example(-1, 2)
@example(499_999_999_999, 1_000_000_000_000)
def test_half_cents_go_away_from_zero_and_everything_else_to_the_nearest(above: int, below: int) -> None:
    assert rounded(above, below) == half_up(Fraction(above, below))


@given(st.lists(taxed_lines, max_size=30), rates, roundings, st.data())
def test_total_is_lines_less_discount_plus_tax(
    lines: list[TaxedLine], rate: int, rounding: TaxRounding, data: st.DataObject
) -> None:
    subtotal = sum(line.amount_cents for line in lines)
    discount = data.draw(st.integers(0, subtotal))
    sums = totals(lines, rate_ppm=rate, rounding=rounding, discount_cents=discount)
    assert sums.subtotal_cents == subtotal
    assert sums.discount_cents == discount
    assert sums.total_cents == sums.subtotal_cents - sums.discount_cents + sums.tax_cents
    assert sums.total_cents >= 0
    assert isinstance(sums.tax_cents, int)


@given(st.lists(taxed_lines, max_size=30), rates, st.data())
def test_tax_is_exact_on_the_document_and_off_by_half_a_cent_a_line_at_most(
    lines: list[TaxedLine], rate: int, data: st.DataObject
) -> None:
    subtotal = sum(line.amount_cents for line in lines)
    discount = data.draw(st.integers(0, subtotal))
    keep = Fraction(subtotal - discount, subtotal) if subtotal else Fraction(1)
    taxed = [line.amount_cents for line in lines if line.is_taxable]
    exact = sum(taxed) * keep * Fraction(rate, 1_000_000)

    def tax(rounding: TaxRounding) -> int:
        return totals(lines, rate_ppm=rate, rounding=rounding, discount_cents=discount).tax_cents

    assert tax(TaxRounding.DOCUMENT) == half_up(exact)
    assert tax(TaxRounding.LINE) == sum(
        half_up(amount * keep * Fraction(rate, 1_000_000)) for amount in taxed
    )
    assert abs(tax(TaxRounding.LINE) - exact) <= Fraction(len(taxed), 2)


def test_rounding_on_lines_and_on_the_document_differ() -> None:
    lines = [TaxedLine(1000, 10, is_taxable=True)] * 3
    # 5 % of 10 cents is half a cent on each line, and 1.5 cents on all three.
    assert totals(lines, rate_ppm=50_000, rounding=TaxRounding.LINE).tax_cents == 3
    assert totals(lines, rate_ppm=50_000, rounding=TaxRounding.DOCUMENT).tax_cents == 2


def test_a_discount_lowers_the_taxed_part_exactly() -> None:
    # A third has no end in decimals: 3 cents less 2, taxed at 50 %, are half a cent, so one.
    sums = totals(
        [TaxedLine(1000, 3, is_taxable=True)],
        rate_ppm=500_000,
        rounding=TaxRounding.DOCUMENT,
        discount_cents=2,
    )
    assert (sums.tax_cents, sums.total_cents) == (1, 2)


def test_only_taxed_lines_are_taxed() -> None:
    lines = [TaxedLine(4000, 12_000, is_taxable=False), TaxedLine(1500, 333, is_taxable=True)]
    sums = totals(lines, rate_ppm=88_750, rounding=TaxRounding.DOCUMENT)
    assert (sums.subtotal_cents, sums.tax_cents, sums.total_cents) == (48_500, 44, 48_544)


@pytest.mark.parametrize("discount", [-1, 1001])
def test_a_discount_is_never_more_than_the_price(discount: int) -> None:
    with pytest.raises(RuleViolation, match="discount cannot be more than the price") as refused:
        totals(
            [TaxedLine(1000, 1000, is_taxable=True)],
            rate_ppm=0,
            rounding=TaxRounding.LINE,
            discount_cents=discount,
        )
    assert refused.value.field == "discount"


def test_nothing_costs_nothing() -> None:
    sums = totals([], rate_ppm=70_000, rounding=TaxRounding.DOCUMENT)
    assert (sums.subtotal_cents, sums.tax_cents, sums.total_cents) == (0, 0, 0)


def test_a_line_and_a_share() -> None:
    assert line_amount(1500, 333) == 500
    assert line_amount(125, 100) == 13
    assert share(2_450_00, 500_000) == 1_225_00
    assert share(-333, 500_000) == -167


@given(st.integers(-MAX_CENTS, MAX_CENTS))
def test_amounts_are_read_back_as_they_are_shown_and_typed(amount: int) -> None:
    assert parse_cents(money(amount)) == amount
    assert parse_cents(typed_amount(amount)) == amount


@given(quantities)
def test_quantities_are_read_back_as_they_are_shown(thousandths: int) -> None:
    assert parse_quantity(quantity(thousandths)) == thousandths


@given(rates)
def test_rates_are_read_back_as_they_are_shown(rate: int) -> None:
    assert parse_rate(percent(rate)) == rate
    assert parse_rate(percent(rate).rstrip("%")) == rate


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("1,234.50", 1_234_50),
        ("$12", 12_00),
        (" $ 12 ", 12_00),
        (".5", 50),
        ("5.", 5_00),
        ("0", 0),
        ("-5", -5_00),
        ("−5.25", -5_25),
        ("+7", 7_00),
        ("12.500", 12_50),
        ("00012", 12_00),
        ("99,999,999.99", MAX_CENTS),
    ],
)
def test_what_a_person_types_for_an_amount(typed: str, expected: int) -> None:
    assert parse_cents(typed) == expected


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        *[
            (typed, "in dollars and cents")
            for typed in (
                *("", " ", ".", "$", "-", "1,5", "1,23,456", "12,34.5", "1.234,50", "1e3", "1_000", "0x10"),
                *("ten", "NaN", "Infinity", "1$2", "$$1", "12 USD", "12 50", "٣", "1\x002", "--1"),
            )
        ],
        ("1.005", "at most two decimals"),
        ("0." + "0" * 400 + "1", "at most two decimals"),
        ("100,000,000.00", "too large"),
        ("-100,000,000.00", "too large"),
        ("9" * 5_000, "too large"),
    ],
)
def test_a_bad_amount_is_answered_with_the_way_to_fix_it(typed: str, sentence: str) -> None:
    with pytest.raises(RuleViolation, match=sentence):
        parse_cents(typed)


@pytest.mark.parametrize(("typed", "expected"), [("1", 1000), ("1.5", 1500), (".125", 125), ("2.", 2000)])
def test_what_a_person_types_for_a_quantity(typed: str, expected: int) -> None:
    assert parse_quantity(f" {typed} ") == expected


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        *[
            (typed, "as a number with a point")
            for typed in ("", "1,5", "1,000", "-1", "1e3", "1e999999", "1_0", "NaN", "sNaN", "inf", "two")
        ],
        ("0.0001", "at most three decimals"),
        ("0", "more than 0"),
        ("0.000", "more than 0"),
        ("1000000", "at most 999,999.999"),
        ("9" * 5_000, "at most 999,999.999"),
    ],
)
def test_a_bad_quantity_is_answered_with_the_way_to_fix_it(typed: str, sentence: str) -> None:
    with pytest.raises(RuleViolation, match=sentence):
        parse_quantity(typed)


@pytest.mark.parametrize(
    ("typed", "expected"), [("7.25", 72_500), ("8.875 %", 88_750), ("0", 0), ("100%", 1_000_000)]
)
def test_what_a_person_types_for_a_rate(typed: str, expected: int) -> None:
    assert parse_rate(typed) == expected


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        *[
            (typed, "from 0 to 100 percent")
            for typed in ("", "%", "-1", "100.0001", "7,25", "1e1", "1e999999", "NaN", "7%%", "seven")
        ],
        ("7.12345", "at most four decimals"),
    ],
)
def test_a_bad_rate_is_answered_with_the_way_to_fix_it(typed: str, sentence: str) -> None:
    with pytest.raises(RuleViolation, match=sentence):
        parse_rate(typed)


@given(st.text(max_size=40))
def test_no_text_breaks_a_reader(typed: str) -> None:
    for read in (parse_cents, parse_quantity, parse_rate):
        with suppress(RuleViolation):
            assert isinstance(read(typed), int)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(0, "$0.00"), (5, "$0.05"), (1_234_50, "$1,234.50"), (-100_00, "−$100.00"), (-5, "−$0.05")],
)
def test_money_as_it_is_shown(amount: int, shown: str) -> None:
    assert money(amount) == shown


def test_figures_as_they_are_shown() -> None:
    assert [quantity(n) for n in (4000, 1500, 125, 10_000)] == ["4", "1.5", "0.125", "10"]
    assert [percent(n) for n in (72_500, 88_750, 0, 1_000_000, 100_000)] == [
        "7.25%",
        "8.875%",
        "0%",
        "100%",
        "10%",
    ]
    assert typed_amount(1_250_00) == "1250.00"
