"""`pillar verify` and money: each invariant is broken by hand once, and named (18-22, 25)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pillar.database import reading
from pillar.extensions import db
from pillar.services.ledger.credit import use_credit
from pillar.services.ledger.refunds import RefundInput, refund_payment
from pillar.services.verification import violations
from tests.support import ledger
from tests.support.cast import Company
from tests.support.tampering import change, unguarded

DOCUMENTS = "an issued invoice shows the cents it was issued with, total = subtotal - discount + tax (18)"
BALANCES = "balance = total - live allocations, between 0 and the total, and the status says so (19, 25)"
PAYMENTS = "a payment's cents are on invoices, refunded or held as credit (20, 22)"
CREDITS = "no credit is spent twice (21)"
STRANGERS = "money pays only its own customer's invoices (20)"


@pytest.fixture
def books(acme: Company, rival: Company) -> None:
    """INV-1 paid with money and credit, INV-2 partly, INV-3 open, INV-4 a draft; credit left; a refund."""
    with acme.scope() as tenant:
        first = ledger.issued(acme, tenant, lines=ledger.priced(100_00))
        ledger.issued(acme, tenant)
        ledger.issued(acme, tenant)
        ledger.drafted(acme, tenant)
        ledger.paid(acme, tenant, 50_00, {first.id: 40_00})
        use_credit(first, 8_00)
        payment = ledger.paid(acme, tenant, 90_00, {first.id: 52_00})
        given = RefundInput(2_00, payment.method, tenant.today(), "Too much")
        refund_payment(tenant, payment, given)
        db.session.commit()
    with rival.scope() as tenant:
        ledger.paid(rival, tenant, 5_00)
        ledger.issued(rival, tenant)
        db.session.commit()


def found() -> dict[str, list[str]]:
    said: dict[str, list[str]] = {}
    with reading(db.session):
        for violation in violations():
            said.setdefault(violation.invariant, []).append(f"{violation.company}: {violation.row}")
    return said


def number(n: int) -> str:
    return f"number LIKE '%-0000{n}' AND tenant_id = 1"


def unchecked(statement: str, *constraints: str) -> Callable[[], None]:
    """What a CHECK would refuse: the schema must be damaged, too."""

    def damage() -> None:
        with unguarded() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            if db.engine.dialect.name == "sqlite":
                raw.execute("PRAGMA ignore_check_constraints=ON")
            for name in constraints if db.engine.dialect.name == "postgresql" else ():
                table = name.removeprefix("ck_").rpartition("_")[0]
                raw.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
            raw.execute(statement)
            if db.engine.dialect.name == "sqlite":
                raw.execute("PRAGMA ignore_check_constraints=OFF")

    return damage


def sql(statement: str) -> Callable[[], None]:
    return lambda: change(statement)


# What was done -> (how, which invariant names it, words of the row that it names)
BROKEN: dict[str, tuple[Callable[[], None], str, str]] = {
    "an invoice's document": (
        sql(f"UPDATE invoice SET document = replace(document, '45000', '5000') WHERE {number(3)}"),
        DOCUMENTS,
        "TAMPERED",
    ),
    "an invoice's hash": (
        sql(f"UPDATE invoice SET content_hash = 'x' WHERE {number(3)}"),
        DOCUMENTS,
        "TAMPERED",
    ),
    "an invoice's total": (
        sql(
            "UPDATE invoice SET subtotal_cents = subtotal_cents + 1, total_cents = total_cents + 1"
            f" WHERE {number(3)}"
        ),
        DOCUMENTS,
        "different totals",
    ),
    "a line of an issued invoice": (
        sql(
            "UPDATE invoice_line SET unit_price_cents = 1"
            f" WHERE invoice_id = (SELECT id FROM invoice WHERE {number(3)})"
        ),
        DOCUMENTS,
        "its lines are not those of the document",
    ),
    "a paid invoice opened": (
        sql(f"UPDATE invoice SET status = 'sent' WHERE {number(1)}"),
        BALANCES,
        "is sent, which does not fit 10000 of 10000",
    ),
    "an unpaid invoice paid": (
        sql(f"UPDATE invoice SET status = 'paid' WHERE {number(3)}"),
        BALANCES,
        "is paid",
    ),
    "money on a void invoice": (
        sql(f"UPDATE invoice SET status = 'void' WHERE {number(1)}"),
        BALANCES,
        "is void",
    ),
    "what is noted as paid": (
        sql(f"UPDATE invoice SET allocated_cents = allocated_cents + 1 WHERE {number(2)}"),
        BALANCES,
        "1 cents are noted as paid, its allocations are 0",
    ),
    "an allocation gone": (
        sql("DELETE FROM allocation WHERE payment_id = (SELECT min(payment_id) FROM allocation)"),
        PAYMENTS,
        "0 on invoices + 0 refunded + 1000 credit is not 5000",
    ),
    "a payment's amount": (
        sql("UPDATE payment SET amount_cents = 1 WHERE number LIKE '%-00001' AND tenant_id = 1"),
        PAYMENTS,
        "is not 1",
    ),
    "a refund twice as large": (sql("UPDATE refund SET amount_cents = 400"), PAYMENTS, "400 refunded"),
    "a payment called back with its money left": (
        sql("UPDATE payment SET status = 'reversed' WHERE number LIKE '%-00002' AND tenant_id = 1"),
        PAYMENTS,
        "is not 0",
    ),
    "a credit made smaller": (
        sql("UPDATE credit SET amount_cents = 5 WHERE amount_cents = 1000"),
        CREDITS,
        "800 used + 0 withdrawn of 5",
    ),
    "a stranger's payment": (
        sql(
            "UPDATE allocation SET payment_id = (SELECT id FROM payment WHERE tenant_id <> 1)"
            " WHERE payment_id = (SELECT min(payment_id) FROM allocation)"
        ),
        PAYMENTS,
        "is not 5000",
    ),
    "an invoice of another customer": (
        sql(
            "INSERT INTO customer (tenant_id, public_id, kind, status, display_name, sort_name, search_text,"
            " billing_street, billing_city, billing_state, billing_postal_code, is_tax_exempt, tags, source,"
            " external_id, version, created_at, updated_at) SELECT tenant_id, 'other', kind, status, 'x', 'x', '',"
            " '', '', '', '', is_tax_exempt, tags, source, '', 1, created_at, updated_at FROM customer"
            " WHERE tenant_id = 1"
        ),
        STRANGERS,
        "another customer's money",
    ),
}


def _to_the_other_customer() -> None:
    change(f"UPDATE invoice SET customer_id = (SELECT max(id) FROM customer) WHERE {number(1)}")


def test_what_is_whole_passes(books: None) -> None:
    assert found() == {}


@pytest.mark.parametrize(("damage", "invariant", "words"), BROKEN.values(), ids=list(BROKEN))
def test_what_is_broken_is_named(books: None, damage: Callable[[], None], invariant: str, words: str) -> None:
    damage()
    if invariant == STRANGERS:
        _to_the_other_customer()
    said = found()
    assert invariant in said, said
    assert any(words in row for row in said[invariant]), said
