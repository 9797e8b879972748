"""Money that customers owe and pay: whatever happens in whatever order, every cent is somewhere (18-22, 26)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select

from pillar.errors import InvalidTransition, RuleViolation
from pillar.extensions import db
from pillar.models import Allocation, Credit, CreditWithdrawal, Invoice, Job, Payment, Refund, Tenant
from pillar.models.invoice import OPEN, InvoiceStatus
from pillar.models.ledger import CreditOrigin, PaymentMethod, PaymentStatus
from pillar.models.signature import SignatureMethod
from pillar.offer import choose
from pillar.services import acceptance, invoices
from pillar.services.estimate_draft import LineInput, OptionInput
from pillar.services.invoice_draft import InvoiceLineInput
from pillar.services.ledger.balances import account_of, credits_of, refundable_credit_cents, shares_of
from pillar.services.ledger.credit import give_credit, use_credit
from pillar.services.ledger.payments import reverse_payment
from pillar.services.ledger.refunds import RefundInput, refund_payment
from pillar.services.statements import statement_of
from pillar.services.verification import money as checks
from tests.support import estimates as making
from tests.support import ledger
from tests.support.cast import Company

FUZZ = int(os.environ.get("PILLAR_FUZZ", "1"))
CHECKS = (
    checks.wrong_invoices,
    checks.wrong_balances,
    checks.unbalanced_payments,
    checks.overspent_credits,
    checks.strangers_money,
)
CENTS = st.integers(1, 400_00)
LINE = st.builds(
    InvoiceLineInput,
    description=st.just("Work"),
    quantity_thousandths=st.integers(1, 9_999),
    unit_price_cents=st.integers(0, 300_00),
    is_taxable=st.booleans(),
    is_discounted=st.booleans(),
)


@pytest.fixture
def books(acme: Company) -> Iterator[Tenant]:
    """Acme bound, nothing committed."""
    with acme.scope() as tenant:
        yield tenant
        db.session.rollback()


def sum_of(column: Any, *where: Any) -> int:
    return int(db.session.scalar(select(func.coalesce(func.sum(column), 0)).where(*where)) or 0)


def every_cent_is_somewhere() -> None:
    """What came in and did not go out is on invoices or left as credit: said without the product's own sums."""
    came = sum_of(Payment.amount_cents, Payment.status == PaymentStatus.SUCCEEDED)
    given = sum_of(Credit.amount_cents, Credit.origin == CreditOrigin.GOODWILL)
    back = sum_of(Refund.amount_cents)
    on_invoices = sum_of(Allocation.amount_cents)
    held = (
        sum_of(Credit.amount_cents)
        - sum_of(CreditWithdrawal.amount_cents)
        - sum_of(Allocation.amount_cents, Allocation.credit_id.is_not(None))
    )
    assert came + given - back == on_invoices + held
    assert [fault for check in CHECKS for fault in check()] == []


def test_any_history_of_invoices_and_payments_adds_up(acme: Company, books: Tenant) -> None:
    done: Counter[str] = Counter()

    def machine() -> RuleBasedStateMachine:
        return Books(acme, books, done)

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12 * FUZZ,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    # What is always refused would prove nothing.
    acts = {"issue", "pay", "pay_one", "reverse", "refund", "be_kind", "spend_credit", "close"}
    assert len(acts - set(done)) <= 1, done


