"""The frozen document of an issued invoice: page, mail and PDF read this, so they show the same cents (18)."""

from __future__ import annotations

from typing import Any

from pillar.models.invoice import Invoice, InvoiceLine
from pillar.models.payment_terms import LABELS
from pillar.models.tenant import Tenant
from pillar.phones import display
from pillar.services.branding import profile_of

FORMAT = 1


def compose_document(tenant: Tenant, invoice: Invoice) -> dict[str, Any]:
    """Put the document together from a numbered and dated draft. Integers only: cents, thousandths, ppm."""
    if invoice.issued_on is None or invoice.due_on is None:
        raise ValueError("An invoice is dated before it is issued")
    company = profile_of(tenant)
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
        "company": {"name": company.name, "phone": company.phone_display, "address": company.address_line},
        "customer": _customer(invoice),
        "job": invoice.job.number if invoice.job else "",
        "estimate": (invoice.estimate.number or "") if invoice.estimate else "",
        "rounding": invoice.tax_rounding.value,
        "lines": [_line(line) for line in invoice.lines],
        "subtotal_cents": invoice.subtotal_cents,
        "discount_cents": invoice.discount_cents,
        "taxes": [tax] if invoice.tax_rate_ppm else [],
        "tax_cents": invoice.tax_cents,
        "total_cents": invoice.total_cents,
        "terms": invoice.terms,
    }


def _customer(invoice: Invoice) -> dict[str, str]:
    customer, contact, location = invoice.customer, invoice.contact, invoice.location
    phone = contact.phone if contact else None
    return {
        "name": customer.display_name,
        "contact": contact.name if contact else "",
        "email": contact.email if contact else "",
        "phone": display(phone.e164) if phone and phone.e164 else "",
        "address": location.address if location else "",
        "billing_address": customer.billing_address,
    }


def _line(line: InvoiceLine) -> dict[str, Any]:
    return {
        "key": str(line.position),
        "description": line.description,
        "scope": line.scope,
        "quantity_thousandths": line.quantity_thousandths,
        "unit": line.unit,
        "unit_price_cents": line.unit_price_cents,
        "amount_cents": line.amount_cents,
        "taxable": line.is_taxable,
        "discounted": line.is_discounted,
    }
