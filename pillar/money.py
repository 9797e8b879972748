"""Money: cents, rates in parts per million, quantities in thousandths; one rounding rule, one calculator.

Parts per million rather than basis points because US sales taxes have three decimals (8.875 % is 88,750 ppm).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from pillar.errors import RuleViolation

MAX_CENTS = 99_999_999_99
MAX_QUANTITY_THOUSANDTHS = 999_999_999
WHOLE_PPM = 1_000_000

_AMOUNT = re.compile(
    r"(?P<sign>[+-]?)\s*\$?\s*(?P<number>\d{1,3}(,\d{3})+(\.\d*)?|\d+(\.\d*)?|\.\d+)", re.ASCII
)
_NUMBER = re.compile(r"\d+(\.\d*)?|\.\d+", re.ASCII)
# More than any limit has: reading thousands of digits would only cost time.
_MAX_DIGITS = 15


class TaxRounding(StrEnum):
    """Where tax is rounded to the cent: on every line, or once on the document."""

    LINE = "line"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class TaxedLine:
    """What the calculator needs of a line: thousandths, cents, whether it is taxed and part of the discount."""

    quantity_thousandths: int
    unit_price_cents: int
    is_taxable: bool
    is_discounted: bool = True

    @property
    def amount_cents(self) -> int:
        return line_amount(self.quantity_thousandths, self.unit_price_cents)


@dataclass(frozen=True, slots=True)
class Totals:
    """`total = subtotal - discount + tax`, all in cents, always stored, never recomputed after issue."""

    subtotal_cents: int
    discount_cents: int
    tax_cents: int
    total_cents: int


def rounded(numerator: int, denominator: int) -> int:
    """The one rounding rule: half away from zero. Exact: no number of decimals is ever too many."""
    whole = (2 * abs(numerator) + denominator) // (2 * denominator)
    return -whole if numerator < 0 else whole


def line_amount(quantity_thousandths: int, unit_price_cents: int) -> int:
    """Cents of one line."""
    return rounded(quantity_thousandths * unit_price_cents, 1000)


def share(base_cents: int, rate_ppm: int) -> int:
    """`rate_ppm` parts per million of a base, in cents."""
    return rounded(base_cents * rate_ppm, WHOLE_PPM)


def totals(
    lines: Sequence[TaxedLine], *, rate_ppm: int, rounding: TaxRounding, discount_cents: int = 0
) -> Totals:
    """Add up lines. The discount lowers the discounted lines in proportion, and with them what is taxed.

    Raises RuleViolation when the discount is negative or above what it is taken from.
    """
    discountable = sum(line.amount_cents for line in lines if line.is_discounted)
    if discount_cents < 0 or discount_cents > max(discountable, 0):
        raise RuleViolation("The discount cannot be more than the price.", field="discount")
    # Exact shares until the one rounding.
    keep = Fraction(discountable - discount_cents, discountable) if discount_cents else Fraction(1)
    taxed = [
        line.amount_cents * (keep if line.is_discounted else 1) * Fraction(rate_ppm, WHOLE_PPM)
        for line in lines
        if line.is_taxable
    ]
    at_once = taxed if rounding is TaxRounding.LINE else [sum(taxed, Fraction(0))]
    tax = sum(rounded(part.numerator, part.denominator) for part in at_once)
    subtotal = sum(line.amount_cents for line in lines)
    return Totals(subtotal, discount_cents, tax, subtotal - discount_cents + tax)


def parse_cents(text: str) -> int:
    """Read typed money: `1,234.50`, `$12`, `.5`. Raises RuleViolation with the way to fix it."""
    found = _AMOUNT.fullmatch(text.strip().replace("−", "-"))
    if found is None:
        raise RuleViolation("Type an amount in dollars and cents, such as 1,250.00.")
    cents = _scaled(
        found["number"].replace(",", ""), 2, "An amount has at most two decimals, such as 12.50.", MAX_CENTS
    )
    if cents is None:
        raise RuleViolation("That amount is too large. The most is $99,999,999.99.")
    return -cents if found["sign"] == "-" else cents


def parse_quantity(text: str) -> int:
    """Read a quantity of at most three decimals as thousandths. Raises RuleViolation."""
    typed = text.strip()
    if not _NUMBER.fullmatch(typed):
        raise RuleViolation("Type a quantity as a number with a point, such as 1.5.")
    thousandths = _scaled(
        typed, 3, "A quantity has at most three decimals, such as 0.125.", MAX_QUANTITY_THOUSANDTHS
    )
    if not thousandths:
        raise RuleViolation("A quantity is more than 0 and at most 999,999.999.")
    return thousandths


def parse_rate(text: str) -> int:
    """Read a percentage of at most four decimals as parts per million. Raises RuleViolation."""
    typed = text.strip().removesuffix("%").strip()
    if not _NUMBER.fullmatch(typed):
        raise RuleViolation("Type a tax rate from 0 to 100 percent, such as 7.25.")
    rate = _scaled(typed, 4, "A tax rate has at most four decimals, such as 8.875.", WHOLE_PPM)
    if rate is None:
        raise RuleViolation("Type a tax rate from 0 to 100 percent, such as 7.25.")
    return rate


def parse_amount_or_share(text: str) -> tuple[int, int]:
    """Read `100` as (cents, 0) and `10%` as (0, parts per million); nothing is (0, 0). Raises RuleViolation."""
    typed = text.strip()
    if not typed:
        return 0, 0
    if typed.endswith("%"):
        number = typed.removesuffix("%").strip()
        too_fine = "A share has at most four decimals, such as 12.5%."
        ppm = _scaled(number, 4, too_fine, WHOLE_PPM) if _NUMBER.fullmatch(number) else None
        if ppm is None:
            raise RuleViolation("Type a share from 0% to 100%, such as 10%.")
        return 0, ppm
    try:
        cents = parse_cents(typed)
    except RuleViolation as refusal:
        if _AMOUNT.fullmatch(typed.replace("−", "-")):
            raise
        raise RuleViolation("Type an amount such as 100.00, or a share such as 10%.") from refusal
    if cents < 0:
        raise RuleViolation("Type an amount of 0 or more.")
    return cents, 0


def typed_amount_or_share(cents: int, ppm: int) -> str:
    """How such a value stands in a form field: `100.00`, `10%`, or nothing."""
    if ppm:
        return percent(ppm)
    return typed_amount(cents) if cents else ""


def _scaled(number: str, decimals: int, too_fine: str, most: int) -> int | None:
    """Digits with an optional point as a whole number of the smallest unit; None above `most`."""
    whole, _, rest = number.partition(".")
    rest = rest.rstrip("0")
    if len(rest) > decimals:
        raise RuleViolation(too_fine)
    digits = (whole + rest.ljust(decimals, "0")).lstrip("0") or "0"
    return int(digits) if len(digits) <= _MAX_DIGITS and int(digits) <= most else None


def money(cents: int) -> str:
    """`$1,234.50`, with a real minus sign in front: `−$100.00`."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'−' if cents < 0 else ''}${whole:,}.{rest:02d}"


def typed_amount(cents: int) -> str:
    """An amount as it stands in a form field: `1250.00`."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def quantity(thousandths: int) -> str:
    """`4`, `1.5`, `0.125`."""
    text = f"{thousandths // 1000}.{thousandths % 1000:03d}"
    return text.rstrip("0").rstrip(".")


def percent(rate_ppm: int) -> str:
    """`7.25%`, `8.875%`."""
    text = f"{rate_ppm // 10_000}.{rate_ppm % 10_000:04d}".rstrip("0").rstrip(".")
    return f"{text}%"
