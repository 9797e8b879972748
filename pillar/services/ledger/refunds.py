"""Money given back: from what a payment paid for, or from the credit left of it (22)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.invoice import Invoice
from pillar.models.ledger import (
    CreditWithdrawal,
    Payment,
    PaymentMethod,
    PaymentStatus,
    Refund,
    RefundStatus,
)
from pillar.models.tenant import Tenant
from pillar.money import money
from pillar.services.ledger.balances import credits_from, left_of, refundable_credit_cents, shares_of
from pillar.services.ledger.moves import allocate, by_key, check_amount, check_day, lock_customer, locked
from pillar.tokens import public_id


@dataclass(frozen=True, slots=True)
class RefundInput:
    """Money that the office gave back. `key` is the form's: the same one again is the same refund."""

    amount_cents: int
    method: PaymentMethod
    refunded_on: date
    reason: str
    key: str = ""


def refund_payment(
    tenant: Tenant, payment: Payment, given: RefundInput, invoice: Invoice | None = None
) -> Refund:
    """Note money given back. Raises RuleViolation when there is less than that.

    It is taken from what the payment paid for on `invoice`, which is then open again, else from the credit left of it.
    """
    lock_customer(payment.customer_id)
    if earlier := by_key(Refund, given.key):
        return earlier
    db.session.refresh(payment)
    check_amount(given.amount_cents)
    check_day(tenant, given.refunded_on, "refunded_on")
    if payment.status is not PaymentStatus.SUCCEEDED:
        raise RuleViolation("Only a payment that arrived can be refunded.")
    if given.refunded_on < payment.received_on:
        raise RuleViolation("The money came later than that day.", field="refunded_on")
    if not given.reason.strip():
        raise RuleViolation("Say why. The reason stays with the payment.", field="reason")
    refund = Refund(
        public_id=given.key or public_id(),
        payment_id=payment.id,
        amount_cents=given.amount_cents,
        status=RefundStatus.SUCCEEDED,
        method=given.method,
        refunded_on=given.refunded_on,
        reason=given.reason,
    )
    if invoice is None:
        _take_from_credit(payment, refund)
    else:
        _take_from_invoice(payment, invoice, refund)
    payment.audit(
        "payment.refunded", number=payment.number, amount_cents=given.amount_cents, reason=given.reason
    )
    return refund


def _take_from_invoice(payment: Payment, invoice: Invoice, refund: Refund) -> None:
    most = next((cents for each, cents in shares_of(payment) if each.id == invoice.id), 0)
    if refund.amount_cents > most:
        raise RuleViolation(f"Only {money(most)} of this payment is on {invoice.number}.", field="amount")
    [invoice] = locked([invoice.id])
    db.session.add(refund)
    db.session.flush()
    allocate(invoice, -refund.amount_cents, payment=payment, refund=refund, reason=refund.reason)
    db.session.flush()


def _take_from_credit(payment: Payment, refund: Refund) -> None:
    rest, most = refund.amount_cents, refundable_credit_cents(payment)
    if rest > most:
        raise RuleViolation(f"Only {money(most)} of this payment is left as credit.", field="amount")
    db.session.add(refund)
    db.session.flush()
    for credit in credits_from(payment):
        if part := min(left_of(credit), rest):
            db.session.add(
                CreditWithdrawal(
                    credit_id=credit.id, amount_cents=part, refund_id=refund.id, reason=refund.reason
                )
            )
            rest -= part
    db.session.flush()
