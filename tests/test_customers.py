"""Customers by form: list, page, contacts, locations, private notes (6.1, 6.2, 6.7, 6.9)."""

from __future__ import annotations

import pytest
from sqlalchemy import event, select

from pillar.extensions import db
from pillar.models import AuditEvent, Contact, Customer
from pillar.models.customer import CustomerKind
from pillar.models.payment_terms import PaymentTerms
from pillar.permissions import Role
from pillar.services import customers
from pillar.services.customer_parts import ContactInput, LocationInput
from pillar.services.customers import CustomerInput
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.office import sign_in
from tests.support.pages import Page

LIST = "/admin/customers/"
NEW = "/admin/customers/new"


@pytest.fixture
def office(acme, client) -> PillarClient:
    """Somebody of Acme's office."""
    sign_in(client, acme.staff[Role.OFFICE])
    return client


def home(company: Company) -> str:
    return f"/admin/customers/{company.customer.public_id}"


def made(page: Page) -> str:
    assert page.status == 303, page
    return page.location


def fill(company: Company, count: int) -> None:
    with company.scope():
        for n in range(count):
            customers.create_customer(
                CustomerInput(display_name=f"Customer {n:03}", tags=["even" if n % 2 == 0 else "odd"]),
                ContactInput(name="A", email=f"c{n}@x.example", phones=[(f"937555{n:04}", "")]),
                LocationInput(
                    street=f"{n} Oak", city="Dayton" if n % 2 else "Xenia", state="OH" if n % 3 else "IN"
                ),
            )
        db.session.commit()


def test_a_customer_is_made_with_a_person_and_a_place(acme, office):
    page = office.page(NEW)
    values = {
        "display_name": "  Green  Door Cafe ",
        "kind": "company",
        "tags": "VIP, vip, café",
        "payment_terms": "net_30",
        "contact-name": "Gwen Green",
        "contact-email": "Gwen@Green.Example",
        "contact-phones-0-raw": "(937) 555-0150",
        "contact-phones-0-type": "mobile",
        "contact-phones-1-raw": "ask for Gwen",
        "location-street": "31 Brown Street",
        "location-city": "Dayton",
        "location-state": "OH",
        "location-postal_code": "45402",
        "location-access_notes": "Gate 4471",
    }
    shown = office.follow(office.submit(page, **values))
    for text in (
        "Green Door Cafe is saved",
        "(937) 555-0150",
        "gwen@green.example",
        "31 Brown Street, Dayton, OH 45402",
    ):
        assert text in shown.text
    assert "We kept “ask for Gwen” as you typed it" in shown.text
    with acme.scope():
        customer = db.session.scalars(
            select(Customer).where(Customer.display_name == "Green Door Cafe")
        ).one()
        assert (customer.kind, customer.payment_terms) == (CustomerKind.COMPANY, PaymentTerms.NET_30)
        assert customer.tags == ["VIP", "café"]
        assert [(p.raw, p.e164, p.type) for p in customer.contacts[0].phones] == [
            ("(937) 555-0150", "+19375550150", "mobile"),
            ("ask for Gwen", "", ""),
        ]
        assert customer.contact_links[0].roles == ["owner", "billing", "approver"]
        actions = db.session.scalars(
            select(AuditEvent.action).where(AuditEvent.action.like("customer.%"))
        ).all()
        assert "customer.created" in actions


def test_a_person_is_their_own_contact(acme, office):
    typed = {"display_name": "Paul Brennan", "contact-email": "paul@brennan.example"}
    shown = office.follow(office.submit(office.page(NEW), **typed))
    assert shown.link("Edit Paul Brennan")


def test_a_name_is_enough(acme, office):
    shown = office.follow(office.submit(office.page(NEW), display_name="Just A. Name"))
    assert "Nobody to talk to yet." in shown.text
    assert "No place to work at yet." in shown.text


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"display_name": ""}, "display_name", "Fill this in."),
        ({"display_name": "x" * 201}, "display_name", "Use at most 200 characters."),
        ({"contact-email": "not an email"}, "contact-email", "Type an email address"),
        ({"tags": ",".join(map(str, range(30)))}, "tags", "Use at most 20 tags"),
        ({"location-access_notes": "ring twice"}, "location-street", "Type at least a street or a city."),
        ({"billing_state": "x" * 51}, "billing_state", "Use at most 50 characters."),
    ],
)
def test_what_is_wrong_is_said_and_everything_typed_stays(acme, office, values, field, sentence):
    typed = {
        "display_name": "Typed Name",
        "contact-name": "Typed Person",
        "billing_city": "Typed City",
        **values,
    }
    page = office.submit(office.page(NEW), **typed)
    assert page.status == 422
    assert sentence in page.error_for(field)
    again = page.form().values()
    assert {name: again[name].strip() for name in typed} == typed
    with acme.scope():
        assert db.session.scalar(select(Customer.id).where(Customer.display_name == "Typed Name")) is None


