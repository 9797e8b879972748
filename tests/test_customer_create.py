"""A new customer from anywhere: enough is enough, nobody twice, back to where one was (6.5)."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from pillar.extensions import db
from pillar.models import Customer
from pillar.permissions import Role
from pillar.services import customers
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.furnished import writing
from tests.support.office import sign_in
from tests.support.pages import Page

NEW = "/admin/customers/new"


@pytest.fixture
def office(acme: Company, client: PillarClient) -> PillarClient:
    """Somebody of Acme's office."""
    sign_in(client, acme.staff[Role.OFFICE])
    return client


def typed(office: PillarClient, query: str = "", **values: str) -> Page:
    return office.submit(office.page(f"{NEW}{query}"), **{"display_name": "Jon Mitchel", **values})


def count(acme: Company) -> int:
    with acme.scope():
        return db.session.scalar(select(func.count(Customer.id))) or 0


ALIKE = [
    ({"contact-email": "JOHN.Mitchell@acme.example"}, "the same email"),
    ({"contact-phones-0-raw": "937.555.0142"}, "the same phone number"),
    ({"contact-phones-1-raw": "+1 937 5550142"}, "the same phone number"),
    ({"display_name": "john  MITCHELL"}, "the same name"),
    ({"display_name": "John Mitchell", "location-street": "412 alder  street"}, "the same name and address"),
    (
        {"display_name": "John Mitchell", "location-street": "1 Oak", "location-postal_code": "45402-1"},
        "address",
    ),
]
DIFFERENT = [
    {},
    {"contact-email": "rae.rival@rival.example", "contact-phones-0-raw": "(937) 555-0177"},
    {"display_name": "John Mitchell", "location-street": "9 Elm", "location-postal_code": "10001"},
    {"display_name": "John Mitchell", "contact-email": "another@x.example"},
    {"contact-phones-0-raw": "ask John"},
    {"location-street": "412 Alder Street"},
]


def test_who_is_here_already_is_shown_first(acme, office):
    for values, reason in ALIKE:
        page = typed(office, **values)
        assert page.status == 422, values
        assert "Looks like John Mitchell" in page.text
        assert reason in page.one(".alike").get_text(" "), values
        assert page.link("Open John Mitchell") == f"/admin/customers/{acme.customer.public_id}"
        assert page.form().values()["display_name"] == values.get("display_name", "Jon Mitchel").replace(
            "  ", " "
        )
    assert count(acme) == 1
    assert office.submit(page, "Create anyway").status == 303
    assert count(acme) == 2


def test_who_only_looks_a_little_alike_is_made(acme, office):
    for number, values in enumerate(DIFFERENT, start=2):
        assert typed(office, **{"display_name": f"Somebody {number}", **values}).status == 303, values
        assert count(acme) == number


def test_deleted_ones_are_nobodys_likeness(acme, office):
    with writing(), acme.scope():
        customers.delete_customer(acme.customer_row())
    assert typed(office, **{"contact-email": acme.customer.email}).status == 303


def test_pressed_twice_it_is_made_once(acme, office):
    page = office.page(NEW)
    first = office.submit(page, display_name="Twice")
    second = office.submit(page, display_name="Twice")
    assert (first.status, second.status) == (303, 303)
    assert first.location == second.location
    assert count(acme) == 2


def test_a_key_of_another_company_tells_nothing(acme, rival, office):
    page = office.page(NEW)
    sent = page.form().filled()
    sent.setlist("display_name", ["Mine"])
    sent.setlist("form_key", [rival.customer.public_id])
    answer = office.post(NEW, data=sent)
    assert answer.status_code == 303
    assert "Rae" not in office.page(answer.location).text


def test_an_estimate_goes_on_with_the_new_customer(acme, office):
    page = office.page("/admin/estimates/new?search=Nora Newman")
    page = office.page(page.link("New customer"))
    assert page.form().values()["display_name"] == "Nora Newman"
    page = office.follow(office.submit(page, **{"contact-email": "nora@x.example"}))
    assert "/admin/estimates/new?customer=" in page.url
    assert "Nora Newman" in page.text
    page = typed(office, "?next=estimate", **{"contact-email": acme.customer.email})
    page = office.page(page.link("Use this one John Mitchell"))
    assert page.url.endswith(f"/admin/estimates/new?customer={acme.customer.public_id}")


FILLED_IN = {
    "a@b.example": "contact-email",
    "(937) 555-0199": "contact-phones-0-raw",
    "Ann B": "display_name",
}


def test_what_was_searched_for_is_filled_in(office):
    for searched, field in FILLED_IN.items():
        assert office.page(f"{NEW}?typed={searched}").form().values()[field] == searched


def test_going_on_leads_to_no_other_site(acme, office):
    answer = typed(office, "?next=https://evil.example&template=//evil.example")
    assert answer.location.startswith("/admin/customers/")
