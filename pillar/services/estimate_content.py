"""What a revision holds, as the office would type it: to edit it again, to price it, to keep it as a template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from pillar.models.customer import Customer
from pillar.models.estimate import Estimate, EstimateKind
from pillar.models.estimate_revision import EstimateAddOn, EstimateRevision, LineItem
from pillar.models.tenant import Tenant
from pillar.services.estimate_document import compose_document
from pillar.services.estimate_draft import EstimateInput, LineInput, OptionInput, write_draft

FORMAT = 1
_WORDS = ("title", "message", "terms")
_DEPOSIT = ("deposit_cents", "deposit_ppm")


def content_of(estimate: Estimate) -> EstimateInput:
    """The revision that is being written, else the one that the customer sees."""
    revision = estimate.draft_or_current
    return EstimateInput(
        customer=estimate.customer,
        title=revision.title,
        options=[
            OptionInput(
                label=option.label,
                lines=[_line(line) for line in option.lines],
                is_recommended=option.is_recommended,
                discount_cents=option.discount_cents,
                discount_ppm=option.discount_ppm,
                reason=option.reason,
            )
            for option in revision.options
        ],
        add_ons=[_line(line) for line in revision.add_ons],
        contact=estimate.contact,
        location=revision.location,
        message=revision.message,
        terms=revision.terms,
        tax_label=revision.tax_label,
        tax_rate_ppm=revision.tax_rate_ppm,
        deposit_cents=revision.deposit_cents,
        deposit_ppm=revision.deposit_ppm,
        valid_until=revision.valid_until,
        change_note=revision.change_note,
    )


def as_json(content: EstimateInput) -> dict[str, Any]:
    """What is no customer's own: neither people, places and days nor the tax, which depends on who buys."""
    return {
        "format": FORMAT,
        **{name: getattr(content, name) for name in (*_WORDS, *_DEPOSIT)},
        "options": [_option_json(option) for option in content.all_options],
        "add_ons": [asdict(line) for line in content.add_ons],
    }


def from_json(stored: Mapping[str, Any], customer: Customer) -> EstimateInput:
    """The content for another customer."""
    return EstimateInput(
        customer=customer,
        **{name: stored[name] for name in (*_WORDS, *_DEPOSIT)},
        options=[_stored_option(option) for option in stored["options"]],
        add_ons=[LineInput(**line) for line in stored["add_ons"]],
    )


def preview_document(tenant: Tenant, content: EstimateInput) -> dict[str, Any]:
    """The document that this content would become if it were sent now. Nothing is stored. Raises RuleViolation.

    Names of options do not matter to prices, so that a missing one stops nobody from seeing them.
    """
    if content.options:
        named = [replace(option, label=str(n)) for n, option in enumerate(content.options, start=1)]
        content = replace(content, options=named)
    estimate = Estimate(kind=EstimateKind.GENERIC)
    estimate.revisions.append(EstimateRevision(n=1))
    write_draft(tenant, estimate, content)
    return draft_document(tenant, estimate)


def draft_document(tenant: Tenant, estimate: Estimate) -> dict[str, Any]:
    """The document that the revision being written would become if it were sent now."""
    revision = estimate.revisions[-1]
    days = timedelta(days=tenant.estimate_valid_days)
    return compose_document(tenant, estimate, revision, revision.valid_until or tenant.today() + days)


def _line(line: LineItem) -> LineInput:
    return LineInput(
        description=line.description,
        quantity_thousandths=line.quantity_thousandths,
        unit_price_cents=line.unit_price_cents,
        is_taxable=line.is_taxable,
        scope=line.scope,
        unit=line.unit,
        is_preselected=isinstance(line, EstimateAddOn) and line.is_preselected,
    )


def _option_json(option: OptionInput) -> dict[str, Any]:
    """Without an empty reason: what has none stays readable to the release before there were any."""
    return {name: value for name, value in asdict(option).items() if name != "reason" or value}


def _stored_option(option: Mapping[str, Any]) -> OptionInput:
    return OptionInput(**{**option, "lines": [LineInput(**line) for line in option["lines"]]})
