"""Credit: given as a kindness, used on invoices (3.7, 21)."""

from __future__ import annotations

from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.customer import Customer
from pillar.models.invoice import Invoice
from pillar.models.ledger import Credit, CreditOrigin
from pillar.money import money
from pillar.services.ledger.balances import credits_of
from pillar.services.ledger.moves import (
    add_credit,
    allocate,
    by_key,
    check_amount,
    lock_customer,
    locked,
)


def give_credit(customer: Customer, amount_cents: int, reason: str, *, key: str = "") -> Credit:
    """Let a customer have money for later invoices. Raises RuleViolation."""
    lock_customer(customer.id)
    if earlier := by_key(Credit, key):
        return earlier
    check_amount(amount_cents)
    if not reason.strip():
        raise RuleViolation("Say what the credit is for. Your customer reads it.", field="reason")
    credit = add_credit(customer.id, amount_cents, CreditOrigin.GOODWILL, reason=reason, key=key)
    customer.audit("credit.given", amount_cents=amount_cents, reason=reason)
    return credit


def use_credit(invoice: Invoice, amount_cents: int | None = None) -> int:
    """Pay for an invoice from the customer's credit, the oldest first; how many cents. Raises RuleViolation."""
    lock_customer(invoice.customer_id)
    [invoice] = locked([invoice.id])
    available = credits_of(invoice.customer_id)
    most = min(sum(left for _, left in available), invoice.owed_cents)
    wanted = most if amount_cents is None else amount_cents
    if not 0 < wanted <= most:
        raise RuleViolation(_too_much(most), field="amount")
    rest = wanted
    for credit, left in available:
        if part := min(left, rest):
            allocate(invoice, part, credit=credit)
            rest -= part
    invoice.audit("invoice.credit_used", number=invoice.number, amount_cents=wanted)
    db.session.flush()
    return wanted


def _too_much(most: int) -> str:
    return f"Use at most {money(most)} of the credit here." if most else "There is no credit to use here."
