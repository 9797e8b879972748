"""The customers' money: payments, what they paid for, credit, refunds. Rows are added, never changed (24, 26).

For every payment that stands: its allocations + its refunds + the credit left from it = its amount (20).
`Payment.status` alone moves; a correction is a reversing row, and what remains is always a sum.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pillar.extensions import Model
from pillar.models.audit import Audited
from pillar.models.base import (
    HasStatus,
    Identified,
    PublicId,
    Stamped,
    TenantOwned,
    UtcDateTime,
    Versioned,
    belongs_to,
    enum_type,
    tenant_keys,
    tenant_reference,
)
from pillar.models.customer import Customer
from pillar.models.invoice import Invoice
from pillar.tokens import document_token


class PaymentMethod(StrEnum):
    """How money came."""

    CARD = "card"
    ACH = "ach"
    CASH = "cash"
    CHECK = "check"
    OTHER = "other"


# What the office may record by hand; cards and bank debits arrive from the vendor alone.
BY_HAND = (PaymentMethod.CASH, PaymentMethod.CHECK, PaymentMethod.OTHER)


class PaymentStatus(StrEnum):
    """Whether the money is there. Only a payment that succeeded pays for anything."""

    PENDING = "pending"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DISPUTED = "disputed"
    REVERSED = "reversed"


P = PaymentStatus


class Payment(Identified, PublicId, TenantOwned, Stamped, Versioned, HasStatus, Audited, Model):
    """Money from a customer. `receipt_token` opens its receipt without sign-in."""

    __tablename__ = "payment"
    MOVES: ClassVar = {
        P.PENDING: frozenset({P.PROCESSING, P.SUCCEEDED, P.FAILED, P.CANCELLED}),
        P.PROCESSING: frozenset({P.SUCCEEDED, P.FAILED, P.CANCELLED}),
        P.SUCCEEDED: frozenset({P.DISPUTED, P.REVERSED}),
        P.DISPUTED: frozenset({P.SUCCEEDED, P.REVERSED}),
        P.FAILED: frozenset(),
        P.CANCELLED: frozenset(),
        P.REVERSED: frozenset(),
    }

    number: Mapped[str] = mapped_column(String(30))
    customer_id: Mapped[int]
    amount_cents: Mapped[int]
    method: Mapped[PaymentMethod] = mapped_column(enum_type(PaymentMethod))
    status: Mapped[PaymentStatus] = mapped_column(enum_type(PaymentStatus), default=P.PENDING)
    # The day the money came, in the company's zone.
    received_on: Mapped[date]
    reference: Mapped[str] = mapped_column(String(100), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    provider_account: Mapped[str] = mapped_column(String(120), default="")
    provider_payment_id: Mapped[str | None] = mapped_column(String(120))
    receipt_token: Mapped[str] = mapped_column(String(43), default=document_token, unique=True)
    reversal_reason: Mapped[str] = mapped_column(Text, default="")
    reversed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    customer: Mapped[Customer] = belongs_to("Customer", "Payment.customer_id")

    __table_args__: Any = (
        *tenant_keys(),
        tenant_reference("customer_id", "customer"),
        UniqueConstraint("tenant_id", "number"),
        UniqueConstraint("tenant_id", "provider_account", "provider_payment_id"),
        Index(None, "tenant_id", "customer_id"),
        Index(None, "tenant_id", "received_on"),
        CheckConstraint("amount_cents > 0", name="amount"),
    )


class CreditOrigin(StrEnum):
    """Where a credit comes from."""

    PREPAY = "prepay"
    OVERPAYMENT = "overpayment"
    GOODWILL = "goodwill"
    REFERRAL = "referral"


class Credit(Identified, PublicId, TenantOwned, Stamped, Model):
    """Money that the company holds or gives for a customer's later invoices. What is left of it is a sum (21)."""

    __tablename__ = "credit"
    customer_id: Mapped[int]
    origin: Mapped[CreditOrigin] = mapped_column(enum_type(CreditOrigin))
    amount_cents: Mapped[int]
    payment_id: Mapped[int | None]
    reason: Mapped[str] = mapped_column(Text, default="")

    customer: Mapped[Customer] = belongs_to("Customer", "Credit.customer_id")
    payment: Mapped[Payment | None] = belongs_to("Payment", "Credit.payment_id")

    __table_args__: Any = (
        *tenant_keys(),
        tenant_reference("customer_id", "customer"),
        tenant_reference("payment_id", "payment"),
        Index(None, "tenant_id", "customer_id"),
        Index(None, "tenant_id", "payment_id"),
        CheckConstraint("amount_cents > 0", name="amount"),
    )