def test_a_change_keeps_what_was_not_asked_and_is_told(acme, office):
    page = office.page(f"{home(acme)}/edit")
    shown = office.follow(
        office.submit(page, display_name="John M. Mitchell", is_tax_exempt=True, billing_city="Xenia")
    )
    assert "John M. Mitchell is saved" in shown.text
    assert "Pays no sales tax" in shown.text
    with acme.scope():
        customer = acme.customer_row()
        assert len(customer.contacts) == 1
        assert customer.sort_name == "john m. mitchell"
        assert "customer.updated" in db.session.scalars(select(AuditEvent.action)).all()


def test_two_who_change_the_same_customer_do_not_undo_each_other(acme, office):
    mine, yours = office.page(f"{home(acme)}/edit"), office.page(f"{home(acme)}/edit")
    made(office.submit(yours, display_name="Yours"))
    refused = office.submit(mine, display_name="Mine")
    assert refused.status == 422
    assert "Someone else changed this" in refused.text
    assert refused.form().values()["display_name"] == "Mine"


def test_contacts_come_change_and_go(acme, office):
    page = office.page(office.page(home(acme)).link("Add contact"))
    shown = office.follow(
        office.submit(
            page,
            **{
                "name": "Pat Payer",
                "email": "pat@x.example",
                "roles": ["billing"],
                "phones-0-raw": "9375550111",
            },
        )
    )
    assert "Pat Payer Billing" in shown.text
    page = office.page(shown.link("Edit Pat Payer"))
    assert page.form("form.form").values()["phones-0-raw"] == "9375550111"
    shown = office.follow(
        office.submit(
            page.form("form.form"),
            **{"name": "Pat P.", "phones-1-raw": "9375550112", "roles": ["site", "approver"]},
        )
    )
    assert "Pat P. Site, approver" in shown.text
    assert "(937) 555-0112" in shown.text
    edit = office.page(shown.link("Edit Pat P."))
    shown = office.follow(office.submit(edit.form("form.ask")))
    assert "Pat P." not in shown.text
    with acme.scope():
        assert (
            db.session.scalars(select(Contact.deleted_at).where(Contact.name == "Pat P.")).one() is not None
        )
        assert "pat" not in acme.customer_row().search_text


def test_locations_come_change_and_go(acme, office):
    page = office.page(office.page(home(acme)).link("Add location"))
    shown = office.follow(office.submit(page, street="7 Elm", city="Xenia", label="Rental"))
    page = office.page(shown.link("Edit Rental"))
    shown = office.follow(office.submit(page.form("form.form"), street="8 Elm"))
    assert "8 Elm, Xenia" in shown.text
    shown = office.follow(office.submit(office.page(shown.link("Edit Rental")).form("form.ask")))
    assert "8 Elm" not in shown.text
    with acme.scope():
        assert "elm" not in acme.customer_row().search_text


def test_an_address_that_moves_loses_its_pin(acme, office):
    with acme.scope():
        place = acme.location_row()
        place.latitude, place.longitude = 39.7, -84.1
        db.session.commit()
    path = f"{home(acme)}/locations/{acme.location}"
    made(office.submit(office.page(path).form("form.form"), label="Home"))
    with acme.scope():
        assert acme.location_row().latitude == 39.7
    made(office.submit(office.page(path).form("form.form"), street="1 New Street"))
    with acme.scope():
        assert acme.location_row().latitude is None


def test_private_notes_are_written_and_removed(acme, office):
    page = office.page(home(acme))
    shown = office.follow(
        office.submit(page.form('form[action$="/notes"]'), body="Gate 4471\nBeagle, friendly")
    )
    assert "Only your team sees this." in shown.text
    assert "Gate 4471 Beagle, friendly" in shown.text
    assert office.submit(shown.form('form[action$="/notes"]'), body=" ").status == 422
    shown = office.follow(office.submit(shown.form('form[action$="/remove"]')))
    assert "Gate 4471" not in shown.text


def test_a_deleted_customer_leaves_list_and_search_and_comes_back(acme, office):
    page = office.page(home(acme))
    shown = office.follow(office.submit(page.form('form[action$="/delete"]')))
    assert "is deleted. Nothing is lost" in shown.text
    rows = ".table-wrap a.name"
    for query in ("", "?search=mitchell", "?city=dayton", "?place=alder"):
        assert office.page(f"{LIST}{query}").texts(rows) == [], query
    for query in ("", "&search=mitchell", "&city=Dayton", "&place=alder"):
        assert office.page(f"{LIST}?view=deleted{query}").texts(rows) == [acme.customer.name], query
    assert office.get(f"{home(acme)}/edit").status_code == 303
    assert office.get(f"{home(acme)}/contacts/new").status_code == 404
    # Its e-mail and its number are free (39), and it comes back without taking them away from anybody.
    typed = {"display_name": "The Next", "contact-email": acme.customer.email}
    made(office.submit(office.page(NEW), **typed))
    shown = office.page(home(acme))
    shown = office.follow(office.submit(shown.form('form[action$="/restore"]')))
    assert "is back." in shown.text
    assert f"{acme.customer.email} opens another contact" in shown.text
    assert office.page(LIST).texts(rows) == [acme.customer.name, "The Next"]
    with acme.scope():
        access = {str(each.portal_access) for each in db.session.scalars(select(Contact))}
        assert access == {"none", "full"}


