"""A browser of the office walks the customer's whole way; nothing is stored, nobody is told (1.14)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from pillar.extensions import db
from pillar.models import AuditEvent, Estimate, EstimateView, Job, Signature
from pillar.permissions import Role
from tests.support import choices
from tests.support.cast import Company
from tests.support.choices import BASIC_WITH_ALL, HAUL, SENSOR
from tests.support.client import PillarClient


@pytest.fixture
def token(acme: Company) -> str:
    """The link of an estimate with three options and two add-ons."""
    return choices.make(acme)


def nothing_stored(company: Company) -> bool:
    with company.scope():
        tables = (Signature, Job, EstimateView)
        counts = [db.session.scalar(select(func.count(table.id))) for table in tables]
        events = set(db.session.scalars(select(AuditEvent.action)))
        status = db.session.scalars(select(Estimate)).one().status.value
        return counts == [0, 0, 0] and not events & {"estimate.accepted", "job.created"} and status == "sent"


@pytest.mark.parametrize("role", [Role.ADMIN, Role.TECHNICIAN])
def test_the_office_walks_the_whole_flow_and_nothing_is_stored(
    acme: Company, token: str, signed_in: Callable[..., PillarClient], role: Role
) -> None:
    office = signed_in(acme, role)
    page = choices.choose(office, token, option="1", addon=[SENSOR, HAUL])
    assert "PREVIEW. You are looking at this as the office. Nothing you do here is saved." in page.text
    assert not page.one("script[src*=quote]").get("data-seen")
    assert choices.sign(office, page, consent=False).status == 422
    done = choices.sign(office, page)
    assert done.status == 200
    assert "PREVIEW. This is what your customer sees after signing. Nothing was saved." in done.text
    assert f", Basic, {BASIC_WITH_ALL}" in done.text
    assert nothing_stored(acme)


def test_view_public_page_is_the_same_preview(
    acme: Company, token: str, signed_in: Callable[..., PillarClient]
) -> None:
    office = signed_in(acme, Role.OFFICE)
    with acme.scope():
        public_id = db.session.scalars(select(Estimate.public_id)).one()
    details = office.page(f"/admin/estimates/{public_id}")
    page = office.page(details.link("View public page"), follow=True)
    assert page.response.request.path == f"/quote/{token}"
    assert "PREVIEW." in page.text


def test_a_preview_stays_one_when_the_session_ends(
    acme: Company, token: str, client: PillarClient, signed_in: Callable[..., PillarClient]
) -> None:
    office = signed_in(acme, Role.OFFICE)
    page = office.page(f"/quote/{token}")
    office.delete_cookie("pillar-staff")
    answer = choices.sign(office, page, consent=False)
    assert answer.status == 422
    assert "PREVIEW." in answer.text
    assert choices.sign(office, answer).status == 200
    assert nothing_stored(acme)
    assert "PREVIEW" not in client.page(f"/quote/{token}").text


def test_a_page_that_was_opened_before_signing_in_signs_nothing(
    acme: Company, token: str, signed_in: Callable[..., PillarClient]
) -> None:
    office = signed_in(acme, Role.OFFICE)
    page = office.page(f"/quote/{token}")
    for field in page.all("[name=preview]"):
        field.decompose()
    assert choices.sign(office, page).status == 200
    assert nothing_stored(acme)


def test_staff_of_another_company_are_customers_here(
    rival: Company, token: str, acme: Company, signed_in: Callable[..., PillarClient]
) -> None:
    visitor = signed_in(rival, Role.ADMIN)
    page = visitor.page(f"/quote/{token}")
    assert "PREVIEW" not in page.text
    assert choices.sign(visitor, page).status == 303
    with acme.scope():
        assert db.session.scalar(select(func.count(Signature.id))) == 1


def test_an_accepted_estimate_is_shown_to_the_office_as_it_is(
    acme: Company, token: str, client: PillarClient, signed_in: Callable[..., PillarClient]
) -> None:
    choices.sign(client, client.page(f"/quote/{token}"))
    page = signed_in(acme, Role.OFFICE).page(f"/quote/{token}")
    assert "PREVIEW." in page.text
    assert "Approved by customer" in page.text
