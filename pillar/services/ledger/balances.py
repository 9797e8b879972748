"""Sums over the ledger: how a customer stands, what a payment pays for, what is left of a credit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, ScalarSelect, func, select

from pillar.extensions import db
from pillar.models.invoice import OPEN, Invoice
from pillar.models.ledger import Allocation, Credit, CreditWithdrawal, Payment, Refund, RefundStatus


@dataclass(frozen=True, slots=True)
class Account:
    """How a customer stands: `owed` on open invoices, `credit` held for them, in cents."""

    owed_cents: int
    credit_cents: int

    @property
    def balance_cents(self) -> int:
        """What is owed in the end; below zero the company owes the customer."""
        return self.owed_cents - self.credit_cents


def account_of(customer_id: int) -> Account:
    """How a customer stands now, in two statements."""
    owed = db.session.scalar(
        select(func.sum(Invoice.total_cents - Invoice.allocated_cents)).where(
            Invoice.customer_id == customer_id, Invoice.status.in_(OPEN), Invoice.deleted_at.is_(None)
        )
    )
    return Account(int(owed or 0), sum(left for _, left in credits_of(customer_id)))


def credits_of(customer_id: int) -> list[tuple[Credit, int]]:
    """The credits of a customer of which something is left, with how many cents, the oldest first."""
    query = (
        select(Credit, Credit.amount_cents - _used() - _withdrawn())
        .where(Credit.customer_id == customer_id)
        .order_by(Credit.id)
    )
    return [(credit, int(left)) for credit, left in db.session.execute(query) if left]


def shares_of(payment: Payment) -> list[tuple[Invoice, int]]:
    """The invoices that a payment pays for now, with how many cents."""
    return _live_parts(Allocation.payment_id == payment.id)


def uses_of(credit: Credit) -> list[tuple[Invoice, int]]:
    """The invoices that a credit pays for now, with how many cents."""
    return _live_parts(Allocation.credit_id == credit.id)


def refunded_cents(payment: Payment) -> int:
    """How much of a payment went back or is on its way back."""
    found = db.session.scalar(
        select(func.sum(Refund.amount_cents)).where(
            Refund.payment_id == payment.id, Refund.status != RefundStatus.FAILED
        )
    )
    return int(found or 0)


def refundable_credit_cents(payment: Payment) -> int:
    """How much of a payment is still credit."""
    return sum(left_of(credit) for credit in credits_from(payment))


def credits_from(payment: Payment) -> Sequence[Credit]:
    """The credits that a payment left."""
    return db.session.scalars(select(Credit).where(Credit.payment_id == payment.id).order_by(Credit.id)).all()


def left_of(credit: Credit) -> int:
    """How many cents of a credit are neither used nor withdrawn (21)."""
    query = select(Credit.amount_cents - _used() - _withdrawn()).where(Credit.id == credit.id)
    return int(db.session.scalars(query).one())


def _live_parts(source: ColumnElement[bool]) -> list[tuple[Invoice, int]]:
    query = (
        select(Allocation.invoice_id, func.sum(Allocation.amount_cents))
        .where(source)
        .group_by(Allocation.invoice_id)
    )
    parts = {invoice_id: int(cents) for invoice_id, cents in db.session.execute(query) if cents}
    if not parts:
        return []
    invoices = db.session.scalars(select(Invoice).where(Invoice.id.in_(parts)).order_by(Invoice.id))
    return [(invoice, parts[invoice.id]) for invoice in invoices]


def _used() -> ScalarSelect[int]:
    query = select(func.coalesce(func.sum(Allocation.amount_cents), 0))
    return query.where(Allocation.credit_id == Credit.id).correlate(Credit).scalar_subquery()


def _withdrawn() -> ScalarSelect[int]:
    query = select(func.coalesce(func.sum(CreditWithdrawal.amount_cents), 0))
    return query.where(CreditWithdrawal.credit_id == Credit.id).correlate(Credit).scalar_subquery()
