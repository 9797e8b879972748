"""Templates: kept from an estimate, used for another customer, renamed and deleted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import Estimate, EstimateTemplate
from pillar.permissions import Role
from pillar.services import customers, estimate_templates
from pillar.services.customer_parts import ContactInput, LocationInput
from pillar.services.customers import CustomerInput
from pillar.services.estimate_content import content_of
from pillar.services.estimate_draft import LineInput, OptionInput
from tests.support import estimates as making
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.pages import Page

LIST = "/admin/estimate-templates/"


@pytest.fixture
def office(acme: Company, signed_in: Callable[..., PillarClient]) -> PillarClient:
    """Somebody of Acme's office."""
    return signed_in(acme, Role.OFFICE)


@pytest.fixture
def draft(acme: Company) -> str:
    """The public id of a draft with everything in it."""
    with acme.scope() as tenant:
        estimate = making.draft(
            acme,
            tenant,
            options=(
                OptionInput("Basic", making.LINES, discount_cents=5_00),
                OptionInput("Standard", making.LINES[:1], True, discount_ppm=100_000, reason="Lasts longer"),
            ),
            add_ons=(LineInput("Haul away", 1500, 95_00, scope="To the yard", is_preselected=True),),
            deposit_ppm=250_000,
        )
        db.session.commit()
        return estimate.public_id


def keep(office: PillarClient, public_id: str, name: str) -> Page:
    page = office.page(f"/admin/estimates/{public_id}")
    return office.follow(office.submit(page.form('form[action$="/template"]'), name=name))


def template_id(company: Company, name: str) -> str:
    with company.scope():
        query = select(EstimateTemplate.public_id).where(EstimateTemplate.name == name)
        return db.session.scalars(query).one()


def test_a_template_starts_another_customers_estimate(
    acme: Company, office: PillarClient, draft: str
) -> None:
    assert "The template is saved." in keep(office, draft, "  Heater,  gas ").text
    with acme.scope():
        stored = db.session.scalars(select(EstimateTemplate)).one()
        for private in (
            acme.customer.name,
            acme.contact.email,
            "412 Alder",
            "customer",
            "valid_until",
            "tax_rate",
        ):
            assert private not in stored.body
        dana = customers.create_customer(
            CustomerInput(display_name="Dana Whitfield", is_tax_exempt=True),
            ContactInput(name="Dana Whitfield", email="dana@acme.example"),
            LocationInput(street="1 Elm"),
        ).public_id
        db.session.commit()
    listed = office.page(LIST)
    assert "2 options, 3 lines, 1 add-on" in listed.text
    who = office.page(listed.link("Heater, gas"))
    page = office.page(who.link("Dana Whitfield"))
    values = page.form().values()
    assert (values["title"], values["tax_rate"]) == ("Water heater replacement", "0")
    assert values["terms"] == "Payment is due when the work is done."
    saved = office.submit(page, "save")
    assert saved.status == 303, saved.texts(".problem")
    with acme.scope():
        first, second = db.session.scalars(select(Estimate).order_by(Estimate.id)).all()
        one, other = content_of(first), content_of(second)
        assert other.customer.public_id == dana
        assert other.options == one.options
        assert other.add_ons == one.add_ons
        assert (other.deposit_ppm, other.message) == (250_000, one.message)
        assert (other.contact and other.contact.email, other.tax_rate_ppm) == ("dana@acme.example", 0)


def test_it_is_offered_where_an_estimate_is_written(acme: Company, office: PillarClient, draft: str) -> None:
    new = f"/admin/estimates/new?customer={acme.customer.public_id}"
    assert "Start from a template" not in office.page(new).text
    keep(office, draft, "Heater")
    page = office.page(new)
    started = office.submit(page.form('form[aria-label="Start from a template"]'))
    assert started.form().values()["options-1-label"] == "Standard"
    # What is typed afterwards is not lost to the template again.
    more = office.submit(started, "more:add_ons", title="Mine")
    assert (more.form().values()["title"], more.status) == ("Mine", 200)


def test_a_name_is_needed_and_used_once(
    acme: Company, rival: Company, office: PillarClient, draft: str
) -> None:
    assert "Give the template a name" in keep(office, draft, " ").text
    keep(office, draft, "Heater")
    assert "Another template has this name." in keep(office, draft, "Heater").text
    keep(office, draft, "Boiler")
    renaming = office.page(f"{LIST}{template_id(acme, 'Boiler')}/edit")
    refused = office.submit(renaming, name="Heater")
    assert (refused.status, "Another template has this name." in refused.error_for("name")) == (422, True)
    long = office.submit(renaming, name="x" * 101)
    assert (long.status, "at most 100" in long.error_for("name")) == (422, True)
    assert office.submit(renaming, name="Boiler, 80 gallons").status == 303
    assert "Boiler, 80 gallons" in office.page(f"{LIST}?search=80%20GALLONS").texts("td .name")
    with rival.scope() as tenant:
        estimate_templates.save_as_template(making.draft(rival, tenant), "Heater")
        db.session.commit()


def test_a_deleted_template_leaves_estimates_alone(acme: Company, office: PillarClient, draft: str) -> None:
    keep(office, draft, "Heater")
    public_id = template_id(acme, "Heater")
    gone = office.submit(office.page(LIST).form("form#row"), to=f"{LIST}{public_id}/delete")
    assert "Heater is deleted." in office.follow(gone).text
    new = f"/admin/estimates/new?customer={acme.customer.public_id}"
    assert office.get(f"{new}&template={public_id}").status_code == 404
    assert office.get(f"/admin/estimates/{draft}").status_code == 200


def test_another_companys_templates_are_not_there(
    acme: Company, rival: Company, office: PillarClient, signed_in: Callable[..., PillarClient], draft: str
) -> None:
    keep(office, draft, "Heater")
    public_id = template_id(acme, "Heater")
    theirs = signed_in(rival)
    assert theirs.get(f"{LIST}{public_id}/edit").status_code == 404
    for wanted in (public_id, "x", "A" * 22):
        new = f"/admin/estimates/new?customer={rival.customer.public_id}&template={wanted}"
        assert theirs.get(new).status_code == 404
    assert "Heater" not in theirs.page(LIST).texts("td .name")


def test_readers_do_not_see_them(acme: Company, signed_in: Callable[..., PillarClient]) -> None:
    assert signed_in(acme, Role.ACCOUNTANT).get(LIST).status_code == 403
