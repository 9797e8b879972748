"""The tenant fence, reading: each hole that SAFETY.md names, and those that were found while closing them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import (
    case,
    column,
    delete,
    exists,
    func,
    insert,
    join,
    literal,
    literal_column,
    select,
    table,
    text,
    true,
    union,
    union_all,
    update,
)
from sqlalchemy.orm import aliased, joinedload, make_transient_to_detached, selectinload

from pillar.errors import FenceBreached, NoTenant
from pillar.extensions import db
from pillar.models import (
    Contact,
    Customer,
    CustomerContact,
    Phone,
    ServiceLocation,
    Tenant,
)
from pillar.tenancy import across_tenants
from tests.support.cast import Company
from tests.support.fence import CONTACTS, CUSTOMERS, customer_ids, raising, rows, writing

# Nobody bound: an error, not everything


NO_TENANT: dict[str, Callable[[], Any]] = {
    "entity": lambda: db.session.scalars(select(Customer)).all(),
    "columns": lambda: db.session.execute(select(Customer.id)).all(),
    "count": lambda: db.session.scalar(select(func.count(Customer.id))),
    "count of nothing named": lambda: db.session.scalar(select(func.count()).select_from(Customer)),
    "get": lambda: db.session.get(Customer, 1),
    "query": lambda: db.session.query(Customer).all(),
    "query count": lambda: db.session.query(Customer).count(),
    "subquery": lambda: db.session.execute(select(select(Customer.id).subquery())).all(),
    "table": lambda: db.session.execute(select(CUSTOMERS)).all(),
    "table count": lambda: db.session.execute(select(func.count()).select_from(CUSTOMERS)).all(),
    "text": lambda: db.session.execute(text("SELECT * FROM customer")).all(),
    "update": lambda: db.session.execute(update(Customer).values(source="x")),
    "delete": lambda: db.session.execute(delete(Phone)),
    "insert": lambda: db.session.execute(insert(Contact).values(name="x")),
    "insert for somebody": lambda: db.session.execute(insert(Contact).values(name="x", tenant_id=1)),
    "table insert": lambda: db.session.execute(insert(CONTACTS).values(name="x", tenant_id=1)),
}


def test_without_a_tenant_nothing_is_read_or_written(app: Flask, acme: Company) -> None:
    for name, do in NO_TENANT.items():
        with writing(), raising(NoTenant, name):
            do()


def test_without_a_tenant_no_object_is_flushed(app: Flask, acme: Company) -> None:
    with writing():
        db.session.add(Contact(name="x", tenant_id=acme.tenant_id))
        with pytest.raises(NoTenant):
            db.session.flush()


# Reading: either the criterion arrives, or the statement is refused


def _other() -> Any:
    return aliased(Customer)


REACHED: dict[str, Callable[[], Any]] = {
    "entity": lambda: select(Customer),
    "columns": lambda: select(Customer.display_name, Contact.email),
    "where alone": lambda: select(Customer.display_name).where(Contact.email != ""),
    "aliased": lambda: select(_other().display_name),
    "aliased beside itself": lambda: select(Customer.display_name, _other().display_name),
    "join": lambda: (
        select(Customer.display_name, Contact.email)
        .join(CustomerContact, CustomerContact.customer_id == Customer.id)
        .join(Contact, Contact.id == CustomerContact.contact_id)
    ),
    "join on anything": lambda: select(Customer.display_name, Contact.email).join(Contact, true()),
    "outer join": lambda: select(Customer.display_name, Contact.email).outerjoin(Contact, true()),
    "join from the tenant": lambda: select(Customer.display_name).join(
        Tenant, Tenant.id == Customer.tenant_id
    ),
    "subquery": lambda: select(select(Customer.display_name).subquery()),
    "aliased subquery": lambda: select(aliased(Customer, select(Customer).subquery()).display_name),
    "scalar subquery": lambda: select(
        Tenant.id, select(func.max(Customer.display_name)).scalar_subquery()
    ).join(Customer, Customer.tenant_id == Tenant.id),
    "in": lambda: select(Contact.name).where(
        Contact.id.in_(select(CustomerContact.contact_id).join(Customer, true()))
    ),
    "cte": lambda: select(select(Customer.display_name).cte().c.display_name),
    "union": lambda: union(select(Customer.display_name), select(Contact.email)),
    "union all": lambda: union_all(select(Customer.display_name), select(Customer.display_name)),
    "union below": lambda: select(union(select(Customer.display_name), select(Contact.name)).subquery()),
    "any": lambda: select(Customer.display_name).where(Customer.locations.any(ServiceLocation.city != "")),
    "order by subquery": lambda: select(Customer.display_name).order_by(
        select(func.max(Contact.email)).scalar_subquery()
    ),
    "joined load": lambda: select(CustomerContact).options(joinedload(CustomerContact.customer)),
    "group": lambda: select(func.max(Customer.display_name)).group_by(Customer.source),
    "values of two": lambda: select(func.max(Customer.display_name), func.max(Contact.email)),
}


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
def test_the_criterion_reaches(acme: Company, rival: Company) -> None:
    for name, statement in REACHED.items():
        for company, other in ((acme, rival), (rival, acme)):
            with company.scope():
                found = rows(statement())
            assert other.customer.name not in found, name
            assert other.customer.email not in found, name
            assert company.customer.name in found or "<Customer" in found, name


def _own_alias() -> Any:
    return CUSTOMERS.alias("other")


REFUSED: dict[str, Callable[[], Any]] = {
    "table": lambda: select(CUSTOMERS),
    "columns of a table": lambda: select(CUSTOMERS.c.display_name),
    "count of a table": lambda: select(func.count()).select_from(CUSTOMERS),
    "count of a table's column": lambda: select(func.count(CUSTOMERS.c.id)),
    "table below": lambda: select(select(CUSTOMERS).subquery()),
    "table in a cte": lambda: select(select(CUSTOMERS).cte()),
    "table in a union": lambda: union_all(select(Customer.display_name), select(CUSTOMERS.c.display_name)),
    "table in exists": lambda: select(Customer.display_name).where(exists().where(CUSTOMERS.c.source == "x")),
    "table in in": lambda: select(Customer.display_name).where(Customer.id.in_(select(CUSTOMERS.c.id))),
    "table in in of another": lambda: select(Tenant.name).where(Tenant.id.in_(select(CUSTOMERS.c.tenant_id))),
    "table joined": lambda: select(Customer.display_name, CONTACTS.c.email).join(CONTACTS, true()),
    "table joined to a table": lambda: select(CONTACTS.c.email).select_from(
        join(CUSTOMERS, CONTACTS, true())
    ),
    "alias of a table beside the class": lambda: select(Customer.display_name, _own_alias().c.display_name),
    "alias of a table joined": lambda: select(Customer.display_name).join(_own_alias(), true()),
    "correlated table": lambda: select(
        Tenant.name,
        select(func.count(CUSTOMERS.c.id)).where(CUSTOMERS.c.tenant_id == Tenant.id).scalar_subquery(),
    ),
    "two classes in one expression": lambda: select(Customer.display_name + Contact.email),
    "two classes in one function": lambda: select(func.coalesce(Customer.external_id, Contact.email)),
    "classes joined beforehand": lambda: select(Contact.email).select_from(join(Customer, Contact, true())),
    "case of exists": lambda: select(case((exists().where(Contact.email == "x"), 1), else_=0)),
    "text": lambda: text("SELECT display_name FROM customer"),
    "quoted text": lambda: text('SELECT "display_name" FROM "CUSTOMER"'.replace("CUSTOMER", "customer")),
    "text with columns": lambda: text("SELECT display_name FROM customer").columns(column("display_name")),
    "text from": lambda: select(text("display_name")).select_from(text("customer")),
    "text in where": lambda: select(Customer.display_name).where(text("1=1 OR 1=1")),
    "text in where, and more": lambda: select(Customer.display_name).where(
        text("1=1 OR 1=1"), Customer.id > 0
    ),
    "text in order": lambda: select(Customer.display_name).order_by(text("(SELECT 1)")),
    "literal column": lambda: select(literal_column("(SELECT max(email) FROM staff_user)")),
    "table by name": lambda: select(table("customer", column("display_name"))),
    "from statement": lambda: select(Customer).from_statement(text("SELECT * FROM customer")),
    "from table statement": lambda: select(Customer).from_statement(select(CUSTOMERS)),
}


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
def test_what_the_criterion_does_not_reach_is_refused(acme: Company) -> None:
    for name, statement in REFUSED.items():
        with acme.scope(), raising(FenceBreached, name):
            db.session.execute(statement()).all()


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
def test_the_refused_would_have_leaked(acme: Company, rival: Company) -> None:
    """The control: with the fence open by name, these very statements return both companies' rows."""
    leaking = 0
    with across_tenants(db.session(), "the control of the fence's tests"):
        for statement in REFUSED.values():
            leaking += "Rival" in (found := rows(statement())) or "rival" in found
    assert leaking >= 15


