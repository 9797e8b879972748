"""Statement of account (3.11): everything that changed what a customer owes, each in one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import accumulate
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from pillar.extensions import db
from pillar.models.invoice import Invoice, InvoiceStatus
from pillar.models.ledger import (
    Allocation,
    Credit,
    CreditOrigin,
    Payment,
    PaymentMethod,
    PaymentStatus,
    Refund,
    RefundStatus,
)
from pillar.money import money

METHODS = {
    PaymentMethod.CARD: "by card",
    PaymentMethod.ACH: "from a bank account",
    PaymentMethod.CASH: "in cash",
    PaymentMethod.CHECK: "by check",
    PaymentMethod.OTHER: "in another way",
}
# Within a day an invoice comes before the money that pays it.
_INVOICED, _PAID, _CORRECTED = range(3)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: `amount_cents` above zero makes the customer owe more; `balance_cents` is owed after it."""

    on: date
    sentence: str
    amount_cents: int
    balance_cents: int = 0
    token: str = ""
    rank: int = _INVOICED


@dataclass(frozen=True, slots=True)
class Statement:
    """A customer's account from `since` to `until`, both days included."""

    since: date | None
    until: date
    opening_cents: int
    entries: tuple[Entry, ...]

    @property
    def closing_cents(self) -> int:
        """What is owed at the end; below zero the company owes the customer."""
        return self.entries[-1].balance_cents if self.entries else self.opening_cents


def statement_of(customer_id: int, time_zone: str, *, since: date | None, until: date) -> Statement:
    """Put a customer's account together, the oldest first; six statements whatever the history."""
    zone = ZoneInfo(time_zone)
    entries = sorted(_entries(customer_id, zone), key=lambda each: (each.on, each.rank))
    before = sum(each.amount_cents for each in entries if since is not None and each.on < since)
    shown = [each for each in entries if (since is None or each.on >= since) and each.on <= until]
    balances = accumulate((each.amount_cents for each in shown), initial=before)
    next(balances)
    return Statement(since, until, before, tuple(_with_balances(shown, balances)))


def _with_balances(entries: Iterable[Entry], balances: Iterable[int]) -> Iterator[Entry]:
    for entry, balance in zip(entries, balances, strict=True):
        yield Entry(entry.on, entry.sentence, entry.amount_cents, balance, entry.token, entry.rank)


def _entries(customer_id: int, zone: ZoneInfo) -> Iterator[Entry]:
    yield from _of_invoices(customer_id, zone)
    refunds = _refunds(customer_id)
    yield from _of_payments(customer_id, zone, refunds)
    for refund, number in refunds:
        yield Entry(
            refund.refunded_on,
            f"{money(refund.amount_cents)} of payment {number} refunded {METHODS[refund.method]}: {refund.reason}",
            refund.amount_cents,
            rank=_CORRECTED,
        )
    goodwill = select(Credit).where(
        Credit.customer_id == customer_id, Credit.origin.in_((CreditOrigin.GOODWILL, CreditOrigin.REFERRAL))
    )
    for credit in db.session.scalars(goodwill.order_by(Credit.id)):
        yield Entry(
            _day(credit.created_at, zone), f"Credit: {credit.reason}", -credit.amount_cents, rank=_PAID
        )


def _of_invoices(customer_id: int, zone: ZoneInfo) -> Iterator[Entry]:
    query = select(Invoice).where(
        Invoice.customer_id == customer_id, Invoice.issued_at.is_not(None), Invoice.deleted_at.is_(None)
    )
    for invoice in db.session.scalars(query.order_by(Invoice.id)):
        name = f"Invoice {invoice.number}, {invoice.title}"
        issued_on = invoice.issued_on or _day(invoice.created_at, zone)
        yield Entry(issued_on, name, invoice.total_cents, token=invoice.public_token)
        if invoice.closed_at is None:
            continue
        closed_on = _day(invoice.closed_at, zone)
        if invoice.status is InvoiceStatus.VOID:
            yield Entry(closed_on, f"{invoice.number} voided", -invoice.total_cents, rank=_CORRECTED)
        elif invoice.status is InvoiceStatus.WRITTEN_OFF:
            yield Entry(
                closed_on,
                f"{money(invoice.balance_cents)} of {invoice.number} written off",
                -invoice.balance_cents,
                rank=_CORRECTED,
            )


def _of_payments(customer_id: int, zone: ZoneInfo, refunds: Iterable[tuple[Refund, str]]) -> Iterator[Entry]:
    counted = (PaymentStatus.SUCCEEDED, PaymentStatus.DISPUTED, PaymentStatus.REVERSED)
    query = select(Payment).where(Payment.customer_id == customer_id, Payment.status.in_(counted))
    uses = _uses(customer_id)
    refunded: Counter[int] = Counter()
    for refund, _number in refunds:
        refunded[refund.payment_id] += refund.amount_cents
    for payment in db.session.scalars(query.order_by(Payment.id)):
        yield Entry(
            payment.received_on,
            payment_sentence(payment, uses.get(payment.id, ()), refunded[payment.id]),
            -payment.amount_cents,
            token=payment.receipt_token,
            rank=_PAID,
        )
        if payment.reversed_at is not None:
            yield Entry(
                _day(payment.reversed_at, zone),
                f"Payment {payment.number} reversed: {payment.reversal_reason}",
                payment.amount_cents,
                rank=_CORRECTED,
            )


def payment_sentence(payment: Payment, uses: Sequence[tuple[str, int]], refunded_cents: int = 0) -> str:
    """`Payment PAY-2026-00007 of $500.00 by check 1042: INV-2026-00061 $380.00, $120.00 kept as credit`."""
    reference = f" {payment.reference}" if payment.reference else ""
    opening = (
        f"Payment {payment.number} of {money(payment.amount_cents)} {METHODS[payment.method]}{reference}"
    )
    if payment.status is PaymentStatus.REVERSED:
        return opening
    parts = [f"{number} {money(cents)}" for number, cents in uses if cents]
    kept = payment.amount_cents - sum(cents for _, cents in uses) - refunded_cents
    parts += [f"{money(refunded_cents)} refunded"] if refunded_cents else []
    parts += [f"{money(kept)} kept as credit"] if kept else []
    return f"{opening}: {', '.join(parts)}"


def _uses(customer_id: int) -> dict[int, list[tuple[str, int]]]:
    """What each payment of a customer pays for now: payment id -> (invoice number, cents)."""
    query = (
        select(Allocation.payment_id, Invoice.number, func.sum(Allocation.amount_cents))
        .join(Invoice, Invoice.id == Allocation.invoice_id)
        .where(Invoice.customer_id == customer_id, Allocation.payment_id.is_not(None))
        .group_by(Allocation.payment_id, Invoice.number)
        .order_by(Invoice.number)
    )
    uses: dict[int, list[tuple[str, int]]] = {}
    for payment_id, number, cents in db.session.execute(query):
        if payment_id is not None and number is not None:
            uses.setdefault(payment_id, []).append((number, int(cents)))
    return uses


def _refunds(customer_id: int) -> list[tuple[Refund, str]]:
    query = (
        select(Refund, Payment.number)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(Payment.customer_id == customer_id, Refund.status == RefundStatus.SUCCEEDED)
        .order_by(Refund.id)
    )
    return [(refund, number) for refund, number in db.session.execute(query)]


def _day(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()
