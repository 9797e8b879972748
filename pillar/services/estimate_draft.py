"""Writing a revision: options, lines, add-ons, discount, tax, deposit, as rows of the draft."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from pillar.errors import RuleViolation
from pillar.models.customer import Contact, Customer, ServiceLocation
from pillar.models.estimate import Estimate
from pillar.models.estimate_revision import (
    EstimateAddOn,
    EstimateLine,
    EstimateOption,
    EstimateRevision,
    LineItem,
)
from pillar.models.tenant import Tenant
from pillar.money import MAX_CENTS, TaxRounding, totals
from pillar.services.estimate_document import discount_of

MAX_LINES = 200
MAX_OPTIONS = 6
_LONGEST_OFFER = timedelta(days=5 * 365)


@dataclass(frozen=True, slots=True)
class LineInput:
    """One line as the office typed it."""

    description: str
    quantity_thousandths: int
    unit_price_cents: int
    is_taxable: bool = True
    scope: str = ""
    unit: str = ""
    # For add-ons only: ticked when the customer opens the page.
    is_preselected: bool = False


@dataclass(frozen=True, slots=True)
class OptionInput:
    """One option (tier) as the office typed it: a discount is an amount or a share, not both."""

    label: str
    lines: Sequence[LineInput]
    is_recommended: bool = False
    discount_cents: int = 0
    discount_ppm: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EstimateInput:
    """A whole draft as the office typed it. `lines` alone is a plain estimate: one option without a name."""

    customer: Customer
    title: str
    lines: Sequence[LineInput] = ()
    options: Sequence[OptionInput] = ()
    add_ons: Sequence[LineInput] = ()
    contact: Contact | None = None
    location: ServiceLocation | None = None
    message: str = ""
    terms: str = ""
    tax_label: str = ""
    tax_rate_ppm: int = 0
    deposit_cents: int = 0
    deposit_ppm: int = 0
    valid_until: date | None = None
    change_note: str = ""

    @property
    def all_options(self) -> Sequence[OptionInput]:
        """The options, a plain estimate's one among them."""
        return self.options or (OptionInput(label="", lines=self.lines),)


def write_draft(tenant: Tenant, estimate: Estimate, content: EstimateInput) -> None:
    """Put what was typed into the draft's rows and store its totals. Raises RuleViolation."""
    _check(content)
    if content.valid_until is not None:
        check_last_day(tenant, content.valid_until)
    estimate.customer, estimate.contact = content.customer, content.contact
    if estimate.number is None:
        estimate.title = content.title
        estimate.location, estimate.valid_until = content.location, content.valid_until
    revision = estimate.revisions[-1]
    revision.location, revision.valid_until = content.location, content.valid_until
    revision.title, revision.message, revision.terms = content.title, content.message, content.terms
    revision.tax_label = content.tax_label or tenant.tax_label
    revision.tax_rate_ppm = content.tax_rate_ppm
    revision.deposit_cents, revision.deposit_ppm = content.deposit_cents, content.deposit_ppm
    revision.change_note = content.change_note
    revision.options[:] = [_option(n, option) for n, option in enumerate(content.all_options, start=1)]
    revision.add_ons[:] = [
        EstimateAddOn(**_columns(n, line), is_preselected=line.is_preselected)
        for n, line in enumerate(content.add_ons, start=1)
    ]
    _store_totals(estimate, revision, tenant.tax_rounding)


def check_last_day(tenant: Tenant, valid_until: date) -> None:
    """The last day of an offer is not over yet, and not beyond every plan. Raises RuleViolation."""
    if valid_until < tenant.today():
        raise RuleViolation("That day is over. Choose today or a later day.", field="valid_until")
    if valid_until - tenant.today() > _LONGEST_OFFER:
        raise RuleViolation("Choose a day within the next five years.", field="valid_until")


