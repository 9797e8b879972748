"""Invoices and money as the tests need them, made by the product's own services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pillar.models import Invoice, Payment, Tenant
from pillar.models.ledger import PaymentMethod
from pillar.services import invoices
from pillar.services.invoice_draft import InvoiceInput, InvoiceLineInput
from pillar.services.ledger.payments import PaymentInput, record_payment
from tests.support.cast import Company

# HVAC maintenance 450.00 and a filter 32.00, taxed at 7.25 % on the filter alone: 2.32, in all 484.32.
LINES = (
    InvoiceLineInput("HVAC maintenance", 1000, 450_00, is_taxable=False),
    InvoiceLineInput("Filter 16x25", 2000, 16_00, unit="pc"),
)
TAX_PPM = 72_500
TOTAL = "$484.32"
TOTAL_CENTS = 484_32


def drafted(company: Company, tenant: Tenant, **overrides: Any) -> Invoice:
    """A draft for the company's customer, inside `scope()`. Not committed."""
    values: dict[str, Any] = {
        "customer": company.customer_row(),
        "contact": company.contact_row(),
        "location": company.location_row(),
        "title": "HVAC Maintenance",
        "lines": LINES,
        "tax_rate_ppm": TAX_PPM,
    }
    return invoices.draft_invoice(tenant, InvoiceInput(**(values | overrides)))


def issued(company: Company, tenant: Tenant, **overrides: Any) -> Invoice:
    """An issued invoice, inside `scope()`. Not committed."""
    return invoices.issue_invoice(tenant, drafted(company, tenant, **overrides))


def priced(cents: int) -> Sequence[InvoiceLineInput]:
    """One untaxed line of so many cents."""
    return [InvoiceLineInput("Work", 1000, cents, is_taxable=False)]


def paid(
    company: Company, tenant: Tenant, cents: int, shares: dict[int, int] | None = None, **overrides: Any
) -> Payment:
    """Cash of the company's customer, inside `scope()`. Not committed."""
    given = PaymentInput(
        **{"amount_cents": cents, "method": PaymentMethod.CASH, "received_on": tenant.today()} | overrides
    )
    return record_payment(tenant, company.customer_row(), given, shares)
