"""The single steps of the ledger: the lock, the checks, one allocation, one credit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TypeVar

from sqlalchemy import select

from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.customer import Customer
from pillar.models.invoice import Invoice
from pillar.models.ledger import Allocation, Credit, CreditOrigin, Payment, Refund
from pillar.models.tenant import Tenant
from pillar.money import MAX_CENTS

Row = TypeVar("Row", Payment, Refund, Credit)


def lock_customer(customer_id: int) -> None:
    """Let nobody else move this customer's money until the commit (SQLite: the writer is alone anyway)."""
    db.session.flush()
    db.session.execute(select(Customer.id).where(Customer.id == customer_id).with_for_update())


def locked(ids: Iterable[int]) -> Sequence[Invoice]:
    """Invoices as they are stored now, locked in the order of their ids."""
    query = select(Invoice).where(Invoice.id.in_(set(ids))).order_by(Invoice.id).with_for_update()
    return db.session.scalars(query, execution_options={"populate_existing": True}).all()


def allocate(
    invoice: Invoice,
    cents: int,
    *,
    payment: Payment | None = None,
    credit: Credit | None = None,
    refund: Refund | None = None,
    reason: str = "",
) -> None:
    """Put money of a payment or a credit on a locked invoice; a negative amount takes it off again."""
    invoice.change_allocated(cents)
    db.session.add(
        Allocation(
            invoice_id=invoice.id,
            payment_id=payment.id if payment else None,
            credit_id=credit.id if credit else None,
            refund_id=refund.id if refund else None,
            amount_cents=cents,
            reason=reason,
        )
    )


def add_credit(
    customer_id: int,
    cents: int,
    origin: CreditOrigin,
    *,
    payment: Payment | None = None,
    reason: str = "",
    key: str = "",
) -> Credit:
    """Hold money for a customer's later invoices."""
    credit = Credit(
        customer_id=customer_id,
        origin=origin,
        amount_cents=cents,
        payment_id=payment.id if payment else None,
        reason=reason,
    )
    if key:
        credit.public_id = key
    db.session.add(credit)
    db.session.flush()
    return credit


def check_amount(cents: int) -> None:
    """An amount that can be money. Raises RuleViolation."""
    if not 0 < cents <= MAX_CENTS:
        raise RuleViolation("Type an amount of more than $0.00, at most $99,999,999.99.", field="amount")


def check_day(tenant: Tenant, day: date, field: str) -> None:
    """A day on which money can have moved: not one that is still to come. Raises RuleViolation."""
    if day > tenant.today():
        raise RuleViolation("That day is still to come. Choose today or an earlier day.", field=field)


def by_key(model: type[Row], key: str) -> Row | None:
    """What the same form made before: a double click has one effect."""
    if not key:
        return None
    return db.session.scalars(select(model).where(model.public_id == key)).one_or_none()
