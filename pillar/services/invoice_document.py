"""The frozen document of an issued invoice: page, mail and PDF read this, so they show the same cents (18)."""

from __future__ import annotations

from typing import Any

from pillar.models.invoice import Invoice
from pillar.models.payment_terms import LABELS
from pillar.models.tenant import Tenant
from pillar.services.document_parts import company_part, customer_part, line_part

FORMAT = 1


def compose_document(tenant: Tenant, invoice: Invoice) -> dict[str, Any]:
    """Put the document together from a numbered and dated draft. Integers only: cents, thousandths, ppm."""
    if invoice.issued_on is None or invoice.due_on is None:
        raise ValueError("An invoice is dated before it is issued")
    tax = {"label": invoice.tax_label, "rate_ppm": invoice.tax_rate_ppm, "amount_cents": invoice.tax_cents}
    return {
        "format": FORMAT,
        "number": invoice.number,
        "title": invoice.title,
        "message": invoice.message,
        "currency": tenant.currency,
        "time_zone": tenant.time_zone,
        "issued_on": invoice.issued_on.isoformat(),
        "due_on": invoice.due_on.isoformat(),
        "payment_terms": LABELS[invoice.payment_terms],
        "company": company_part(tenant),
        "customer": customer_part(invoice.customer, invoice.contact, invoice.location)
        | {"billing_address": invoice.customer.billing_address},
        "job": invoice.job.number if invoice.job else "",
        "estimate": (invoice.estimate.number or "") if invoice.estimate else "",
        "rounding": invoice.tax_rounding.value,
        "lines": [line_part(line) | {"discounted": line.is_discounted} for line in invoice.lines],
        "subtotal_cents": invoice.subtotal_cents,
        "discount_cents": invoice.discount_cents,
        "taxes": [tax] if invoice.tax_rate_ppm else [],
        "tax_cents": invoice.tax_cents,
        "total_cents": invoice.total_cents,
        "terms": invoice.terms,
    }
