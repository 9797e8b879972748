"""Each test has a database of its own, and requests share nothing with the test but that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import func, inspect, select
from sqlalchemy.exc import OperationalError

from pillar import clock
from pillar.extensions import csrf, db
from pillar.http.access import PUBLIC, needs
from pillar.models import Customer, StaffUser
from pillar.permissions import Role
from pillar.services import companies
from pillar.tenancy import bind_tenant
from tests.support.bed import Bed, inside
from tests.support.cast import PASSWORD, Company
from tests.support.databases import Kind
from tests.support.site import dump


@pytest.mark.parametrize("time", ["first", "second"])
def test_each_test_starts_with_the_cast_alone(acme: Company, time: str) -> None:
    with acme.scope():
        assert db.session.scalar(select(func.count()).select_from(StaffUser)) == len(Role)
        assert db.session.scalars(select(Customer.display_name)).all() == ["John Mitchell"]
        db.session.add(Customer(display_name="Left Behind"))
        db.session.commit()


def test_both_companies_have_the_same_cast(acme: Company, rival: Company) -> None:
    assert acme.staff[Role.ADMIN].email == "admin@acme.example"
    assert rival.staff[Role.TECHNICIAN].email == "technician@rival.example"
    assert (acme.customer.name, acme.contact.email) == ("John Mitchell", "john.mitchell@acme.example")
    assert (rival.customer.name, rival.contact.email) == ("Rae Rival", "rae.rival@rival.example")
    with rival.scope() as tenant:
        assert tenant.slug == "rival-air"
        assert rival.customer_row().live_locations == [rival.location_row()]
        assert rival.customer_row().contacts == [rival.contact_row()]
        assert rival.staff_row(Role.OFFICE).roles == ["office"]
    assert PASSWORD


@pytest.mark.parametrize("left", ["rows", "a table", "an open transaction"])
def test_whatever_a_test_leaves_is_gone(database: Bed, acme: Company, left: str) -> None:
    """Nothing less than a new copy would do for the schema and for somebody in the middle of something."""
    whole, first = dump(), _newcomer(acme)
    # Whoever is in the middle of something is cut off.
    with suppress(OperationalError), db.engine.connect() as connection:
        connection.exec_driver_sql("UPDATE tenant SET city = 'Troy'")
        if left == "a table":
            connection.exec_driver_sql("CREATE TABLE left_behind (id INTEGER PRIMARY KEY)")
        if left != "an open transaction":
            connection.commit()
        database.reset()
    assert dump() == whole
    assert not inspect(db.engine).has_table("left_behind")
    assert _newcomer(acme) == first


def test_a_scene_is_built_once_and_stands_there_again(database: Bed, acme: Company) -> None:
    built = []

    def build() -> int:
        built.append(_newcomer(acme))
        return built[-1]

    made = database.stage("harness", build)
    whole = dump()
    assert _newcomer(acme) != made
    assert (database.stage("harness", build), built) == (made, [made])
    assert dump() == whole
    _newcomer(acme)
    assert database.stage("harness", build) == made
    assert dump() == whole
    database.reset()
    assert dump() != whole


def _newcomer(company: Company) -> int:
    g.reads_only = False
    with company.scope():
        newcomer = Customer(display_name="New")
        db.session.add(newcomer)
        db.session.commit()
        row_id = newcomer.id
    db.session.rollback()
    g.reads_only = True
    return row_id


@pytest.fixture
def visitor(database: Bed, acme: Company) -> Iterator[FlaskClient]:
    """A client of an application with views that misbehave."""
    with database.another_app() as other:
        _add_views(other, acme.tenant_id)
        with inside(other):
            yield other.test_client()


def test_a_view_that_forgets_to_commit_changes_nothing(visitor: FlaskClient, acme: Company) -> None:
    assert visitor.post("/forgetful").status_code == 200
    with acme.scope() as tenant:
        assert tenant.name == "Acme HVAC"


def test_a_view_that_commits_is_seen_by_the_test(visitor: FlaskClient, acme: Company) -> None:
    with acme.scope() as tenant:
        assert tenant.name == "Acme HVAC"
        assert visitor.post("/careful").status_code == 200
        assert tenant.name == "Renamed"


def test_a_request_sees_nothing_of_the_tests_context(visitor: FlaskClient, acme: Company) -> None:
    g.remembered = "by the test"
    with acme.scope():
        assert visitor.get("/context").get_data(as_text=True) == "nothing"


def test_a_request_is_refused_while_the_test_has_unsaved_changes(visitor: FlaskClient, acme: Company) -> None:
    with acme.scope():
        db.session.add(Customer(display_name="Unsaved"))
        with pytest.raises(AssertionError, match="commit them first"):
            visitor.get("/context")
        db.session.flush()
        with pytest.raises(AssertionError, match="commit them first"):
            visitor.get("/context")
        db.session.commit()
        assert visitor.get("/context").status_code == 200


@pytest.mark.only_on("sqlite", reason="only SQLite has one lock for all writers")
def test_reading_in_the_test_does_not_lock_a_request_out(visitor: FlaskClient, acme: Company) -> None:
    with acme.scope():
        assert acme.customer_row().display_name == "John Mitchell"
        with db.engine.connect() as other_writer:
            other_writer.exec_driver_sql("UPDATE tenant SET city = 'Troy'")
            other_writer.commit()


def test_the_clock_moves_for_requests_too(
    visitor: FlaskClient, set_clock: Callable[[str], None], database: Bed
) -> None:
    set_clock("2026-02-05T15:00:00+00:00")
    assert visitor.get("/clock").get_data(as_text=True) == "2026-02-05T15:00:00+00:00"
    database.reset()
    assert visitor.get("/clock").get_data(as_text=True) > "2026-02-05T15:00:00+00:00"


def test_the_application_uses_the_database_that_the_test_is_named_for(database: Bed, app: Flask) -> None:
    assert db.engine.dialect.name == database.kind
    assert database.kind in Kind


def _add_views(app: Flask, tenant_id: int) -> None:
    @needs(PUBLIC)
    def rename(name: str, *, commits: bool) -> str:
        bind_tenant(db.session(), tenant_id)
        companies.update_settings(companies.current_company(), name=name)
        db.session.flush()
        if commits:
            db.session.commit()
        return "done"

    @needs(PUBLIC)
    def context() -> str:
        return str(g.get("remembered") or g.get("tenant_scope") or "nothing")

    @needs(PUBLIC)
    def now() -> str:
        return clock.now().isoformat()

    csrf.exempt(rename)
    defaults = {"name": "Renamed", "commits": False}
    app.add_url_rule("/forgetful", "forgetful", rename, methods=["POST"], defaults=defaults)
    app.add_url_rule("/careful", "careful", rename, methods=["POST"], defaults=defaults | {"commits": True})
    app.add_url_rule("/context", "context", context)
    app.add_url_rule("/clock", "clock", now)
