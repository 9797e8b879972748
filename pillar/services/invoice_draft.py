"""Writing an invoice: lines, discount, tax and dates as rows of the draft; from a job in one click (3.2)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.customer import Contact, Customer, ServiceLocation
from pillar.models.invoice import Invoice, InvoiceLine, InvoiceStatus
from pillar.models.job import Job
from pillar.models.payment_terms import PaymentTerms
from pillar.models.signature import Signature
from pillar.models.tenant import Tenant
from pillar.money import MAX_CENTS, totals
from pillar.services.estimate_draft import MAX_LINES

_LATEST_DUE = timedelta(days=5 * 365)


@dataclass(frozen=True, slots=True)
class InvoiceLineInput:
    """One line as the office typed it."""

    description: str
    quantity_thousandths: int
    unit_price_cents: int
    is_taxable: bool = True
    scope: str = ""
    unit: str = ""
    is_discounted: bool = True


@dataclass(frozen=True, slots=True)
class InvoiceInput:
    """A whole draft as the office typed it. Without a due date the terms give it when it is issued."""

    customer: Customer
    title: str
    lines: Sequence[InvoiceLineInput] = ()
    contact: Contact | None = None
    location: ServiceLocation | None = None
    job: Job | None = None
    message: str = ""
    terms: str = ""
    payment_terms: PaymentTerms | None = None
    due_on: date | None = None
    tax_label: str = ""
    tax_rate_ppm: int = 0
    discount_cents: int = 0


def write_draft(tenant: Tenant, invoice: Invoice, content: InvoiceInput) -> None:
    """Put what was typed into the draft's rows and store its totals. Raises RuleViolation."""
    if invoice.status is not InvoiceStatus.DRAFT:
        raise RuleViolation("This invoice was issued already and cannot change.")
    _check(tenant, content)
    customer = content.customer
    invoice.customer, invoice.title = customer, content.title
    invoice.contact, invoice.location, invoice.job = content.contact, content.location, content.job
    invoice.estimate_id = content.job.estimate_id if content.job else None
    invoice.message, invoice.terms = content.message, content.terms
    invoice.payment_terms = content.payment_terms or customer.payment_terms or tenant.payment_terms
    invoice.due_on = content.due_on
    invoice.tax_label = content.tax_label or tenant.tax_label
    invoice.tax_rate_ppm = content.tax_rate_ppm
    invoice.tax_rounding = tenant.tax_rounding
    invoice.lines[:] = [_line(n, line) for n, line in enumerate(content.lines, start=1)]
    _store_totals(invoice, content.discount_cents)


def from_job(tenant: Tenant, job: Job) -> InvoiceInput:
    """What a job's invoice says: what its customer approved, to the cent; without an estimate one line to fill in."""
    customer = job.customer
    plain = InvoiceInput(
        customer=customer,
        title=job.title,
        contact=billing_contact(customer),
        location=job.location,
        job=job,
        terms=tenant.invoice_terms,
        tax_label=tenant.tax_label,
        tax_rate_ppm=0 if customer.is_tax_exempt else tenant.tax_rate_ppm,
    )
    signature = db.session.scalars(
        select(Signature).where(Signature.estimate_id == job.estimate_id)
    ).one_or_none()
    return _as_approved(plain, signature) if signature else plain


def billing_contact(customer: Customer) -> Contact | None:
    """Who gets a customer's invoices: the billing contact, else the first."""
    live = [link for link in customer.contact_links if link.contact.deleted_at is None]
    chosen = next((link for link in live if link.is_billing), live[0] if live else None)
    return chosen.contact if chosen else None


def invoices_of_job(job: Job) -> list[Invoice]:
    """A job's invoices that count: not deleted, not void."""
    query = select(Invoice).where(
        Invoice.job_id == job.id, Invoice.deleted_at.is_(None), Invoice.status != InvoiceStatus.VOID
    )
    return list(db.session.scalars(query.order_by(Invoice.id)))


def _as_approved(plain: InvoiceInput, signature: Signature) -> InvoiceInput:
    """The lines, discount and tax that were signed: the option's lines share the discount, add-ons do not."""
    tax = json.loads(signature.revision.document or "{}")["tax"]
    choice = json.loads(signature.choice)
    return replace(
        plain,
        lines=[_signed_line(line) for line in choice["lines"]],
        tax_label=tax["label"],
        tax_rate_ppm=tax["rate_ppm"],
        discount_cents=choice["discount_cents"],
    )


def _signed_line(line: Mapping[str, Any]) -> InvoiceLineInput:
    return InvoiceLineInput(
        description=line["description"],
        quantity_thousandths=line["quantity_thousandths"],
        unit_price_cents=line["unit_price_cents"],
        is_taxable=line["taxable"],
        scope=line["scope"],
        unit=line["unit"],
        # Only add-ons say whether they were ticked from the start.
        is_discounted="preselected" not in line,
    )


def _line(position: int, line: InvoiceLineInput) -> InvoiceLine:
    return InvoiceLine(
        position=position,
        description=line.description,
        scope=line.scope,
        quantity_thousandths=line.quantity_thousandths,
        unit=line.unit,
        unit_price_cents=line.unit_price_cents,
        is_taxable=line.is_taxable,
        is_discounted=line.is_discounted,
    )


def _check(tenant: Tenant, content: InvoiceInput) -> None:
    if not content.title:
        raise RuleViolation("Give the invoice a title, such as HVAC maintenance.", field="title")
    if len(content.lines) > MAX_LINES:
        raise RuleViolation(f"An invoice has at most {MAX_LINES} lines.", field="lines")
    if content.contact is not None and content.contact not in content.customer.contacts:
        raise RuleViolation("Choose one of this customer's contacts.", field="contact")
    for part, name, field in ((content.location, "places", "location"), (content.job, "jobs", "job")):
        if part is not None and part.customer_id != content.customer.id:
            raise RuleViolation(f"Choose one of this customer's {name}.", field=field)
    if content.due_on is not None:
        check_due(tenant, content.due_on)


def check_due(tenant: Tenant, due_on: date) -> None:
    """A due date is not before the day of issue, and not beyond every plan. Raises RuleViolation."""
    today = tenant.today()
    if due_on < today:
        raise RuleViolation(
            "The due date cannot be before the day of the invoice. Choose today or a later day.",
            field="due_on",
        )
    if due_on - today > _LATEST_DUE:
        raise RuleViolation("Choose a day within the next five years.", field="due_on")


def _store_totals(invoice: Invoice, discount_cents: int) -> None:
    sums = totals(
        [line.for_calculator() for line in invoice.lines],
        rate_ppm=invoice.tax_rate_ppm,
        rounding=invoice.tax_rounding,
        discount_cents=discount_cents,
    )
    if sums.total_cents > MAX_CENTS:
        raise RuleViolation("The total is too large. The most is $99,999,999.99.", field="lines")
    invoice.subtotal_cents, invoice.discount_cents = sums.subtotal_cents, sums.discount_cents
    invoice.tax_cents, invoice.total_cents = sums.tax_cents, sums.total_cents
