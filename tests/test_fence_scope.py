"""The tenant fence: how a scope begins, ends, and stays where it was bound."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, g
from sqlalchemy import (
    func,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pillar.errors import NoTenant
from pillar.extensions import db
from pillar.models import (
    Contact,
    Customer,
    ServiceLocation,
)
from pillar.tenancy import FencedSession, across_tenants, bind_tenant, current_tenant_id, using_tenant
from tests.support.cast import Company
from tests.support.fence import customer_ids, writing


def test_across_tenants_wants_a_reason(app: Flask, acme: Company) -> None:
    for reason in ("", "  "):
        with pytest.raises(ValueError, match="Say why"), across_tenants(db.session(), reason):
            pass


def test_across_tenants_names_nobody(acme: Company) -> None:
    """Reading everywhere is one thing; a new row must still say whose it is."""
    with acme.scope(), across_tenants(db.session(), "looks around"), pytest.raises(NoTenant):
        current_tenant_id()
    with writing(), across_tenants(db.session(), "looks around"):
        db.session.add(Contact(name="whose?"))
        with pytest.raises(NoTenant):
            db.session.flush()


def test_a_scope_comes_back_as_it_was(acme: Company, rival: Company) -> None:
    session = db.session()
    with pytest.raises(NoTenant):
        current_tenant_id()
    with acme.scope():
        with rival.scope():
            assert current_tenant_id() == rival.tenant_id
            with across_tenants(session, "looks around"):
                pass
            assert current_tenant_id() == rival.tenant_id
        assert current_tenant_id() == acme.tenant_id
    with pytest.raises(NoTenant):
        current_tenant_id()


def test_a_scope_comes_back_after_an_error(acme: Company, rival: Company) -> None:
    """The wide scope must close even when what was begun in it cannot be written."""
    session = db.session()
    [customer_id] = customer_ids(rival)
    with writing(), acme.scope():
        with pytest.raises(KeyError):
            fail_across(ServiceLocation(tenant_id=acme.tenant_id, customer_id=customer_id))
        assert current_tenant_id() == acme.tenant_id
        assert not session.new
        with pytest.raises(IntegrityError), across_tenants(session, "fails on leaving"):
            session.add(ServiceLocation(tenant_id=acme.tenant_id, customer_id=customer_id))
        assert current_tenant_id() == acme.tenant_id
        session.rollback()
        assert session.scalar(select(func.count(Customer.id))) == 1


def fail_across(row: object) -> None:
    with across_tenants(db.session(), "fails inside"):
        db.session.add(row)
        raise KeyError


def test_what_was_begun_in_a_scope_is_written_in_it(acme: Company, rival: Company) -> None:
    with writing():
        with acme.scope():
            db.session.add(Contact(name="of acme"))
            with rival.scope():
                db.session.add(Contact(name="of rival"))
        db.session.commit()
    for company, name in ((acme, "of acme"), (rival, "of rival")):
        with company.scope():
            found = db.session.scalars(select(Contact.name).where(Contact.name.like("of %"))).all()
            assert found == [name]


def test_a_scope_does_not_leak_into_another_thread_or_context(app: Flask, acme: Company) -> None:
    seen: list[object] = []

    def look() -> None:
        try:
            current_tenant_id()
        except (NoTenant, RuntimeError) as error:
            seen.append(type(error))

    def look_inside() -> None:
        with app.app_context():
            look()

    with acme.scope():
        for target in (look, look_inside):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
        with app.app_context():
            look()
        assert current_tenant_id() == acme.tenant_id
    assert seen == [RuntimeError, NoTenant, NoTenant]


def test_a_scope_ends_with_its_request(app: Flask, acme: Company, new_client: Callable[[], Any]) -> None:
    client = new_client()
    assert client.get(f"/portal/{acme.slug}").status_code == 200
    with pytest.raises(NoTenant):
        current_tenant_id()
    with app.app_context():
        bind_tenant(db.session(), acme.tenant_id)
        assert current_tenant_id() == acme.tenant_id
    with app.app_context(), pytest.raises(NoTenant):
        current_tenant_id()


def test_threads_with_different_tenants_do_not_mix(app: Flask, acme: Company, rival: Company) -> None:
    mixed: list[str] = []
    db.session.rollback()
    ready = threading.Barrier(4)

    def read(company: Company) -> None:
        with app.app_context():
            g.reads_only = True
            ready.wait(10)
            for _ in range(20):
                with using_tenant(db.session(), company.tenant_id):
                    names = db.session.scalars(select(Customer.display_name)).all()
                    mixed.extend(name for name in names if name != company.customer.name)
                db.session.rollback()

    threads = [threading.Thread(target=read, args=(company,)) for company in (acme, rival, acme, rival)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert mixed == []


def test_the_session_class_is_everybodys(app: Flask) -> None:
    assert isinstance(db.session(), FencedSession)
    assert issubclass(FencedSession, Session)