class Allocation(Identified, TenantOwned, Stamped, Model):
    """A part of a payment or of a credit that pays for an invoice; a negative one takes (part of) that back."""

    __tablename__ = "allocation"
    invoice_id: Mapped[int]
    payment_id: Mapped[int | None]
    credit_id: Mapped[int | None]
    amount_cents: Mapped[int]
    refund_id: Mapped[int | None]
    reason: Mapped[str] = mapped_column(Text, default="")

    invoice: Mapped[Invoice] = belongs_to("Invoice", "Allocation.invoice_id")
    payment: Mapped[Payment | None] = belongs_to("Payment", "Allocation.payment_id")
    credit: Mapped[Credit | None] = belongs_to("Credit", "Allocation.credit_id")

    __table_args__: Any = (
        tenant_reference("invoice_id", "invoice"),
        tenant_reference("payment_id", "payment"),
        tenant_reference("credit_id", "credit"),
        tenant_reference("refund_id", "refund"),
        Index(None, "tenant_id", "invoice_id"),
        Index(None, "tenant_id", "payment_id"),
        Index(None, "tenant_id", "credit_id"),
        CheckConstraint("amount_cents <> 0", name="amount"),
        CheckConstraint("(payment_id IS NULL) <> (credit_id IS NULL)", name="one_source"),
    )


class RefundStatus(StrEnum):
    """Whether the money went back."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


R = RefundStatus


class Refund(Identified, PublicId, TenantOwned, Stamped, Versioned, HasStatus, Audited, Model):
    """Money of a payment given back: it reopens an invoice or lowers a credit, never both (22)."""

    __tablename__ = "refund"
    MOVES: ClassVar = {
        R.PENDING: frozenset({R.SUCCEEDED, R.FAILED}),
        R.SUCCEEDED: frozenset(),
        R.FAILED: frozenset(),
    }

    payment_id: Mapped[int]
    amount_cents: Mapped[int]
    status: Mapped[RefundStatus] = mapped_column(enum_type(RefundStatus), default=R.PENDING)
    method: Mapped[PaymentMethod] = mapped_column(enum_type(PaymentMethod))
    refunded_on: Mapped[date]
    reason: Mapped[str] = mapped_column(Text, default="")
    provider_account: Mapped[str] = mapped_column(String(120), default="")
    provider_refund_id: Mapped[str | None] = mapped_column(String(120))

    payment: Mapped[Payment] = belongs_to("Payment", "Refund.payment_id")

    __table_args__: Any = (
        *tenant_keys(),
        tenant_reference("payment_id", "payment"),
        UniqueConstraint("tenant_id", "provider_account", "provider_refund_id"),
        Index(None, "tenant_id", "payment_id"),
        CheckConstraint("amount_cents > 0", name="amount"),
    )


class CreditWithdrawal(Identified, TenantOwned, Stamped, Model):
    """A part of a credit that is gone without paying an invoice: refunded, or its payment was reversed."""

    __tablename__ = "credit_withdrawal"
    credit_id: Mapped[int]
    amount_cents: Mapped[int]
    refund_id: Mapped[int | None]
    reason: Mapped[str] = mapped_column(Text, default="")

    credit: Mapped[Credit] = belongs_to("Credit", "CreditWithdrawal.credit_id")

    __table_args__: Any = (
        tenant_reference("credit_id", "credit"),
        tenant_reference("refund_id", "refund"),
        Index(None, "tenant_id", "credit_id"),
        CheckConstraint("amount_cents > 0", name="amount"),
    )
