"""Invoices: lines while a draft, one frozen document from the moment they are issued (3.1, 18)."""

from __future__ import annotations

import json
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pillar import clock
from pillar.canonical import canonical_json, content_hash
from pillar.errors import RuleViolation
from pillar.extensions import Model
from pillar.models.audit import Audited
from pillar.models.base import (
    HasStatus,
    Identified,
    PublicId,
    SoftDeleted,
    Stamped,
    TenantOwned,
    UtcDateTime,
    Versioned,
    belongs_to,
    enum_type,
    has_many,
    tenant_keys,
    tenant_reference,
)
from pillar.models.customer import Contact, Customer, ServiceLocation
from pillar.models.estimate import Estimate
from pillar.models.estimate_revision import LineItem
from pillar.models.job import Job
from pillar.models.payment_terms import PaymentTerms
from pillar.money import TaxedLine, TaxRounding
from pillar.tokens import document_token


class InvoiceStatus(StrEnum):
    """Where an invoice stands; outstanding, overdue and processing are derived (3.1)."""

    DRAFT = "draft"
    SENT = "sent"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    VOID = "void"
    WRITTEN_OFF = "written_off"


S = InvoiceStatus
# Somebody still owes something on these.
OPEN = frozenset({S.SENT, S.PARTIALLY_PAID})
# The customer sees these; the rest never left the office or was taken back.
SHOWN = frozenset({S.SENT, S.PARTIALLY_PAID, S.PAID, S.WRITTEN_OFF, S.VOID})