def test_a_statement_that_was_compiled_outside_is_not_let_in(acme: Company) -> None:
    statement = select(CUSTOMERS.c.display_name)
    with across_tenants(db.session(), "warms the statement cache"):
        assert len(db.session.execute(statement).all()) > 1
    with acme.scope(), pytest.raises(FenceBreached):
        db.session.execute(statement).all()


def test_a_raw_connection_is_watched_too(acme: Company) -> None:
    with acme.scope():
        connection = db.session.connection()
        with pytest.raises(FenceBreached):
            connection.execute(select(CUSTOMERS))
        with pytest.raises(FenceBreached):
            connection.execute(text("SELECT * FROM customer"))
        with pytest.raises(FenceBreached):
            connection.exec_driver_sql("SELECT * FROM customer")


def test_sql_that_names_no_tenant_passes(acme: Company) -> None:
    assert db.session.scalar(text("SELECT 41 + 1")) == 42
    with acme.scope():
        assert db.session.scalar(text("SELECT 41 + 1")) == 42


def test_an_unguarded_engine_is_refused(app: Flask, acme: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    db.session.rollback()
    plain = type(db.engine.dialect).statement_compiler
    monkeypatch.setattr(db.engine.dialect, "statement_compiler", plain)
    with pytest.raises(FenceBreached):
        db.session.execute(select(literal(1)))


# Counting


def test_counts_are_of_one_tenant(acme: Company, rival: Company) -> None:
    for company in (acme, rival):
        with company.scope():
            assert db.session.scalar(select(func.count(Customer.id))) == 1
            assert db.session.scalar(select(func.count()).select_from(Customer)) == 1
            assert db.session.scalar(select(func.count()).where(Customer.id > 0)) == 1
            assert db.session.query(Customer).count() == 1
            below = select(Customer.id).subquery()
            assert db.session.scalar(select(func.count()).select_from(below)) == 1


def test_exists_is_of_one_tenant(acme: Company, rival: Company) -> None:
    asked = Customer.display_name == rival.customer.name
    for company, expected in ((acme, False), (rival, True)):
        with company.scope():
            assert db.session.scalar(select(select(Customer.id).where(asked).exists())) is expected
            assert db.session.scalar(select(exists(Customer).where(asked))) is expected
            found = db.session.query(db.session.query(Customer).filter(asked).exists()).scalar()
            assert found is expected


# The identity map and what hangs on loaded objects


def test_get_does_not_answer_from_another_scopes_identity_map(acme: Company, rival: Company) -> None:
    [theirs] = customer_ids(rival)
    session = db.session()
    with across_tenants(session, "loads both companies"):
        kept = session.scalars(select(Customer)).all()
        assert len(kept) == 2
    with acme.scope():
        assert session.get(Customer, theirs) is None
        with rival.scope():
            assert session.get(Customer, theirs) is not None
        assert session.get(Customer, theirs) is None
        assert session.scalars(select(Customer).where(Customer.id == theirs)).all() == []


def test_lazy_loads_stay_inside(acme: Company, rival: Company) -> None:
    """A row that points into another tenant (by force, in memory) loads nothing of it."""
    [theirs] = customer_ids(rival)
    with acme.scope():
        link = db.session.scalars(select(CustomerContact)).first()
        assert link is not None
        with db.session.no_autoflush:
            link.customer_id = theirs
            db.session.expire(link, ["customer"])
            link.customer_id = theirs
            assert link.customer is None
        db.session.rollback()
        customer = db.session.scalars(select(Customer).options(selectinload(Customer.locations))).one()
        assert [place.city for place in customer.locations] == ["Dayton"]


def test_an_object_of_another_scope_can_not_be_read_on(acme: Company, rival: Company) -> None:
    with rival.scope():
        theirs = rival.customer_row()
    with acme.scope():
        session = db.session()
        session.add(theirs)
        with pytest.raises(Exception, match=r"(?i)refresh|tenant"):
            session.refresh(theirs)
        session.expunge(theirs)


def test_a_forged_object_can_not_be_filled_from_another_tenant(acme: Company, rival: Company) -> None:
    [theirs] = customer_ids(rival)
    with acme.scope():
        forged = Customer(id=theirs)
        make_transient_to_detached(forged)
        db.session.add(forged)
        with pytest.raises(Exception, match=r"(?i)could not refresh|deleted|not present"):
            _ = forged.display_name


def test_refreshing_an_own_object_works(acme: Company) -> None:
    with acme.scope():
        mine = acme.customer_row()
        db.session.expire(mine)
        assert mine.display_name == acme.customer.name
        db.session.refresh(mine)
