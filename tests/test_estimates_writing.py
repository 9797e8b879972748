"""Writing an estimate in the office: what is wrong is said beside the field, and everything typed is kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import select

from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models import Estimate
from pillar.models.customer import Customer
from pillar.permissions import Role
from pillar.services import companies, customers
from pillar.services.customer_parts import ContactInput, LocationInput
from pillar.services.customers import CustomerInput
from tests.support import estimates as making
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.estimates import count, details, press, the_estimate
from tests.support.pages import Form, Page

FIRST_LINE = {
    "title": "Water heater replacement",
    "lines-0-description": "Water heater",
    "lines-0-unit_price": "1,850.00",
}


@pytest.fixture
def office(acme: Company, signed_in: Callable[..., PillarClient]) -> PillarClient:
    """Somebody of Acme's office."""
    return signed_in(acme, Role.OFFICE)


def writing(office: PillarClient, company: Company) -> Form:
    """The empty form for the company's customer."""
    return office.page(f"/admin/estimates/new?customer={company.customer.public_id}").form()


# Writing


def test_the_office_chooses_a_customer_and_writes_a_draft(acme: Company, office: PillarClient) -> None:
    who = office.page("/admin/estimates/new?search=mitch")
    form = office.page(who.link("John Mitchell")).form()
    assert form.values()["contact"] == acme.contact.public_id
    assert form.values()["location"] == acme.location
    saved = office.submit(
        form,
        **FIRST_LINE,
        **{
            "lines-0-scope": "50 gallons",
            "lines-1-description": "Labor",
            "lines-1-quantity": "1.5",
            "lines-1-unit": "hr",
            "lines-1-unit_price": "$120",
            "lines-1-is_taxable": False,
            "tax_rate": "7.25",
            "valid_until": "2099-01-01",
        },
    )
    assert saved.status == 422
    assert "Choose a day within the next five years." in saved.error_for("valid_until")
    saved = office.submit(saved, valid_until="")
    assert saved.status == 303
    page = office.follow(saved)
    assert "The draft is saved. Send it when you are ready." in page.text
    for shown in ("Water heater replacement", "No number until sent", "$180.00", "$2,164.13", "Draft"):
        assert shown in page.text
    stored = the_estimate(acme, saved.location.rsplit("/", 1)[-1])
    assert stored["lines"] == [("Water heater", 1000, 1_850_00, True), ("Labor", 1500, 120_00, False)]
    assert (stored["status"], stored["number"], stored["total"]) == ("draft", None, 2_164_13)
    assert (stored["contact"], stored["location"]) == (acme.contact.public_id, acme.location)
    assert stored["document"] is None


def test_the_companys_tax_and_terms_are_filled_in(acme: Company, office: PillarClient) -> None:
    with acme.scope() as tenant:
        companies.update_settings(tenant, tax_rate_ppm=88_750, default_terms="Half now, half later.")
        db.session.commit()
    values = writing(office, acme).values()
    assert (values["tax_rate"], values["terms"]) == ("8.875", "Half now, half later.")
    with acme.scope():
        acme.customer_row().is_tax_exempt = True
        db.session.commit()
    assert writing(office, acme).values()["tax_rate"] == "0"


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("title", "", "Give it a title"),
        ("title", "x" * 201, "at most 200 characters"),
        ("lines-0-quantity", "1,5", "a number with a point, such as 1.5"),
        ("lines-0-quantity", "", "a number with a point"),
        ("lines-0-quantity", "0", "more than 0"),
        ("lines-0-quantity", "-1", "a number with a point"),
        ("lines-0-quantity", "1e999999", "a number with a point"),
        ("lines-0-unit_price", "-5.00", "A price is 0 or more."),
        ("lines-0-unit_price", "", "dollars and cents"),
        ("lines-0-unit_price", "1.999", "at most two decimals"),
        ("lines-0-unit_price", "100000000", "too large"),
        ("lines-0-description", "", "Say what it is"),
        ("lines-0-description", "x" * 501, "at most 500 characters"),
        ("lines-0-description", "x" * 1_100_000, "at most 500 characters"),
        ("lines-0-scope", "x" * 4_001, "at most 4000 characters"),
        ("lines-0-unit", "x" * 21, "at most 20 characters"),
        ("tax_rate", "seven", "from 0 to 100 percent"),
        ("tax_rate", "101", "from 0 to 100 percent"),
        ("valid_until", "2020-01-01", "That day is over"),
        ("valid_until", "9999-12-31", "within the next five years"),
        ("valid_until", "soon", "Choose a day, such as"),
        ("message", "x" * 5_001, "at most 5000 characters"),
        ("terms", "x" * 50_001, "at most 50000 characters"),
    ],
)
def test_what_is_wrong_is_said_and_everything_typed_is_kept(
    acme: Company, office: PillarClient, field: str, typed: str, sentence: str
) -> None:
    form = writing(office, acme)
    before = count(acme, Estimate)
    wanted = FIRST_LINE | {"lines-0-scope": "Details\nin two lines", "message": "Hello", field: typed}
    answer = office.submit(form, **wanted)
    assert answer.status == 422
    assert sentence in answer.error_for(field)
    assert sentence in answer.one("#errors").get_text(" ")
    kept = answer.form().values()
    assert {name: kept[name].replace("\r\n", "\n") for name in wanted} == wanted
    assert count(acme, Estimate) == before


