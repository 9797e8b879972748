"""Every cent against every other: invoices, payments, credit, refunds (18-22, 25)."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Case, ScalarSelect, case, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from pillar.extensions import db
from pillar.models.invoice import Invoice, InvoiceLine, InvoiceStatus
from pillar.models.ledger import (
    Allocation,
    Credit,
    CreditWithdrawal,
    Payment,
    PaymentStatus,
    Refund,
    RefundStatus,
)
from pillar.money import line_amount, totals
from pillar.services.verification.estimates import UNREADABLE

_CHUNK = 500
S = InvoiceStatus


def wrong_invoices() -> Iterator[str]:
    """Issued invoices whose document, rows and stored totals do not say the same cents (18)."""
    query = select(Invoice).where(Invoice.issued_at.is_not(None)).order_by(Invoice.id)
    for invoice in db.session.scalars(query.execution_options(yield_per=_CHUNK)):
        name = _name(invoice.number, invoice.id)
        if not invoice.is_genuine:
            yield f"{name}: TAMPERED, the document does not have its hash"
            continue
        try:
            yield from (f"{name}: {fault}" for fault in _faults(invoice))
        except UNREADABLE:
            yield f"{name}: its document cannot be read"


def wrong_balances() -> Iterator[str]:
    """Invoices whose stored allocations are not the sum of their rows, or whose status does not fit (19, 25)."""
    live = _sum(Allocation.amount_cents, Allocation.invoice_id == Invoice.id)
    rows = db.session.execute(
        select(Invoice.id, Invoice.number, Invoice.status, Invoice.total_cents, Invoice.allocated_cents, live)
        .where(
            or_(
                Invoice.allocated_cents != live,
                ~Invoice.allocated_cents.between(0, Invoice.total_cents),
                Invoice.status != _status_by_balance(),
            )
        )
        .order_by(Invoice.id)
    )
    for invoice_id, number, status, total, allocated, summed in rows:
        name = _name(number, invoice_id)
        if allocated != summed:
            yield f"{name}: {allocated} cents are noted as paid, its allocations are {summed}"
        elif not 0 <= allocated <= total:
            yield f"{name}: paid {allocated} of {total} cents"
        else:
            yield f"{name}: is {status}, which does not fit {allocated} of {total} cents"


def unbalanced_payments() -> Iterator[str]:
    """Payments whose cents are not all on invoices, given back or held as credit (20, 22)."""
    allocated = _sum(Allocation.amount_cents, Allocation.payment_id == Payment.id)
    refunded = _sum(
        Refund.amount_cents, (Refund.payment_id == Payment.id) & (Refund.status != RefundStatus.FAILED)
    )
    credited = _sum(Credit.amount_cents, Credit.payment_id == Payment.id)
    withdrawn = func.coalesce(
        select(func.sum(CreditWithdrawal.amount_cents))
        .join(Credit, Credit.id == CreditWithdrawal.credit_id)
        .where(Credit.payment_id == Payment.id)
        .correlate(Payment)
        .scalar_subquery(),
        0,
    )
    query = select(
        Payment.number, Payment.status, Payment.amount_cents, allocated, refunded, credited - withdrawn
    )
    for number, status, amount, on_invoices, back, held in db.session.execute(query.order_by(Payment.id)):
        stands = status in {PaymentStatus.SUCCEEDED, PaymentStatus.DISPUTED}
        if on_invoices + back + held != (amount if stands else 0):
            yield (
                f"payment {number} ({status}): {on_invoices} on invoices + {back} refunded + {held} credit "
                f"is not {amount if stands else 0}"
            )
        if back > amount:
            yield f"payment {number}: {back} of {amount} cents refunded"


def overspent_credits() -> Iterator[str]:
    """Credits of which more was used than there is (21)."""
    used = _sum(Allocation.amount_cents, Allocation.credit_id == Credit.id)
    gone = _sum(CreditWithdrawal.amount_cents, CreditWithdrawal.credit_id == Credit.id)
    query = select(Credit.id, Credit.amount_cents, used, gone).where(used + gone > Credit.amount_cents)
    for credit_id, amount, spent, withdrawn in db.session.execute(query.order_by(Credit.id)):
        yield f"credit {credit_id}: {spent} used + {withdrawn} withdrawn of {amount} cents"


def strangers_money() -> Iterator[str]:
    """Money of one customer on the invoice of another."""
    for source, key in ((Payment, Allocation.payment_id), (Credit, Allocation.credit_id)):
        query = (
            select(Allocation.id, Invoice.number)
            .join(Invoice, Invoice.id == Allocation.invoice_id)
            .join(source, source.id == key)
            .where(source.customer_id != Invoice.customer_id)
        )
        for allocation_id, number in db.session.execute(query.order_by(Allocation.id)):
            yield f"allocation {allocation_id}: another customer's money is on {number}"


def _faults(invoice: Invoice) -> Iterator[str]:
    document, lines = invoice.content, invoice.lines
    stored = (invoice.subtotal_cents, invoice.discount_cents, invoice.tax_cents, invoice.total_cents)
    shown = tuple(document[f"{name}_cents"] for name in ("subtotal", "discount", "tax", "total"))
    if stored != shown:
        yield "the row and the document have different totals"
    amounts = [
        line_amount(each["quantity_thousandths"], each["unit_price_cents"]) for each in document["lines"]
    ]
    if [each["amount_cents"] for each in document["lines"]] != amounts or sum(amounts) != shown[0]:
        yield "its lines do not add up"
    if [_key(line) for line in lines] != [
        (each["description"], each["quantity_thousandths"], each["unit_price_cents"])
        for each in document["lines"]
    ]:
        yield "its lines are not those of the document"
    sums = totals(
        [line.for_calculator() for line in lines],
        rate_ppm=invoice.tax_rate_ppm,
        rounding=invoice.tax_rounding,
        discount_cents=invoice.discount_cents,
    )
    if (sums.subtotal_cents, sums.discount_cents, sums.tax_cents, sums.total_cents) != stored:
        yield "its total is not what the calculator says"


def _key(line: InvoiceLine) -> tuple[str, int, int]:
    return line.description, line.quantity_thousandths, line.unit_price_cents


def _status_by_balance() -> Case[InvoiceStatus]:
    """What the status must be by the numbers, where the numbers decide it."""
    open_or_paid = Invoice.status.in_((S.SENT, S.PARTIALLY_PAID, S.PAID))
    return case(
        (open_or_paid & (Invoice.allocated_cents == Invoice.total_cents), S.PAID),
        (open_or_paid & (Invoice.allocated_cents > 0), S.PARTIALLY_PAID),
        (open_or_paid, S.SENT),
        (Invoice.status.in_((S.DRAFT, S.VOID)) & (Invoice.allocated_cents != 0), S.PAID),
        else_=Invoice.status,
    )


def _sum(column: InstrumentedAttribute[int], condition: object) -> ScalarSelect[int]:
    return func.coalesce(select(func.sum(column)).where(condition).scalar_subquery(), 0)  # type: ignore[arg-type, return-value]


def _name(number: str | None, row_id: int) -> str:
    return f"invoice {number or row_id}"
