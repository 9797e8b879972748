"""Parts of the form an estimate is written in: lines, add-ons, options. Each reads itself and says what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wtforms import BooleanField, FieldList, FormField, StringField, TextAreaField
from wtforms.validators import Length

from pillar.admin.forms import FormPart
from pillar.errors import RuleViolation
from pillar.money import line_amount, parse_amount_or_share, parse_cents, parse_quantity
from pillar.services.estimate_draft import MAX_LINES, LineInput, OptionInput

# A little more than is allowed: what is too much comes back with a sentence, not cut.
LINES_READ = MAX_LINES + 50


class LineForm(FormPart):
    """One line item; a line without description and price is a blank one and is left out."""

    description = StringField("Item", validators=[Length(max=500)])
    quantity = StringField("Quantity", default="1")
    unit = StringField("Unit", validators=[Length(max=20)])
    unit_price = StringField("Price")
    is_taxable = BooleanField("Taxed", default=True)
    scope = TextAreaField("Details", validators=[Length(max=4_000)])

    def is_blank(self) -> bool:
        """Whether nothing was written here."""
        return not (self.description.data or self.unit_price.data or self.scope.data)

    def line(self) -> LineInput | None:
        """The line, or None with the errors beside the fields."""
        amount = parsed(self.quantity, parse_quantity)
        price = parsed(self.unit_price, parse_cents)
        if not self.description.data:
            self.description.errors = ["Say what it is, such as Labor."]
        if price is not None and price < 0:
            self.unit_price.errors = ["A price is 0 or more."]
            price = None
        if amount is None or price is None or not self.description.data:
            return None
        return LineInput(
            description=self.description.data,
            scope=self.scope.data or "",
            quantity_thousandths=amount,
            unit=self.unit.data or "",
            unit_price_cents=price,
            is_taxable=bool(self.is_taxable.data),
            is_preselected=self.starts_ticked(),
        )

    def starts_ticked(self) -> bool:
        """Only an add-on can be ticked at all."""
        return False


class AddOnForm(LineForm):
    """A line that the customer may tick."""

    is_preselected = BooleanField("Ticked from the start")

    def starts_ticked(self) -> bool:
        """Whether the customer finds it ticked."""
        return bool(self.is_preselected.data)


class OptionForm(FormPart):
    """One of several options (tiers)."""

    label = StringField("Name of the option", validators=[Length(max=100)])
    reason = StringField("Why take it, in one line", validators=[Length(max=140)])
    is_recommended = BooleanField("Recommended")
    lines = FieldList(FormField(LineForm), label="Lines", max_entries=LINES_READ)
    discount = StringField("Package discount", description="An amount such as 100, or a share such as 10%.")

    def priced(self) -> OptionInput | None:
        """What decides its price, or None with the errors beside the fields."""
        lines = lines_of(self.lines)
        discount = discount_of(self.discount, lines)
        if lines is None or discount is None:
            return None
        return OptionInput(
            label=self.label.data or "",
            lines=lines,
            is_recommended=bool(self.is_recommended.data),
            discount_cents=discount[0],
            discount_ppm=discount[1],
            reason=self.reason.data or "",
        )

    def option(self) -> OptionInput | None:
        """The whole option, or None with the errors beside the fields."""
        made = self.priced()
        if not self.label.data:
            self.label.errors = ["Give every option a name of its own, such as Basic."]
        elif made is not None and not made.lines:
            self.label.errors = [*self.label.errors, f"Add at least one line to {self.label.data}."]
        return None if self.label.errors else made


def lines_of(entries: Any) -> list[LineInput] | None:
    """The lines that were written, or None with the errors beside the fields."""
    read = [entry.form.line() for entry in entries if not entry.form.is_blank()]
    lines = [line for line in read if line is not None]
    return lines if len(lines) == len(read) else None


def discount_of(field: Any, lines: Sequence[LineInput] | None) -> tuple[int, int] | None:
    """(cents, parts per million) of a package discount, or None with the error beside the field."""
    discount = pair_of(field)
    if discount is None or lines is None:
        return None
    price = sum(line_amount(line.quantity_thousandths, line.unit_price_cents) for line in lines)
    if discount[0] > price:
        field.errors = [*field.errors, "The discount cannot be more than the price."]
        return None
    return discount


def pair_of(field: Any) -> tuple[int, int] | None:
    """(cents, parts per million) as typed, or None with the error beside the field."""
    pair: tuple[int, int] | None = parsed(field, parse_amount_or_share)
    return pair


def parsed(field: Any, parse: Callable[[str], Any], *, empty: Any = None) -> Any:
    """What the field holds, or None with the error beside it; `empty` stands for nothing typed."""
    typed = field.data or ""
    if not typed and empty is not None:
        return empty
    try:
        return parse(typed)
    except RuleViolation as violation:
        field.errors = [*field.errors, violation.message]
        return None
