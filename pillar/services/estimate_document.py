"""The frozen document of a revision: everything the customer is shown, as plain JSON values.

Page, mail and PDF read this and nothing else, so they cannot disagree, and a later change of a name, an address or a
tax rate does not reach into what was offered. The hash of its canonical form is what a signature covers.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from pillar.models.estimate import Estimate
from pillar.models.estimate_revision import EstimateOption, EstimateRevision
from pillar.models.tenant import Tenant
from pillar.money import share, totals
from pillar.services.document_parts import company_part, customer_part, line_part

FORMAT = 1


def compose_document(
    tenant: Tenant, estimate: Estimate, revision: EstimateRevision, valid_until: date
) -> dict[str, Any]:
    """Put the document together from a draft's rows. Integers only: cents, thousandths, parts per million."""
    return {
        "format": FORMAT,
        "number": estimate.number,
        "kind": estimate.kind.value,
        "revision": revision.n,
        "change_note": revision.change_note,
        "title": revision.title,
        "message": revision.message,
        "currency": tenant.currency,
        "time_zone": tenant.time_zone,
        "sent_on": tenant.today().isoformat(),
        "valid_until": valid_until.isoformat(),
        "company": company_part(tenant),
        "customer": customer_part(estimate.customer, estimate.contact, estimate.location),
        "tax": {
            "label": revision.tax_label,
            "rate_ppm": revision.tax_rate_ppm,
            "rounding": tenant.tax_rounding.value,
        },
        "options": [_option(tenant, revision, option) for option in revision.options],
        "addons": [line_part(line) | {"preselected": line.is_preselected} for line in revision.add_ons],
        "terms": revision.terms,
        "deposit": _deposit(revision),
    }


def discount_of(option: EstimateOption) -> int:
    """Cents of an option's package discount, whichever way it was typed."""
    if option.discount_ppm:
        return share(sum(line.amount_cents for line in option.lines), option.discount_ppm)
    return option.discount_cents


def _option(tenant: Tenant, revision: EstimateRevision, option: EstimateOption) -> dict[str, Any]:
    sums = totals(
        [line.for_calculator() for line in option.lines],
        rate_ppm=revision.tax_rate_ppm,
        rounding=tenant.tax_rounding,
        discount_cents=discount_of(option),
    )
    return {
        "key": str(option.position),
        "label": option.label,
        # Absent where there is none, so that such a document is the one it was before options had reasons.
        **({"reason": option.reason} if option.reason else {}),
        "recommended": option.is_recommended,
        "lines": [line_part(line) for line in option.lines],
        "subtotal_cents": sums.subtotal_cents,
        "discount_cents": sums.discount_cents,
        "tax_cents": sums.tax_cents,
        "total_cents": sums.total_cents,
    }


def _deposit(revision: EstimateRevision) -> dict[str, Any] | None:
    if revision.deposit_cents:
        return {"kind": "fixed", "cents": revision.deposit_cents}
    if revision.deposit_ppm:
        return {"kind": "percent", "ppm": revision.deposit_ppm}
    return None