def test_a_price_of_zero_is_a_price(acme: Company, office: PillarClient) -> None:
    saved = office.submit(writing(office, acme), **(FIRST_LINE | {"lines-0-unit_price": "0"}))
    assert saved.status == 303
    assert the_estimate(acme, saved.location.rsplit("/", 1)[-1])["total"] == 0


def many_lines(form: Form, number: int) -> dict[str, str]:
    values = form.values().to_dict()
    for n in range(number):
        values[f"lines-{n}-description"] = f"Item {n}"
        values[f"lines-{n}-unit_price"] = "1.00"
        values[f"lines-{n}-quantity"] = "1"
    return values | {"title": "Long"}


def test_two_hundred_lines_are_an_estimate_and_one_more_is_too_many(
    acme: Company, office: PillarClient
) -> None:
    form = writing(office, acme)
    path = f"/admin/estimates/new?customer={acme.customer.public_id}"
    too_many = Page(office.post(path, data=many_lines(form, 201)))
    assert too_many.status == 422
    assert "An estimate has at most 200 lines." in too_many.one("#errors").get_text(" ")
    assert too_many.form().values()["lines-200-description"] == "Item 200"
    saved = Page(office.post(path, data=many_lines(form, 200)))
    assert saved.status == 303
    assert len(the_estimate(acme, saved.location.rsplit("/", 1)[-1])["lines"]) == 200


def test_more_lines_keeps_what_was_typed_and_saves_nothing(acme: Company, office: PillarClient) -> None:
    form = writing(office, acme)
    typed = FIRST_LINE | {"lines-0-quantity": "1,5", "lines-1-unit_price": "nonsense", "tax_rate": "x"}
    more = office.submit(form, "More lines", **typed)
    assert more.status == 200
    kept = more.form()
    assert {name: kept.values()[name] for name in typed} == typed
    assert "lines-5-description" in kept.names
    assert "lines-3-description" not in form.names
    assert not more.all("#errors")
    assert count(acme, Estimate) == 0


def test_people_and_places_are_this_customers(acme: Company, rival: Company, office: PillarClient) -> None:
    with acme.scope():
        other = customers.create_customer(
            CustomerInput(display_name="Other Customer"),
            ContactInput(name="Otto Other", email="otto@other.example"),
            LocationInput(label="Shop", street="1 Way", city="Dayton", state="OH", postal_code="45402"),
        )
        strangers = [other.contacts[0].public_id, rival.contact.public_id, "x", "\x00"]
        places = [other.locations[0].public_id, rival.location, "x"]
        db.session.commit()
    values = writing(office, acme).values().to_dict() | FIRST_LINE
    path = f"/admin/estimates/new?customer={acme.customer.public_id}"
    for stranger in strangers:
        answer = Page(office.post(path, data=values | {"contact": stranger}))
        assert answer.status == 422
        assert answer.error_for("contact") == "Choose one of this customer's contacts."
    for place in places:
        answer = Page(office.post(path, data=values | {"location": place}))
        assert answer.status == 422
        assert answer.error_for("location") == "Choose one of this customer's places."
    assert count(acme, Estimate) == 0
    assert Page(office.post(path, data=values | {"contact": "", "location": ""})).status == 303


def test_the_services_say_no_as_well(acme: Company) -> None:
    with acme.scope() as tenant:
        other = customers.create_customer(
            CustomerInput(display_name="Other"),
            ContactInput(name="Otto", email="otto@other.example"),
            LocationInput(street="1 Way"),
        )
        db.session.flush()
        for wrong, sentence in [
            ({"contact": other.contacts[0]}, "this customer's contacts"),
            ({"location": other.locations[0]}, "this customer's places"),
            ({"title": ""}, "title"),
            ({"lines": making.LINES * 101}, "at most 200 lines"),
            ({"valid_until": date(2020, 1, 1)}, "over"),
        ]:
            with pytest.raises(RuleViolation, match=sentence):
                making.draft(acme, tenant, **wrong)
            db.session.rollback()
            other = db.session.scalars(select(Customer)).first() or other


