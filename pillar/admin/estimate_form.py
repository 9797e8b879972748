"""The form an estimate is written in, and what of it goes to the service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from wtforms import FieldList, FormField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.validators import Length

from pillar.admin.estimate_lines import (
    LINES_READ,
    AddOnForm,
    LineForm,
    OptionForm,
    discount_of,
    lines_of,
    pair_of,
    parsed,
)
from pillar.admin.forms import AdminForm, leaf_fields
from pillar.models.customer import Customer
from pillar.models.estimate import Estimate
from pillar.models.tenant import Tenant
from pillar.money import parse_rate, percent, quantity, typed_amount, typed_amount_or_share
from pillar.services.estimate_content import content_of
from pillar.services.estimate_draft import MAX_OPTIONS, EstimateInput, LineInput, OptionInput
from pillar.tokens import public_id

FIRST_LINES = 3
_NONE = ""
ReadOption = Callable[[OptionForm], OptionInput | None]


class EstimateForm(AdminForm):
    """An estimate: whom it is for, its lines or options, add-ons, tax, deposit, words and terms.

    A plain estimate has `lines` and `discount`; one with `options` has neither.
    """

    # What this form makes is made once (pillar.admin.made_once).
    form_key = HiddenField(default=public_id)
    title = StringField("Title", validators=[Length(max=200)], description="What the customer reads first.")
    contact = SelectField("Send it to", choices=[], validate_choice=False)
    location = SelectField("Where the work is", choices=[], validate_choice=False)
    change_note = TextAreaField(
        "Why you change it",
        validators=[Length(max=2_000)],
        description="Your customer reads this above what changed.",
    )
    message = TextAreaField("Message to the customer", validators=[Length(max=5_000)])
    lines = FieldList(FormField(LineForm), label="Lines", max_entries=LINES_READ)
    discount = StringField("Discount", description="An amount such as 100, or a share such as 10%.")
    options = FieldList(FormField(OptionForm), label="Options", max_entries=MAX_OPTIONS + 2)
    add_ons = FieldList(FormField(AddOnForm), label="Add-ons", max_entries=LINES_READ)
    tax_rate = StringField("Tax rate in percent")
    deposit = StringField(
        "Deposit due at approval",
        description="An amount such as 500, or a share such as 25%. Empty: no deposit.",
    )
    terms = TextAreaField("Terms and conditions", validators=[Length(max=50_000)])
    valid_until = StringField("Good until", description="Empty: counted from the day you send it.")

    # A revision that follows one the customer saw says why.
    needs_reason: bool = False
    # What decides the price, once it was read; None while something about it is wrong.
    priced: EstimateInput | None = None

    def offer(self, customer: Customer) -> None:
        """Fill the choices with this customer's people and places."""
        people = [(contact.public_id, _person(contact)) for contact in customer.contacts]
        self.contact.choices = [*people, (_NONE, "Nobody yet")]
        places = [(place.public_id, place.label or place.address) for place in customer.live_locations]
        self.location.choices = [*places, (_NONE, "No address")]

    def read_prices(self, read: ReadOption = OptionForm.priced) -> EstimateInput | None:
        """What decides the price, whatever else is missing; None with the errors beside the fields."""
        options = self._options(read)
        add_ons = lines_of(self.add_ons)
        rate = parsed(self.tax_rate, parse_rate, empty=0)
        deposit = pair_of(self.deposit)
        if options is None or add_ons is None or rate is None or deposit is None:
            return None
        self.priced = EstimateInput(
            customer=Customer(),
            title=self.title.data or "-",
            options=options,
            add_ons=add_ons,
            tax_rate_ppm=rate,
            deposit_cents=deposit[0],
            deposit_ppm=deposit[1],
        )
        return self.priced

    def content(self, customer: Customer) -> EstimateInput | None:
        """Everything typed, checked; None with the errors beside the fields."""
        priced = self.read_prices(OptionForm.option)
        until = self._valid_until()
        contact = _chosen(self.contact, customer.contacts, "Choose one of this customer's contacts.")
        location = _chosen(self.location, customer.live_locations, "Choose one of this customer's places.")
        if not self.title.data:
            self.title.errors = [*self.title.errors, "Give it a title, such as Water heater replacement."]
        if self.needs_reason and not self.change_note.data:
            self.change_note.errors = ["Say why you change it. Your customer reads it."]
        if any(field.errors for field in self) or priced is None:
            return None
        return replace(
            priced,
            customer=customer,
            title=self.title.data,
            contact=contact,
            location=location,
            message=self.message.data or "",
            terms=self.terms.data or "",
            valid_until=until,
            change_note=self.change_note.data or "",
        )

    def forget_errors(self) -> None:
        """Before the form is shown again to be written on: nobody asked yet what is wrong."""
        self.form_errors.clear()
        for field in leaf_fields(self):
            field.errors = []

    def _options(self, read: ReadOption) -> Sequence[OptionInput] | None:
        if self.options.entries:
            options = [read(entry.form) for entry in self.options.entries]
            return None if None in options else [option for option in options if option is not None]
        lines = lines_of(self.lines)
        discount = discount_of(self.discount, lines)
        if lines is None or discount is None:
            return None
        return [OptionInput(label="", lines=lines, discount_cents=discount[0], discount_ppm=discount[1])]

    def _valid_until(self) -> date | None:
        typed = self.valid_until.data
        if not typed:
            return None
        try:
            return date.fromisoformat(typed)
        except ValueError:
            self.valid_until.errors = ["Choose a day, such as 2026-12-31."]
            return None


