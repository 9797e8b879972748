"""The office's side of an invoice: write it, issue it, take it back, give it up (3.1, 3.2)."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from pillar import clock
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.customer import Customer
from pillar.models.invoice import Invoice, InvoiceStatus
from pillar.models.job import Job, JobStatus
from pillar.models.numbers import NumberKind
from pillar.models.payment_terms import DAYS
from pillar.models.tenant import Tenant
from pillar.services import numbers
from pillar.services.invoice_document import compose_document
from pillar.services.invoice_draft import (
    InvoiceInput,
    check_due,
    from_job,
    invoices_of_job,
    write_draft,
)
from pillar.tokens import public_id


def draft_invoice(tenant: Tenant, content: InvoiceInput, *, key: str = "") -> Invoice:
    """Start an invoice; it has no number until it is issued. The same form key again gives the first one."""
    if earlier := _by_key(key):
        return earlier
    invoice = Invoice(
        public_id=key or public_id(),
        title=content.title,
        customer=content.customer,
        status=InvoiceStatus.DRAFT,
    )
    write_draft(tenant, invoice, content)
    db.session.add(invoice)
    db.session.flush()
    invoice.audit("invoice.drafted", title=invoice.title, total_cents=invoice.total_cents)
    return invoice


def invoice_job(tenant: Tenant, job: Job) -> Invoice:
    """The draft of a job's invoice in one click. Raises RuleViolation when the job has one already."""
    # Two clicks at once: the second waits here and then finds the first one's invoice.
    db.session.execute(select(Job.id).where(Job.id == job.id).with_for_update())
    if earlier := invoices_of_job(job):
        raise RuleViolation(f"This job has its invoice already: {earlier[0].number or earlier[0].title}.")
    if job.status is JobStatus.CANCELLED:
        raise RuleViolation("This job was cancelled, so there is nothing to invoice.")
    return draft_invoice(tenant, from_job(tenant, job))


def edit_draft(tenant: Tenant, invoice: Invoice, content: InvoiceInput) -> Invoice:
    """Replace the content of a draft. Raises RuleViolation when it was issued."""
    before = invoice.total_cents
    write_draft(tenant, invoice, content)
    # Another version even where only lines changed: two people editing must notice each other.
    invoice.updated_at = clock.now()
    invoice.audit("invoice.edited", before_cents=before, after_cents=invoice.total_cents)
    return invoice


def issue_invoice(tenant: Tenant, invoice: Invoice) -> Invoice:
    """Give it its number, its dates and its content for good. Raises RuleViolation naming what is missing."""
    if invoice.status is not InvoiceStatus.DRAFT or invoice.deleted_at is not None:
        raise RuleViolation("This invoice was issued already.")
    if not invoice.lines:
        raise RuleViolation("Add at least one line before you issue the invoice.", field="lines")
    today = tenant.today()
    invoice.issued_on = today
    if invoice.due_on is None:
        invoice.due_on = today + timedelta(days=DAYS[invoice.payment_terms])
    else:
        check_due(tenant, invoice.due_on)
    invoice.number = numbers.next_number(tenant, NumberKind.INVOICE)
    db.session.flush()
    invoice.issue(compose_document(tenant, invoice))
    if invoice.job is not None and invoice.job.may_become(JobStatus.INVOICED):
        invoice.job.status = JobStatus.INVOICED
        invoice.job.audit("job.invoiced", invoice=invoice.number)
    db.session.flush()
    return invoice


def discard_draft(invoice: Invoice) -> None:
    """Delete an invoice that was not issued; it has no number, so none is lost."""
    if invoice.status is not InvoiceStatus.DRAFT:
        raise RuleViolation("This invoice was issued already. Void it instead.")
    invoice.deleted_at = clock.now()
    invoice.audit("invoice.discarded", title=invoice.title)


def open_invoices(customer: Customer) -> list[Invoice]:
    """What a customer has to pay, the oldest due first."""
    query = select(Invoice).where(
        Invoice.customer_id == customer.id,
        Invoice.status.in_((InvoiceStatus.SENT, InvoiceStatus.PARTIALLY_PAID)),
        Invoice.deleted_at.is_(None),
    )
    return list(db.session.scalars(query.order_by(Invoice.due_on, Invoice.id)))


def _by_key(key: str) -> Invoice | None:
    if not key:
        return None
    return db.session.scalars(select(Invoice).where(Invoice.public_id == key)).one_or_none()
