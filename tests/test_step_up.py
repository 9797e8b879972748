"""The password again before what cannot be taken back (SAFETY: Sessions and roles)."""

from __future__ import annotations

import pyotp
import pytest
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import AuditEvent
from pillar.permissions import Role
from pillar.services import sign_in as proofs
from tests.support.cast import PASSWORD, Company
from tests.support.client import PillarClient
from tests.support.furnished import writing
from tests.support.office import sign_in

CONFIRM = "/admin/confirm"


@pytest.fixture
def manager(acme, client) -> PillarClient:
    """Acme's manager."""
    sign_in(client, acme.staff[Role.MANAGER])
    return client


def test_the_password_opens_what_asked_for_it(acme, manager):
    page = manager.page(f"{CONFIRM}?next=/admin/customers/")
    wrong = manager.submit(page, password="not it")
    assert wrong.status == 422
    assert "That is not your password." in wrong.error_for("password")
    done = manager.submit(wrong, password=PASSWORD)
    assert (done.status, done.location) == (303, "/admin/customers/")
    with acme.scope():
        assert "staff.confirmed" in db.session.scalars(select(AuditEvent.action)).all()


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/portal/acme-hvac", ""])
def test_it_leads_to_no_other_site(manager, target):
    done = manager.submit(manager.page(f"{CONFIRM}?next={target}"), password=PASSWORD)
    assert done.location == "/admin/"


def test_a_code_is_asked_where_the_second_step_is_on(acme: Company, manager):
    with writing(), acme.scope():
        codes = _second_step_on(acme)
    page = manager.page(CONFIRM)
    assert manager.submit(page, password=PASSWORD).status == 422
    assert manager.submit(page, password=PASSWORD, code="000000").status == 422
    assert manager.submit(page, password=PASSWORD, code=codes[0]).status == 303


def _second_step_on(acme: Company) -> list[str]:
    person = acme.staff_row(Role.MANAGER)
    seed = proofs.new_seed()
    return proofs.turn_totp_on(person, seed, pyotp.TOTP(seed).now())