def blank(tenant: Tenant, customer: Customer, like: EstimateInput | None = None) -> EstimateForm:
    """A new estimate for a customer with the company's tax and terms, or `like` what a template holds."""
    rate = 0 if customer.is_tax_exempt else tenant.tax_rate_ppm
    values = values_of(like) if like else {"lines": [{}] * FIRST_LINES}
    values["tax_rate"] = _rate(rate)
    values["terms"] = values.get("terms") or tenant.default_terms
    form = EstimateForm(data=values)
    form.offer(customer)
    return form


def filled(estimate: Estimate) -> EstimateForm:
    """The form of the revision that is being written."""
    content = content_of(estimate)
    form = EstimateForm(
        data=values_of(content)
        | {
            "contact": content.contact.public_id if content.contact else _NONE,
            "location": content.location.public_id if content.location else _NONE,
            "tax_rate": _rate(content.tax_rate_ppm),
            "valid_until": content.valid_until.isoformat() if content.valid_until else "",
            "change_note": content.change_note,
        }
    )
    form.needs_reason = estimate.draft_or_current.n > 1
    form.offer(estimate.customer)
    return form


def values_of(content: EstimateInput) -> dict[str, Any]:
    """What stands in the fields; people, places, days and the tax are the caller's. With room for a line more."""
    values: dict[str, Any] = {
        "title": content.title,
        "message": content.message,
        "terms": content.terms,
        "deposit": typed_amount_or_share(content.deposit_cents, content.deposit_ppm),
        "add_ons": [line_values(line) for line in content.add_ons],
    }
    options = content.all_options
    if len(options) == 1 and not options[0].label:
        return values | _option_values(options[0])
    return values | {"options": [_option_values(option) for option in options]}


def line_values(line: LineInput) -> dict[str, Any]:
    """What stands in the fields of a line."""
    return {
        "description": line.description,
        "scope": line.scope,
        "quantity": quantity(line.quantity_thousandths),
        "unit": line.unit,
        "unit_price": typed_amount(line.unit_price_cents),
        "is_taxable": line.is_taxable,
        "is_preselected": line.is_preselected,
    }


def _option_values(option: OptionInput) -> dict[str, Any]:
    return {
        "label": option.label,
        "reason": option.reason,
        "is_recommended": option.is_recommended,
        "discount": typed_amount_or_share(option.discount_cents, option.discount_ppm),
        "lines": [*(line_values(line) for line in option.lines), {}],
    }


def _rate(rate_ppm: int) -> str:
    return percent(rate_ppm).rstrip("%")


def _person(contact: Any) -> str:
    return f"{contact.name}, {contact.email}" if contact.email else f"{contact.name}, no e-mail"


def _chosen(field: Any, among: Sequence[Any], sentence: str) -> Any:
    if not field.data:
        return None
    for thing in among:
        if thing.public_id == field.data:
            return thing
    field.errors = [*field.errors, sentence]
    return None