def copy_revision(source: EstimateRevision, n: int) -> EstimateRevision:
    """The same content as rows of a new draft."""
    copied = (
        "title",
        "message",
        "terms",
        "tax_label",
        "tax_rate_ppm",
        "deposit_cents",
        "deposit_ppm",
        "location",
    )
    sums = ("subtotal_cents", "discount_cents", "tax_cents", "total_cents")
    draft = EstimateRevision(n=n, **{name: getattr(source, name) for name in (*copied, *sums)})
    draft.options = [
        EstimateOption(
            position=option.position,
            label=option.label,
            reason=option.reason,
            is_recommended=option.is_recommended,
            discount_cents=option.discount_cents,
            discount_ppm=option.discount_ppm,
            lines=[EstimateLine(**_copied(line)) for line in option.lines],
        )
        for option in source.options
    ]
    draft.add_ons = [
        EstimateAddOn(**_copied(line), is_preselected=line.is_preselected) for line in source.add_ons
    ]
    return draft


_LINE_COLUMNS = (
    "position",
    "description",
    "scope",
    "quantity_thousandths",
    "unit",
    "unit_price_cents",
    "is_taxable",
)


def _copied(line: LineItem) -> dict[str, object]:
    return {name: getattr(line, name) for name in _LINE_COLUMNS}


def _columns(position: int, line: LineInput) -> dict[str, object]:
    return {"position": position} | {
        name: getattr(line, name) for name in _LINE_COLUMNS if name != "position"
    }


def _option(position: int, option: OptionInput) -> EstimateOption:
    return EstimateOption(
        position=position,
        label=option.label,
        reason=option.reason,
        is_recommended=option.is_recommended,
        discount_cents=option.discount_cents,
        discount_ppm=option.discount_ppm,
        lines=[EstimateLine(**_columns(n, line)) for n, line in enumerate(option.lines, start=1)],
    )


def _check(content: EstimateInput) -> None:
    if not content.title:
        raise RuleViolation("Give the estimate a title, such as Water heater replacement.", field="title")
    if sum(len(option.lines) for option in content.all_options) + len(content.add_ons) > MAX_LINES:
        raise RuleViolation(f"An estimate has at most {MAX_LINES} lines.", field="lines")
    of_customer = {contact.id for contact in content.customer.contacts}
    if content.contact is not None and content.contact.id not in of_customer:
        raise RuleViolation("Choose one of this customer's contacts.", field="contact")
    if content.location is not None and content.location.customer_id != content.customer.id:
        raise RuleViolation("Choose one of this customer's places.", field="location")
    _check_options(content.options)


def _check_options(options: Sequence[OptionInput]) -> None:
    if len(options) > MAX_OPTIONS:
        raise RuleViolation(f"An estimate has at most {MAX_OPTIONS} options.", field="options")
    labels = [option.label.casefold() for option in options]
    if len(options) > 1 and (not all(labels) or len(set(labels)) < len(labels)):
        raise RuleViolation(
            "Give every option a name of its own, such as Basic and Standard.", field="options"
        )
    if sum(option.is_recommended for option in options) > 1:
        raise RuleViolation("Recommend one option, or none.", field="options")


def _store_totals(estimate: Estimate, revision: EstimateRevision, rounding: TaxRounding) -> None:
    """Totals of what the customer sees first, add-ons that start ticked included, for lists."""
    ticked = [line for line in revision.add_ons if line.is_preselected]
    for option in revision.options:
        sums = totals(
            [line.for_calculator() for line in option.lines]
            + [replace(line.for_calculator(), is_discounted=False) for line in ticked],
            rate_ppm=revision.tax_rate_ppm,
            rounding=rounding,
            discount_cents=discount_of(option),
        )
        if sums.total_cents > MAX_CENTS:
            raise RuleViolation("The total is too large. The most is $99,999,999.99.", field="lines")
        if option.is_recommended or option is revision.options[0]:
            revision.subtotal_cents, revision.discount_cents = sums.subtotal_cents, sums.discount_cents
            revision.tax_cents, revision.total_cents = sums.tax_cents, sums.total_cents
    if estimate.number is None:
        estimate.total_cents = revision.total_cents