class Invoice(Identified, PublicId, TenantOwned, Stamped, SoftDeleted, Versioned, HasStatus, Audited, Model):
    """What a customer owes. `number` comes when it is issued; `public_token` opens it without sign-in.

    `allocated_cents` is the sum of its allocations, kept in step by `services.ledger` alone; the database refuses
    a sum below zero or above the total, so no race can pay an invoice twice.
    """

    __tablename__ = "invoice"
    MOVES: ClassVar = {
        S.DRAFT: frozenset({S.SENT, S.PAID}),
        S.SENT: frozenset({S.PARTIALLY_PAID, S.PAID, S.VOID, S.WRITTEN_OFF}),
        S.PARTIALLY_PAID: frozenset({S.SENT, S.PAID, S.WRITTEN_OFF}),
        S.PAID: frozenset({S.PARTIALLY_PAID, S.SENT}),
        S.VOID: frozenset(),
        S.WRITTEN_OFF: frozenset(),
    }

    number: Mapped[str | None] = mapped_column(String(30))
    title: Mapped[str] = mapped_column(String(200))
    status: Mapped[InvoiceStatus] = mapped_column(enum_type(InvoiceStatus), default=S.DRAFT)
    customer_id: Mapped[int]
    contact_id: Mapped[int | None]
    location_id: Mapped[int | None]
    job_id: Mapped[int | None]
    estimate_id: Mapped[int | None]
    message: Mapped[str] = mapped_column(Text, default="")
    terms: Mapped[str] = mapped_column(Text, default="")
    payment_terms: Mapped[PaymentTerms] = mapped_column(
        enum_type(PaymentTerms), default=PaymentTerms.DUE_ON_RECEIPT
    )
    # Days of the company. A draft may name its due date; issuing fills in what is missing from the terms.
    issued_on: Mapped[date | None]
    due_on: Mapped[date | None]
    tax_label: Mapped[str] = mapped_column(String(60), default="")
    tax_rate_ppm: Mapped[int] = mapped_column(default=0)
    tax_rounding: Mapped[TaxRounding] = mapped_column(enum_type(TaxRounding), default=TaxRounding.DOCUMENT)
    subtotal_cents: Mapped[int] = mapped_column(default=0)
    discount_cents: Mapped[int] = mapped_column(default=0)
    tax_cents: Mapped[int] = mapped_column(default=0)
    total_cents: Mapped[int] = mapped_column(default=0)
    allocated_cents: Mapped[int] = mapped_column(default=0)
    public_token: Mapped[str] = mapped_column(String(43), default=document_token, unique=True)
    token_revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    issued_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    close_reason: Mapped[str] = mapped_column(Text, default="")
    document: Mapped[str | None] = mapped_column(Text)
    content_hash: Mapped[str] = mapped_column(String(64), default="")

    customer: Mapped[Customer] = belongs_to("Customer", "Invoice.customer_id")
    contact: Mapped[Contact | None] = belongs_to("Contact", "Invoice.contact_id")
    location: Mapped[ServiceLocation | None] = belongs_to("ServiceLocation", "Invoice.location_id")
    job: Mapped[Job | None] = belongs_to("Job", "Invoice.job_id")
    estimate: Mapped[Estimate | None] = belongs_to("Estimate", "Invoice.estimate_id")
    lines: Mapped[list[InvoiceLine]] = has_many(
        "InvoiceLine",
        "InvoiceLine.invoice_id",
        "Invoice",
        back_populates="invoice",
        order_by="InvoiceLine.position",
        cascade="all, delete-orphan",
    )

    __table_args__: Any = (
        *tenant_keys(),
        tenant_reference("customer_id", "customer"),
        tenant_reference("contact_id", "contact"),
        tenant_reference("location_id", "service_location"),
        tenant_reference("job_id", "job"),
        tenant_reference("estimate_id", "estimate"),
        UniqueConstraint("tenant_id", "number"),
        Index(None, "tenant_id", "status", "due_on"),
        Index(None, "tenant_id", "created_at"),
        Index(None, "tenant_id", "customer_id", "status"),
        Index(None, "tenant_id", "job_id"),
        CheckConstraint("total_cents = subtotal_cents - discount_cents + tax_cents", name="sums"),
        CheckConstraint("total_cents >= 0 AND discount_cents >= 0", name="not_negative"),
        CheckConstraint("allocated_cents BETWEEN 0 AND total_cents", name="allocated"),
        CheckConstraint("due_on IS NULL OR issued_on IS NULL OR due_on >= issued_on", name="due_after_issue"),
    )

    @property
    def balance_cents(self) -> int:
        """What is left to pay, whoever still expects it (19)."""
        return self.total_cents - self.allocated_cents

    @property
    def owed_cents(self) -> int:
        """What the customer is asked for: nothing on drafts, void and written-off invoices."""
        return self.balance_cents if self.status in OPEN else 0

    @property
    def is_issued(self) -> bool:
        """Whether it has its number and can no longer change."""
        return self.document is not None

    @property
    def has_live_link(self) -> bool:
        """Whether its document link opens anything."""
        return self.token_revoked_at is None and self.is_issued and self.deleted_at is None

    def days_overdue(self, today: date) -> int:
        """How many days its due date is past; 0 when it is not, or nothing is owed."""
        if self.status not in OPEN or self.due_on is None:
            return 0
        return max((today - self.due_on).days, 0)

    def issue(self, content: dict[str, Any]) -> None:
        """Fix the content for good. `services.invoices` gave it number and dates before. Nothing to pay is paid."""
        if self.is_issued:
            raise RuleViolation("This invoice was issued already and cannot change.")
        self.document = canonical_json(content)
        self.content_hash = content_hash(self.document)
        self.issued_at = clock.now()
        self.status = S.SENT if self.total_cents else S.PAID
        self.audit(
            "invoice.issued",
            number=self.number,
            total_cents=self.total_cents,
            due_on=str(self.due_on),
            hash=self.content_hash,
        )

    @property
    def content(self) -> dict[str, Any]:
        """The frozen document. Read it once and keep it: it is parsed anew each time."""
        return dict(json.loads(self.document or "{}"))

    @property
    def is_genuine(self) -> bool:
        """Whether the document still has the hash it was issued with."""
        return self.document is not None and content_hash(self.document) == self.content_hash

    def change_allocated(self, by_cents: int) -> None:
        """Money came to it or left it: the status follows the balance (19). Raises RuleViolation."""
        if self.status is S.WRITTEN_OFF and by_cents < 0:
            # A check that bounced later: the invoice was given up and stays so.
            self.allocated_cents += by_cents
            return
        if self.status not in {*OPEN, S.PAID}:
            raise RuleViolation(f"Invoice {self.number} is {SPOKEN[self.status]}, so it takes no money.")
        if by_cents > self.balance_cents:
            raise RuleViolation(f"That is more than what is left to pay on {self.number}.", field="amount")
        self.allocated_cents += by_cents
        if self.balance_cents == 0:
            self.status = S.PAID
        else:
            self.status = S.PARTIALLY_PAID if self.allocated_cents else S.SENT

    def void(self, reason: str) -> None:
        """Take it back: it was wrong. Only while no money is on it."""
        if self.status is not S.SENT or self.allocated_cents:
            raise RuleViolation(
                "Only an unpaid invoice can be voided. Reverse or refund its payments first."
                if self.allocated_cents
                else f"This invoice is {SPOKEN[self.status]} and cannot be voided."
            )
        self._close(S.VOID, "invoice.voided", reason)

    def write_off(self, reason: str) -> None:
        """Give up what is left of it."""
        if self.status not in OPEN:
            raise RuleViolation(
                f"This invoice is {SPOKEN[self.status]}, so nothing of it can be written off."
            )
        self._close(S.WRITTEN_OFF, "invoice.written_off", reason)

    def _close(self, status: InvoiceStatus, action: str, reason: str) -> None:
        if not reason.strip():
            raise RuleViolation("Say why. The reason stays with the invoice.", field="reason")
        self.status, self.closed_at, self.close_reason = status, clock.now(), reason
        self.audit(action, number=self.number, reason=reason, balance_cents=self.balance_cents)


# As a sentence says it.
SPOKEN = {
    S.DRAFT: "a draft",
    S.SENT: "unpaid",
    S.PARTIALLY_PAID: "partly paid",
    S.PAID: "paid",
    S.VOID: "void",
    S.WRITTEN_OFF: "written off",
}


class InvoiceLine(Identified, TenantOwned, LineItem, Model):
    """A line of an invoice. The document's discount lowers the discounted lines only."""

    __tablename__ = "invoice_line"
    invoice_id: Mapped[int]
    is_discounted: Mapped[bool] = mapped_column(default=True)

    invoice: Mapped[Invoice] = belongs_to("Invoice", "InvoiceLine.invoice_id", back_populates="lines")

    __table_args__: Any = (
        tenant_reference("invoice_id", "invoice", ondelete="CASCADE"),
        Index(None, "tenant_id", "invoice_id"),
        CheckConstraint("quantity_thousandths > 0", name="quantity"),
        CheckConstraint("unit_price_cents >= 0", name="unit_price"),
    )

    def for_calculator(self) -> TaxedLine:
        """The line as the calculator reads it."""
        return TaxedLine(
            self.quantity_thousandths, self.unit_price_cents, self.is_taxable, self.is_discounted
        )
