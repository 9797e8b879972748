"""Payments: taken in, put on invoices, reversed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from pillar import clock
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.customer import Customer
from pillar.models.invoice import OPEN, Invoice
from pillar.models.ledger import (
    BY_HAND,
    CreditOrigin,
    CreditWithdrawal,
    Payment,
    PaymentMethod,
    PaymentStatus,
)
from pillar.models.numbers import NumberKind
from pillar.models.tenant import Tenant
from pillar.services import numbers
from pillar.services.ledger.balances import credits_from, left_of, refunded_cents, shares_of, uses_of
from pillar.services.ledger.moves import (
    add_credit,
    allocate,
    by_key,
    check_amount,
    check_day,
    lock_customer,
    locked,
)
from pillar.tokens import public_id


@dataclass(frozen=True, slots=True)
class PaymentInput:
    """Money that the office took in. `key` is the form's: the same one again is the same payment."""

    amount_cents: int
    method: PaymentMethod
    received_on: date
    reference: str = ""
    note: str = ""
    key: str = ""


def record_payment(
    tenant: Tenant, customer: Customer, given: PaymentInput, shares: Mapping[int, int] | None = None
) -> Payment:
    """Note money that came by hand. Raises RuleViolation.

    `shares` says how many cents go to which invoice (by id); without it the oldest due ones are paid first. What is
    left becomes credit.
    """
    lock_customer(customer.id)
    if earlier := by_key(Payment, given.key):
        return earlier
    if given.method not in BY_HAND:
        raise RuleViolation(
            "Choose cash, check or other. Card payments arrive by themselves.", field="method"
        )
    check_amount(given.amount_cents)
    check_day(tenant, given.received_on, "received_on")
    payment = Payment(
        public_id=given.key or public_id(),
        number=numbers.next_number(tenant, NumberKind.PAYMENT),
        customer_id=customer.id,
        amount_cents=given.amount_cents,
        method=given.method,
        received_on=given.received_on,
        reference=given.reference,
        note=given.note,
    )
    db.session.add(payment)
    db.session.flush()
    payment.audit(
        "payment.recorded", number=payment.number, amount_cents=given.amount_cents, method=given.method.value
    )
    settle(payment, shares)
    return payment


def settle(payment: Payment, shares: Mapping[int, int] | None = None) -> None:
    """The money is there: pay what it was given for; what is left becomes credit. The customer is locked."""
    payment.status = PaymentStatus.SUCCEEDED
    invoices = _open_invoices(payment.customer_id, shares)
    left = payment.amount_cents
    wanted = _oldest_first(invoices, left) if shares is None else shares
    if sum(wanted.values()) > left or any(cents < 0 for cents in wanted.values()):
        raise RuleViolation("The parts are more than the payment.", field="amount")
    for invoice in invoices:
        if cents := wanted.get(invoice.id, 0):
            allocate(invoice, cents, payment=payment)
            left -= cents
    if left:
        origin = CreditOrigin.OVERPAYMENT if invoices else CreditOrigin.PREPAY
        add_credit(payment.customer_id, left, origin, payment=payment)
    db.session.flush()


def reverse_payment(payment: Payment, reason: str) -> None:
    """The payment was none (typed wrongly, a check that bounced): what it paid for is open again (26).

    Raises RuleViolation when a part of it was refunded: then money has moved that a reversal cannot bring back.
    """
    lock_customer(payment.customer_id)
    db.session.refresh(payment)
    if payment.status not in {PaymentStatus.SUCCEEDED, PaymentStatus.DISPUTED}:
        raise RuleViolation("Only a payment that arrived can be reversed.")
    if not reason.strip():
        raise RuleViolation("Say why. The reason stays with the payment.", field="reason")
    if refunded_cents(payment):
        raise RuleViolation("A part of this payment was refunded, so it cannot be reversed.")
    for invoice, cents in _fresh(shares_of(payment)):
        allocate(invoice, -cents, payment=payment, reason=reason)
    for credit in credits_from(payment):
        for invoice, cents in _fresh(uses_of(credit)):
            allocate(invoice, -cents, credit=credit, reason=reason)
        db.session.flush()
        db.session.add(CreditWithdrawal(credit_id=credit.id, amount_cents=left_of(credit), reason=reason))
    payment.status = PaymentStatus.REVERSED
    payment.reversal_reason, payment.reversed_at = reason, clock.now()
    payment.audit("payment.reversed", number=payment.number, reason=reason)
    db.session.flush()


def _open_invoices(customer_id: int, shares: Mapping[int, int] | None) -> Sequence[Invoice]:
    """What may be paid, the oldest due first, locked."""
    query = select(Invoice.id).where(
        Invoice.customer_id == customer_id, Invoice.status.in_(OPEN), Invoice.deleted_at.is_(None)
    )
    ids = set(db.session.scalars(query))
    if shares is not None:
        if set(shares) - ids:
            raise RuleViolation("Choose from this customer's open invoices.", field="invoices")
        ids = set(shares)
    return sorted(locked(ids), key=lambda each: (each.due_on or date.max, each.id))


def _oldest_first(invoices: Sequence[Invoice], cents: int) -> dict[int, int]:
    shares = {}
    for invoice in invoices:
        shares[invoice.id] = min(invoice.owed_cents, cents)
        cents -= shares[invoice.id]
    return shares


def _fresh(parts: Sequence[tuple[Invoice, int]]) -> list[tuple[Invoice, int]]:
    """The same with the invoices locked and as they are stored now."""
    cents = {invoice.id: part for invoice, part in parts}
    return [(invoice, cents[invoice.id]) for invoice in locked(cents)]