@pytest.mark.parametrize("customer", ["x" * 22, "x", "\x00", "%00", "1"])
def test_nobody_writes_for_a_customer_that_is_not_there(office: PillarClient, customer: str) -> None:
    assert office.get("/admin/estimates/new", query_string={"customer": customer}).status_code == 404


def test_another_companys_estimates_and_customers_are_not_there(
    acme: Company, rival: Company, office: PillarClient
) -> None:
    theirs = making.make_draft(rival)
    ours = making.make_draft(acme)
    assert office.get(f"/admin/estimates/new?customer={rival.customer.public_id}").status_code == 404
    token = details(office, ours).all("input[name=csrf_token]")[0]["value"]
    for path in ("", "/edit", "/preview"):
        assert office.get(f"/admin/estimates/{theirs}{path}").status_code == 404
    for path in ("send", "send-again", "withdraw", "extend", "decline", "job", "delete", "edit"):
        answer = office.post(f"/admin/estimates/{theirs}/{path}", data={"csrf_token": token})
        assert answer.status_code == 404, path
    assert "Water heater" in office.page("/admin/estimates/").text
    assert len(office.page("/admin/estimates/").all("tbody tr")) == 1
    assert the_estimate(rival, theirs)["status"] == "draft"


# Changing a draft


def test_a_draft_is_changed_until_it_is_sent(acme: Company, office: PillarClient) -> None:
    draft = making.make_draft(acme)
    form = office.page(f"/admin/estimates/{draft}/edit").form()
    assert form.values()["lines-0-unit_price"] == "1850.00"
    assert form.values()["tax_rate"] == "7.25"
    saved = office.submit(form, **{"lines-0-unit_price": "1,900", "title": "Bigger heater"})
    assert saved.status == 303
    stored = the_estimate(acme, draft)
    assert stored["title"] == "Bigger heater"
    assert stored["lines"][0] == ("Water heater replacement", 1000, 1_900_00, True)
    press(office, draft, "send")
    turned_away = office.get(f"/admin/estimates/{draft}/edit", follow_redirects=True)
    assert "sent already" in Page(turned_away).text
    assert Page(office.post(f"/admin/estimates/{draft}/edit", data=form.values())).status == 303
    assert the_estimate(acme, draft)["title"] == "Bigger heater"


def test_two_people_who_edit_the_same_draft_notice(acme: Company, office: PillarClient) -> None:
    draft = making.make_draft(acme)
    first = office.page(f"/admin/estimates/{draft}/edit").form()
    second = office.page(f"/admin/estimates/{draft}/edit").form()
    # Only the words of a line: no amount and no title changes.
    assert office.submit(first, **{"lines-0-scope": "From the first"}).status == 303
    lost = office.submit(second, **{"lines-0-scope": "From the second"})
    assert lost.status == 422
    assert "Someone else changed this estimate" in lost.one("#errors").get_text(" ")
    assert lost.form().values()["lines-0-scope"] == "From the second"


def test_nobody_sends_what_somebody_else_changed_meanwhile(acme: Company, office: PillarClient) -> None:
    draft = making.make_draft(acme)
    seen = details(office, draft)
    form = office.page(f"/admin/estimates/{draft}/edit").form()
    assert office.submit(form, **{"lines-0-scope": "Changed"}).status == 303
    page = office.follow(office.submit(seen.form('form[action$="/send"]')))
    assert "Someone else changed this estimate" in page.text
    assert the_estimate(acme, draft)["status"] == "draft"
    page = office.follow(office.submit(page.form('form[action$="/send"]')))
    assert the_estimate(acme, draft)["status"] == "sent"


def test_a_draft_is_deleted_and_what_was_sent_is_not(acme: Company, office: PillarClient) -> None:
    draft, other = making.make_draft(acme), making.make_draft(acme)
    page = press(office, draft, "delete")
    assert "is deleted" in page.text
    assert office.get(f"/admin/estimates/{draft}").status_code == 404
    stale = details(office, other).form('form[action$="/delete"]')
    press(office, other, "send")
    assert "Withdraw it instead" in office.follow(office.submit(stale)).text
    assert the_estimate(acme, other)["status"] == "sent"