class Books(RuleBasedStateMachine):
    """One customer's books; what the product refuses changes nothing."""

    made = Bundle("made")
    came = Bundle("came")

    def __init__(self, acme: Company, tenant: Tenant, done: Counter[str]) -> None:
        super().__init__()
        self.done = done
        self.acme, self.tenant = acme, tenant
        self.start = db.session.begin_nested()
        self.customer = acme.customer_row()

    def teardown(self) -> None:
        self.start.rollback()
        db.session.expire_all()

    def open_one(self) -> Invoice | None:
        query = select(Invoice).where(Invoice.status.in_(OPEN)).order_by(Invoice.id).limit(1)
        return db.session.scalars(query).one_or_none()

    def attempt(self, name: str, what: Callable[[], Any]) -> Any:
        try:
            with db.session.begin_nested():
                made = what()
        except (RuleViolation, InvalidTransition):
            db.session.expire_all()
            return None
        self.done[name] += 1
        return made

    @rule(target=made, lines=st.lists(LINE, min_size=1, max_size=4), discount=st.integers(0, 50_00))
    def issue(self, lines: list[InvoiceLineInput], discount: int) -> Invoice | None:
        made = self.attempt(
            "issue", lambda: ledger.issued(self.acme, self.tenant, lines=lines, discount_cents=discount)
        )
        return made if isinstance(made, Invoice) else None

    @rule(target=came, cents=CENTS)
    def pay(self, cents: int) -> Payment | None:
        payment = self.attempt("pay", lambda: ledger.paid(self.acme, self.tenant, cents))
        assert isinstance(payment, Payment)
        return payment

    @rule(target=came, cents=CENTS, invoice=made, share=CENTS)
    def pay_one(self, cents: int, invoice: Invoice | None, share: int) -> Payment | None:
        if invoice is None:
            return None
        share = min(share, cents, invoice.owed_cents + share // 300_00)
        paid = self.attempt(
            "pay_one", lambda: ledger.paid(self.acme, self.tenant, cents, {invoice.id: share})
        )
        return paid if isinstance(paid, Payment) else None

    @rule(payment=came)
    def reverse(self, payment: Payment | None) -> None:
        if payment is not None:
            self.attempt("reverse", lambda: reverse_payment(payment, "The check bounced"))

    @rule(payment=came, cents=CENTS, of_credit=st.booleans())
    def refund(self, payment: Payment | None, cents: int, of_credit: bool) -> None:
        if payment is None:
            return
        shares = shares_of(payment)
        invoice = shares[0][0] if shares and not of_credit else None
        most = shares[0][1] if invoice else refundable_credit_cents(payment)
        cents = min(cents, most + cents // 300_00)
        given = RefundInput(cents, PaymentMethod.CASH, self.tenant.today(), "Half the work")
        self.attempt("refund", lambda: refund_payment(self.tenant, payment, given, invoice))

    @rule(cents=CENTS)
    def be_kind(self, cents: int) -> None:
        self.attempt("be_kind", lambda: give_credit(self.customer, cents, "For the wait"))

    @rule(cents=st.none() | CENTS)
    def spend_credit(self, cents: int | None) -> None:
        if (invoice := self.open_one()) is not None:
            self.attempt("spend_credit", lambda: use_credit(invoice, cents))

    @rule(gives_up=st.booleans())
    def close(self, gives_up: bool) -> None:
        query = select(Invoice).where(Invoice.status.in_(OPEN)).order_by(Invoice.id).limit(1)
        invoice = db.session.scalars(query).one_or_none()
        if invoice is not None:
            self.attempt(
                "close", lambda: invoice.write_off("Moved away") if gives_up else invoice.void("Wrong")
            )

    @invariant()
    def it_adds_up(self) -> None:
        db.session.flush()
        every_cent_is_somewhere()
        account = account_of(self.customer.id)
        assert account.owed_cents >= 0
        assert account.credit_cents == sum(left for _, left in credits_of(self.customer.id)) >= 0
        today = self.tenant.today()
        statement = statement_of(self.customer.id, self.tenant.time_zone, since=None, until=today)
        assert statement.closing_cents == account.balance_cents


def test_the_oldest_is_paid_first_and_the_rest_is_credit(acme: Company, books: Tenant) -> None:
    today = books.today()
    late = ledger.issued(acme, books, lines=ledger.priced(100_00), due_on=today + timedelta(days=9))
    soon = ledger.issued(acme, books, lines=ledger.priced(100_00), due_on=today)
    ledger.paid(acme, books, 130_00)
    assert (soon.status, late.status) == (InvoiceStatus.PAID, InvoiceStatus.PARTIALLY_PAID)
    assert late.balance_cents == 70_00
    ledger.paid(acme, books, 100_00)
    account = account_of(late.customer_id)
    assert (account.owed_cents, account.credit_cents, account.balance_cents) == (0, 30_00, -30_00)


def test_a_refund_opens_the_invoice_again_or_lowers_the_credit(acme: Company, books: Tenant) -> None:
    invoice = ledger.issued(acme, books, lines=ledger.priced(100_00))
    payment = ledger.paid(acme, books, 120_00)

    def refund(cents: int, of: Invoice | None) -> Refund:
        given = RefundInput(cents, PaymentMethod.CHECK, books.today(), "Too much")
        return refund_payment(books, payment, given, of)

    refund(20_00, None)
    assert (account_of(invoice.customer_id).credit_cents, invoice.status) == (0, InvoiceStatus.PAID)
    refund(30_00, invoice)
    assert (invoice.status, invoice.balance_cents) == (InvoiceStatus.PARTIALLY_PAID, 30_00)
    for cents, of in ((1, None), (70_01, invoice)):
        with pytest.raises(RuleViolation, match=r"Only \$"):
            refund(cents, of)
    refund(70_00, invoice)
    assert (invoice.status, invoice.balance_cents) == (InvoiceStatus.SENT, 100_00)
    every_cent_is_somewhere()


REFUSED: list[tuple[str, Callable[[Company, Tenant, Invoice], object], str]] = [
    ("void a paid one", lambda a, t, i: (ledger.paid(a, t, 100_00), i.void("x")), "cannot be voided|voided"),
    ("void without a reason", lambda _a, _t, i: i.void(" "), "Say why"),
    (
        "more than the balance",
        lambda a, t, i: ledger.paid(a, t, 200_00, {i.id: 100_01}),
        "more than what is left",
    ),
    (
        "parts above the payment",
        lambda a, t, i: ledger.paid(a, t, 10_00, {i.id: 20_00}),
        "more than the payment",
    ),
    ("nothing", lambda a, t, _i: ledger.paid(a, t, 0), "more than \\$0.00"),
    ("too much", lambda a, t, _i: ledger.paid(a, t, 10**12), "at most"),
    (
        "tomorrow",
        lambda a, t, _i: ledger.paid(a, t, 1, received_on=t.today() + timedelta(days=1)),
        "still to come",
    ),
    (
        "a card by hand",
        lambda a, t, _i: ledger.paid(a, t, 1, method=PaymentMethod.CARD),
        "arrive by themselves",
    ),
    (
        "an invoice of nobody",
        lambda a, t, _i: ledger.paid(a, t, 1, {10**9: 1}),
        "this customer's open invoices",
    ),
    ("credit that is not there", lambda _a, _t, i: use_credit(i), "no credit"),
    (
        "due before its day",
        lambda a, t, _i: ledger.issued(a, t, due_on=t.today() - timedelta(days=1)),
        "due date",
    ),
    ("a discount above the price", lambda a, t, _i: ledger.issued(a, t, discount_cents=10**6), "discount"),
    ("no lines", lambda a, t, _i: ledger.issued(a, t, lines=()), "at least one line"),
]


@pytest.mark.parametrize(
    ("attempt", "sentence"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_cannot_be_is_refused_in_a_sentence(
    acme: Company, books: Tenant, attempt: Callable[[Company, Tenant, Invoice], object], sentence: str
) -> None:
    invoice = ledger.issued(acme, books, lines=ledger.priced(100_00))
    with pytest.raises(RuleViolation, match=sentence):
        attempt(acme, books, invoice)


def test_a_statement_says_each_payment_in_one_sentence(acme: Company, books: Tenant) -> None:
    today = books.today()
    first = ledger.issued(acme, books, lines=ledger.priced(380_00), title="Emergency pipe repair")
    payment = ledger.paid(
        acme, books, 500_00, {first.id: 380_00}, method=PaymentMethod.CHECK, reference="1042"
    )
    refund_payment(books, payment, RefundInput(20_00, PaymentMethod.CASH, today, "Too much"))
    give_credit(first.customer, 5_00, "For the wait")
    statement = statement_of(first.customer_id, books.time_zone, since=today, until=today)
    assert [(entry.sentence, entry.amount_cents, entry.balance_cents) for entry in statement.entries] == [
        (f"Invoice {first.number}, Emergency pipe repair", 380_00, 380_00),
        (
            (
                f"Payment {payment.number} of $500.00 by check 1042: {first.number} $380.00, $20.00 refunded, "
                "$100.00 kept as credit"
            ),
            -500_00,
            -120_00,
        ),
        ("Credit: For the wait", -5_00, -125_00),
        (f"$20.00 of payment {payment.number} refunded in cash: Too much", 20_00, -105_00),
    ]
    assert account_of(first.customer_id).balance_cents == statement.closing_cents == -105_00
    later = statement_of(
        first.customer_id, books.time_zone, since=today + timedelta(days=1), until=today + timedelta(days=2)
    )
    assert (later.opening_cents, later.entries, later.closing_cents) == (-105_00, (), -105_00)


def test_a_jobs_invoice_is_what_was_approved(acme: Company, books: Tenant) -> None:
    """Its lines, its package discount on the option alone, its tax: to the cent; and one invoice for a job."""
    addons = [LineInput("Filter", 1000, 49_00, is_preselected=True), LineInput("Pad", 1000, 12_00)]
    tier = OptionInput("Standard", making.LINES, discount_cents=150_00)
    row = making.sent(
        acme, books, lines=(), options=[tier, OptionInput("Basic", making.LINES)], add_ons=addons
    )
    document = row.revision.content
    signing = acceptance.Signing(
        revision=1,
        content_hash=row.revision.content_hash,
        method=SignatureMethod.TYPE,
        signer_name="John Mitchell",
        ip="198.51.100.24",
        user_agent="test",
        option_key="1",
        addon_keys=("1",),
    )
    signature = acceptance.accept_estimate(books, row.id, signing)
    job = db.session.scalars(select(Job).where(Job.estimate_id == row.id)).one()
    invoice = invoices.issue_invoice(books, invoices.invoice_job(books, job))
    assert (invoice.total_cents, invoice.discount_cents) == (signature.total_cents, 150_00)
    assert invoice.total_cents == choose(document, "1", ("1",)).total_cents == job.contract_total_cents
    with pytest.raises(RuleViolation, match="has its invoice already"):
        invoices.invoice_job(books, job)
    every_cent_is_somewhere()


def test_a_form_sent_twice_is_one_payment(acme: Company, books: Tenant) -> None:
    ledger.issued(acme, books)
    first = ledger.paid(acme, books, 10_00, key="A" * 22)
    assert ledger.paid(acme, books, 10_00, key="A" * 22) is first
    assert db.session.scalar(select(func.count(Payment.id))) == 1
