"""Random drafts for hypothesis: lines, options, add-ons, tax and deposit, also at the odd ends."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from pillar.money import TaxRounding
from pillar.services.estimate_draft import LineInput, OptionInput

_cents = st.one_of(st.integers(0, 50), st.integers(0, 5_000_00), st.just(99_99))
_ppm = st.integers(0, 1_000_000)
_rates = st.sampled_from([0, 1, 62_500, 72_500, 88_750, 1_000_000])
_lines = st.builds(
    LineInput,
    description=st.sampled_from(["Heater", "Labor", "Pipe, 3/4 in", "<b>bold</b>"]),
    quantity_thousandths=st.one_of(st.integers(1, 9), st.integers(1, 20_000)),
    unit_price_cents=_cents,
    is_taxable=st.booleans(),
    is_preselected=st.booleans(),
)


def half_up(value: Fraction) -> int:
    """Half away from zero, written once more for amounts that are never negative."""
    return int(value + Fraction(1, 2))


def amount(line: LineInput) -> int:
    """Cents of a line, by another way than the product's."""
    return half_up(Fraction(line.quantity_thousandths * line.unit_price_cents, 1000))


@st.composite
def _options(draw: Any) -> list[OptionInput]:
    made = []
    for n in range(draw(st.integers(1, 3))):
        lines = [_unticked(each) for each in draw(st.lists(_lines, min_size=1, max_size=4))]
        price = sum(map(amount, lines))
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


DRAFTS = st.fixed_dictionaries(
    {
        "options": _options(),
        "add_ons": st.lists(_lines, max_size=3),
        "tax_rate_ppm": _rates,
        "deposit": st.one_of(st.tuples(st.just(0), _ppm), st.tuples(_cents, st.just(0))),
        "rounding": st.sampled_from(list(TaxRounding)),
    }
)