def test_the_list_is_narrowed_and_sorted(acme, office):
    fill(acme, 12)
    rows = ".table-wrap a.name"
    assert office.page(LIST).texts(rows)[:2] == ["Customer 000", "Customer 001"]
    assert len(office.page(f"{LIST}?city=Xenia").texts(rows)) == 6
    assert office.page(f"{LIST}?city=Xenia&state=IN").texts(rows) == ["Customer 000", "Customer 006"]
    assert len(office.page(f"{LIST}?tag=odd").texts(rows)) == 6
    assert office.page(f"{LIST}?search=c7@x").texts(rows) == ["Customer 007"]
    assert office.page(f"{LIST}?sort=display_name&desc=1").texts(rows)[0] == acme.customer.name
    assert office.page(f"{LIST}?page=99&sort=x&view=y&cols=z").texts(rows) != []
    assert "Nothing matches" in office.page(f"{LIST}?city=Nowhere&tag=%22").text


def test_a_page_of_the_list_costs_the_same_however_many_rows_it_has(acme, office):
    fill(acme, 4)
    few = queries_for(office, LIST)
    fill(acme, 45)
    assert queries_for(office, LIST) == few
    assert len(office.page(LIST).texts(".table-wrap a.name")) > 5


def queries_for(office: PillarClient, path: str) -> int:
    office.page(path)
    seen: list[str] = []
    engine = db.engine

    def note(_connection, _cursor, statement, *_rest):
        if not statement.startswith(("BEGIN", "PRAGMA", "SET ", "SELECT set_config")):
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        office.page(path)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return len(seen)


def test_who_only_reads_sees_no_buttons_and_may_not_write(acme, client):
    sign_in(client, acme.staff[Role.ACCOUNTANT])
    page = client.page(home(acme))
    assert "Add contact" not in page.text
    assert page.all('main form[method="post"]') == []
    assert "New customer" not in client.page(LIST).text
    assert client.get(NEW).status_code == 403
    assert client.get(f"{home(acme)}/edit").status_code == 403


def test_technicians_see_no_customers(acme, client):
    sign_in(client, acme.staff[Role.TECHNICIAN])
    assert client.get(LIST).status_code == 403
    assert client.get(home(acme)).status_code == 403


PARTS = (
    "",
    "/edit",
    "/contacts/new",
    "/contacts/{contact}",
    "/locations/new",
    "/locations/{location}",
    "/notes",
)
POSTS = ("/delete", "/restore", "/notes", "/contacts/{contact}/remove", "/locations/{location}/remove")


def test_another_companys_customer_is_nowhere(acme, rival, client):
    sign_in(client, rival.staff[Role.ADMIN])
    token = client.page(NEW).form().values()["csrf_token"]
    own, other = home(rival), home(acme)
    ids = {"contact": acme.contact.public_id, "location": acme.location}
    for part in PARTS:
        assert client.get(other + part.format(**ids)).status_code == 404, part
    for part in POSTS:
        assert client.post(other + part.format(**ids), data={"csrf_token": token}).status_code == 404, part
    # Not through a customer of one's own either.
    for part in ("/contacts/{contact}", "/locations/{location}"):
        assert client.get(own + part.format(**ids)).status_code == 404
        assert client.post(f"{own}{part.format(**ids)}/remove", data={"csrf_token": token}).status_code == 404
    for nonsense in ("x", "0" * 22, "%00", "../../x"):
        assert client.get(f"/admin/customers/{nonsense}").status_code == 404
        assert client.get(f"{own}/contacts/{nonsense}").status_code in {404, 308}
    assert acme.customer.name not in client.page(LIST).text
    with acme.scope():
        assert acme.customer_row().deleted_at is None


@pytest.mark.parametrize(
    "typed", ["\0", "\ud800", "\u202eevil", "x" * 5000, "<script>alert(1)</script>", "{{7*7}}", "%s", "'"]
)
def test_no_text_in_any_field_breaks_a_page(acme, office, typed):
    page = office.page(NEW)
    form = page.form()
    text = [
        str(tag["name"])
        for tag in form.controls
        if tag.get("type") not in {"hidden", "checkbox"} and tag.name != "select"
    ]
    data = form.values() | dict.fromkeys((name for name in text if name), typed)
    answer = office.post(
        NEW, data={name: value.encode("utf-8", "surrogatepass") for name, value in data.items()}
    )
    assert answer.status_code in {303, 422}
    assert "<script>alert(1)" not in answer.get_data(as_text=True)
