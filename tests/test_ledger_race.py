"""Money moved by many at once: no number twice, no credit spent twice, no invoice paid twice (9, 19, 21)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.orm.exc import StaleDataError

from pillar.errors import PillarError
from pillar.extensions import db
from pillar.models import Invoice, Tenant
from pillar.models.invoice import InvoiceStatus
from pillar.services import invoices
from pillar.services.ledger import balances, credit, moves
from pillar.services.ledger.balances import account_of
from pillar.services.ledger.credit import give_credit, use_credit
from pillar.services.verification import violations
from tests.support import ledger
from tests.support.cast import Company

ISSUERS = 32
SPENDERS = 20
REFUSED = (PillarError, SQLAlchemyError, StaleDataError)


def at_once(app: Flask, company: Company, works: list[Callable[[Tenant], object]]) -> int:
    """Let many threads, each with a connection of its own, begin together; how many got through."""
    ready = Barrier(len(works))

    def one(work: Callable[[Tenant], object]) -> bool:
        with app.app_context():
            ready.wait(30)
            try:
                with company.scope() as tenant:
                    work(tenant)
                    db.session.commit()
            except REFUSED:
                db.session.rollback()
                return False
            return True

    with ThreadPoolExecutor(len(works)) as pool:
        return sum(pool.map(one, works))


def row(invoice_id: int) -> Invoice:
    return db.session.scalars(select(Invoice).where(Invoice.id == invoice_id)).one()


def made(company: Company, how_many: int, cents: int) -> list[int]:
    """Issued invoices, saved."""
    with company.scope() as tenant:
        rows = [ledger.issued(company, tenant, lines=ledger.priced(cents)) for _ in range(how_many)]
        ids = [each.id for each in rows]
        db.session.commit()
    return ids


def test_thirty_two_issue_at_once(app: Flask, acme: Company) -> None:
    with acme.scope() as tenant:
        ids = [ledger.drafted(acme, tenant).id for _ in range(ISSUERS)]
        db.session.commit()
    works = [lambda tenant, each=each: invoices.issue_invoice(tenant, row(each)) for each in ids]
    assert at_once(app, acme, works) == ISSUERS
    with acme.scope():
        numbers = sorted(db.session.scalars(select(Invoice.number)))
    assert [int(str(number)[-5:]) for number in numbers] == list(range(1, ISSUERS + 1))
    assert list(violations()) == []


def test_a_credit_is_never_spent_twice(app: Flask, acme: Company) -> None:
    """$100 of credit, spends of $12 on as many invoices: eight get through, and $4 are left."""
    ids = made(acme, SPENDERS, 50_00)
    with acme.scope():
        give_credit(acme.customer_row(), 100_00, "For the wait")
        db.session.commit()
    works = [lambda _tenant, each=each: use_credit(row(each), 12_00) for each in ids]
    assert at_once(app, acme, works) == 8
    with acme.scope():
        assert account_of(acme.customer_row().id).credit_cents == 4_00
    assert list(violations()) == []


@pytest.mark.only_on("postgresql", "SQLite lets one writer in at a time, so there is no race to show")
def test_without_the_lock_credit_is_spent_twice(
    app: Flask, acme: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the same spends without the customer's lock."""
    ids = made(acme, SPENDERS, 50_00)
    with acme.scope():
        give_credit(acme.customer_row(), 100_00, "For the wait")
        db.session.commit()
    everybody_has_looked = Barrier(SPENDERS)
    look = balances.credits_of

    def look_together(customer_id: int) -> object:
        found = look(customer_id)
        everybody_has_looked.wait(30)
        return found

    monkeypatch.setattr(credit, "lock_customer", lambda _customer_id: None)
    monkeypatch.setattr(credit, "credits_of", look_together)
    works = [lambda _tenant, each=each: use_credit(row(each), 12_00) for each in ids]
    assert at_once(app, acme, works) == SPENDERS
    assert any("is spent twice" in each.invariant for each in violations())


def test_an_invoice_is_paid_once(app: Flask, acme: Company) -> None:
    """Cash and credit for all of it from every side, a void and a write-off in between."""
    for _ in range(3):
        [invoice_id] = made(acme, 1, 100_00)
        with acme.scope():
            give_credit(acme.customer_row(), 100_00, "For the wait")
            db.session.commit()
        works: list[Callable[[Tenant], object]] = [
            *[lambda tenant: ledger.paid(acme, tenant, 100_00, {invoice_id: 100_00})] * 3,  # noqa: B023 - run in this round
            *[lambda _tenant: use_credit(row(invoice_id), 100_00)] * 3,  # noqa: B023
            lambda _tenant: row(invoice_id).void("Wrong"),  # noqa: B023
            lambda _tenant: row(invoice_id).write_off("Moved away"),  # noqa: B023
        ]
        assert at_once(app, acme, works) == 1
        with acme.scope():
            invoice = row(invoice_id)
            has_money = invoice.status is InvoiceStatus.PAID
            assert (invoice.allocated_cents == 100_00) is has_money
        assert list(violations()) == []


def test_the_database_refuses_what_the_product_would_miss(acme: Company) -> None:
    [invoice_id] = made(acme, 1, 100_00)
    with acme.scope():
        invoice = row(invoice_id)
        moves.locked([invoice_id])
        invoice.allocated_cents = 100_01
        with pytest.raises((IntegrityError, OperationalError)):
            db.session.flush()
        db.session.rollback()
