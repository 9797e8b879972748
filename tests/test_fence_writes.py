"""The tenant fence, writing: by objects, by statements, by rows beside a statement, past the events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import (
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from pillar.errors import FenceBreached
from pillar.extensions import db
from pillar.models import (
    Contact,
    Customer,
    InternalNote,
    Job,
    Phone,
    ServiceLocation,
    StaffUser,
)
from pillar.services import customers
from pillar.tenancy import FencedSession
from tests.support.cast import Company
from tests.support.fence import CONTACTS, CUSTOMERS, customer_ids, raising, writing

WRITES: dict[str, Callable[[int, int], Any]] = {
    "insert": lambda theirs, _row: insert(Contact).values(name="x", tenant_id=theirs),
    "table insert": lambda theirs, _row: insert(CONTACTS).values(name="x", tenant_id=theirs),
    "insert of several": lambda theirs, _row: insert(Contact).values(
        [
            {
                "name": "x",
                "language": "en",
                "portal_access": "full",
                "public_id": f"{n:022d}",
                "tenant_id": theirs,
            }
            for n in range(2)
        ]
    ),
    "insert from select": lambda theirs, _row: insert(Contact).from_select(
        ["tenant_id", "name"], select(literal(theirs), literal("x"))
    ),
    "insert from own select": lambda _theirs, _row: insert(Contact).from_select(
        ["tenant_id", "name"], select(Contact.tenant_id, Contact.name)
    ),
    "insert of an expression": lambda theirs, _row: insert(Contact).values(
        name="x", tenant_id=literal(theirs) + 0
    ),
    "insert reading a table": lambda _theirs, _row: insert(Contact).values(
        name=select(CUSTOMERS.c.display_name).limit(1).scalar_subquery()
    ),
    "update of the tenant": lambda theirs, _row: update(Contact).values(tenant_id=theirs),
    "update of the tenant by attribute": lambda theirs, _row: update(Contact).values(
        {Contact.tenant_id: theirs}
    ),
    "update of the tenant in order": lambda theirs, _row: update(Contact).ordered_values(
        (
            Contact.tenant_id,
            theirs,
        )
    ),
    "update of the tenant by expression": lambda _theirs, _row: update(Contact).values(
        tenant_id=Contact.tenant_id + 1
    ),
    "update of a table": lambda _theirs, row: (
        update(CUSTOMERS).where(CUSTOMERS.c.id == row).values(source="x")
    ),
    "update beside a table": lambda _theirs, _row: (
        update(Customer).where(Customer.id == CONTACTS.c.id).values(source="x")
    ),
    "update beside another class": lambda _theirs, _row: (
        update(Customer).where(Customer.id == ServiceLocation.customer_id).values(source="x")
    ),
    "update from a table": lambda _theirs, _row: update(Customer).values(
        source=select(CONTACTS.c.email).limit(1).scalar_subquery()
    ),
    "delete from a table": lambda _theirs, row: delete(CUSTOMERS).where(CUSTOMERS.c.id == row),
}


def test_writes_to_another_tenant_are_refused(acme: Company, rival: Company) -> None:
    [row] = customer_ids(rival)
    for name, write in WRITES.items():
        with writing(), acme.scope(), raising(FenceBreached, name):
            db.session.execute(write(rival.tenant_id, row), execution_options={"synchronize_session": False})


def test_rows_passed_beside_the_statement_are_read(acme: Company, rival: Company) -> None:
    rows = [{"name": "a", "tenant_id": acme.tenant_id}, {"name": "b", "tenant_id": rival.tenant_id}]
    with writing(), acme.scope():
        for target in (Contact, CONTACTS):
            with pytest.raises(FenceBreached):
                db.session.execute(insert(target), rows)
        with pytest.raises(FenceBreached):
            db.session.execute(insert(CONTACTS).values(tenant_id=bindparam("t")), [{"t": rival.tenant_id}])
        with pytest.raises(FenceBreached):
            db.session.connection().execute(insert(CONTACTS), rows[1:])
        db.session.execute(insert(Contact), [{"name": "mine"}, {"name": "mine too"}])
        assert db.session.scalar(select(func.count(Contact.id)).where(Contact.name.like("mine%"))) == 2


def test_bulk_updates_by_key_are_refused(acme: Company, rival: Company) -> None:
    with rival.scope():
        theirs = db.session.scalars(select(Phone.id)).one()
    with writing(), acme.scope(), pytest.raises(FenceBreached):
        db.session.execute(update(Phone), [{"id": theirs, "raw": "x"}])


def test_the_methods_that_go_past_the_events_are_closed(acme: Company, rival: Company) -> None:
    session = db.session()
    assert isinstance(session, FencedSession)
    with acme.scope():
        for call in (
            lambda: session.bulk_insert_mappings(Contact, [{"name": "x", "tenant_id": rival.tenant_id}]),
            lambda: session.bulk_update_mappings(Contact, [{"id": 1, "name": "x"}]),
            lambda: session.bulk_save_objects([Contact(name="x", tenant_id=rival.tenant_id)]),
        ):
            with pytest.raises(FenceBreached):
                call()


def test_bulk_statements_reach_own_rows_only(acme: Company, rival: Company) -> None:
    unsynchronised = {"synchronize_session": False}
    with writing(), acme.scope():
        changed = db.session.execute(update(Customer).values(source="Door"), execution_options=unsynchronised)
        assert changed.rowcount == 1
        gone = db.session.execute(delete(Phone), execution_options=unsynchronised)
        assert gone.rowcount == 1
        db.session.query(InternalNote).delete()
        db.session.commit()
    with rival.scope():
        assert rival.customer_row().source == "Referral"
        assert db.session.scalar(select(func.count(Phone.id))) == 1


def test_objects_of_another_tenant_are_not_flushed(acme: Company, rival: Company) -> None:
    with rival.scope():
        theirs = rival.customer_row()
    session = db.session()
    with writing(), acme.scope():
        session.add(Contact(name="x", tenant_id=rival.tenant_id))
        with pytest.raises(FenceBreached):
            session.flush()
        session.rollback()
    for change in (lambda: setattr(theirs, "source", "x"), lambda: session.delete(theirs)):
        with writing(), acme.scope():
            session.add(theirs)
            change()
            with pytest.raises(FenceBreached):
                session.flush()
            session.expunge_all()


def test_an_object_is_not_carried_over_to_another_tenant(acme: Company, rival: Company) -> None:
    session = db.session()
    with rival.scope():
        theirs = rival.customer_row()
    with writing(), acme.scope():
        session.add(theirs)
        theirs.tenant_id = acme.tenant_id
        with pytest.raises(FenceBreached):
            session.flush()
        session.expunge_all()
    with writing(), acme.scope():
        mine = acme.customer_row()
        mine.tenant_id = rival.tenant_id
        with pytest.raises(FenceBreached):
            session.flush()
        session.expunge_all()


def test_services_inside_one_tenant_see_only_it(acme: Company, rival: Company) -> None:
    with writing(), acme.scope():
        customer = acme.customer_row()
        customers.add_note(customer, "gate code 4711", None)
        db.session.commit()
    with rival.scope():
        assert db.session.scalars(select(InternalNote)).all() == []
        assert set(db.session.scalars(select(StaffUser.email))) == {
            person.email for person in rival.staff.values()
        }
        assert db.session.scalars(select(Job)).all() == []
