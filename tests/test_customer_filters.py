"""The list of customers narrowed: filters x search x order, saved views, columns, several at once (6.4, 6.7)."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, func, select, update

from pillar.extensions import db
from pillar.models import Customer, CustomerFacet, ListView, ServiceLocation
from pillar.models.customer_facet import FacetKind
from pillar.permissions import Role
from pillar.services import customer_list, customer_parts, customers
from pillar.services.customer_list import Shown, Wanted
from pillar.services.customer_parts import ContactInput, LocationInput
from pillar.services.customers import CustomerInput
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.furnished import writing
from tests.support.office import sign_in
from tests.support.pages import Page

LIST = "/admin/customers/"
ROWS = ".table-wrap a.name"
# name, city, state, street, tags, status
PEOPLE = (
    ("Ann Oak", "Dayton", "OH", "1 Alder Street", ["VIP"], "active"),
    ("Bea Oak", "Dayton", "OH", "2 Birch Street", ["rental"], "inactive"),
    ("Cid Elm", "Xenia", "OH", "3 Alder Street", ["VIP", "rental"], "active"),
    ("Dan Elm", "Richmond", "IN", "4 Cedar Street", [], "active"),
)


@pytest.fixture
def street(acme: Company) -> Company:
    """Four customers beside John Mitchell of Dayton, OH."""
    with writing(), acme.scope():
        for name, city, state, line, tags, status in PEOPLE:
            made = customers.create_customer(
                CustomerInput(name, tags=tags),
                ContactInput(name=name, email=f"{name[:3].lower()}@x.example"),
                LocationInput(street=line, city=city, state=state, postal_code="45402", label="Home"),
            )
            made.status = status
        # A second place in the same city makes nobody stand twice.
        customer_parts.add_location(made, LocationInput(street="5 Oak", city="richmond", state="IN"))
    return acme


@pytest.fixture
def office(street: Company, client: PillarClient) -> PillarClient:
    """Somebody of Acme's office."""
    sign_in(client, street.staff[Role.OFFICE])
    return client


def initials(page: Page) -> str:
    return "".join(name[0] for name in page.texts(ROWS))


NARROWED = (
    ("", "ABCDJ"),
    ("city=dayton", "ABJ"),
    ("city=DAYTON&sort=display_name&desc=1", "JBA"),
    ("city=Dayton&sort=created_at", "JAB"),
    ("city=Day", ""),
    ("state=oh", "ABCJ"),
    ("state=IN&city=Richmond", "D"),
    ("tag=vip", "AC"),
    ("tag=VIP&city=Dayton", "A"),
    ("tag=VIP&tag=rental", "AC"),
    ("tag=rental&state=OH&city=xenia", "C"),
    ("place=alder", "ACJ"),
    ("place=alder street&city=Xenia", "C"),
    ("place=45402&tag=rental", "BC"),
    ("place=home&sort=created_at&desc=1", "DCBAJ"),
    ("place=ann", ""),
    ("search=oak", "ABD"),
    ("search=oak&city=dayton", "AB"),
    ("search=oak&tag=VIP", "A"),
    ("search=elm&place=alder", "C"),
    ("search=elm&sort=created_at&desc=1", "DC"),
    ("view=active", "ACDJ"),
    ("view=inactive", "B"),
    ("view=inactive&city=Dayton", "B"),
    ("view=active&city=Dayton", "AJ"),
    ("view=active&search=oak", "AD"),
    ("view=deleted", ""),
    ("city=%00%27", ""),
    ("city=%00", "ABCDJ"),
    ("city=%F0%9F%92%A9&tag=%25", ""),
    ("tag=" + "x" * 5000, ""),
)


def test_the_list_is_narrowed(office):
    for query, shown in NARROWED:
        assert initials(office.page(f"{LIST}?{query}")) == shown, query


def test_filters_are_chips_that_come_off(office):
    page = office.page(f"{LIST}?city=Dayton&tag=VIP&sort=created_at&search=oak")
    assert [chip.split(" (")[0] for chip in page.texts(".chips a")] == ["City: Dayton", "Tag: VIP"]
    page = office.page(page.link("Tag: VIP (take it off)"))
    assert initials(page) == "AB"
    assert page.texts(".chips a") == ["City: Dayton (take it off)"]
    assert initials(office.page(page.link("Clear"))) == "JABCD"


def test_the_form_keeps_what_it_does_not_ask(office):
    page = office.page(f"{LIST}?sort=created_at&cols=display_name,city&city=Dayton")
    page = office.submit(page.form("form.flow"), city="Xenia", view="active")
    assert initials(page) == "C"
    assert page.texts("thead th")[1:-1] == ["Customer", "City"]
    assert "sort=created_at" in page.url


def test_columns_are_chosen(office):
    page = office.page(f"{LIST}?city=dayton")
    page = office.submit(page.form("#columns form"), col=["display_name", "email", "state"])
    assert page.texts("thead th")[1:-1] == ["Customer", "Email", "State"]
    assert "ann@x.example" in page.texts("tbody td")
    assert initials(page) == "ABJ"


def test_the_database_keeps_the_filters_itself(street, app):
    """Whatever writes: services, statements, a removed place, another name, a removed row."""
    with writing(), street.scope():
        dan = db.session.scalars(select(Customer).where(Customer.display_name == "Dan Elm")).one()
        assert facets_of(dan) == {("city", "richmond"), ("state", "in")}
        first, second = dan.locations
        customer_parts.remove_location(first)
        assert facets_of(dan) == {("city", "richmond"), ("state", "in")}
        customer_parts.update_location(second, LocationInput(street="5 Oak", city="Gary", state="in"))
        db.session.flush()
        assert facets_of(dan) == {("city", "gary"), ("state", "in")}
        customers.update_customer(dan, CustomerInput("Zoe Elm", tags=["VIP", "vip", "ÉTÉ"]))
        db.session.flush()
        assert facets_of(dan) == {
            ("city", "gary"),
            ("state", "in"),
            ("tag", "vip"),
            ("tag", "ÉtÉ".replace("t", "t")),
        }
        assert set(db.session.scalars(of(dan, CustomerFacet.sort_name))) == {"zoe elm"}
        customers.delete_customer(dan)
        db.session.flush()
        assert set(db.session.scalars(of(dan, CustomerFacet.is_deleted))) == {True}
        db.session.execute(update(ServiceLocation).where(ServiceLocation.id == second.id).values(city=""))
        assert ("city", "gary") not in facets_of(dan)
        db.session.execute(delete(ServiceLocation).where(ServiceLocation.customer_id == dan.id))
        assert {kind for kind, _value in facets_of(dan)} == {"tag"}


def of(customer: Customer, column):
    return select(column).where(CustomerFacet.customer_id == customer.id)


def facets_of(customer: Customer) -> set[tuple[str, str]]:
    query = select(CustomerFacet.kind, CustomerFacet.value).where(CustomerFacet.customer_id == customer.id)
    return {(str(kind), value) for kind, value in db.session.execute(query)}


def test_typing_a_filter_is_helped(office, rival, new_client):
    assert office.get(f"{LIST}values?of=city&typed=").json == ["dayton", "richmond", "xenia"]
    assert office.get(f"{LIST}values?of=city&typed=RI").json == ["richmond"]
    assert office.get(f"{LIST}values?of=tag&typed=v").json == ["vip"]
    assert office.get(f"{LIST}values?of=name&typed=v").status_code == 404
    client = new_client()
    sign_in(client, rival.staff[Role.OFFICE])
    assert client.get(f"{LIST}values?of=tag&typed=").json == []


def test_a_filter_asks_the_index_and_not_the_customers(street, app):
    """What makes it fast at a million rows: a page and its count come from the filter's own index."""
    with street.scope():
        for wanted in (
            Wanted(city="Dayton"),
            Wanted(tag="VIP", city="Dayton"),
            Wanted(Shown.DELETED, state="OH"),
        ):
            sql = str(customer_list.keys(wanted).query)
            assert "FROM customer_facet" in sql
            assert "FROM customer \n" not in sql
        assert db.session.scalar(select(func.count()).select_from(CustomerFacet)) > 8
        assert customer_list.values(FacetKind.STATE, "i") == ["in"]


# Saved views


def save(client: PillarClient, query: str, name: str, **more: str) -> Page:
    page = client.page(f"{LIST}?{query}")
    return client.submit(page.form("#save-view form"), name=name, **more)


def test_a_view_is_kept_changed_and_forgotten(office, street):
    answer = save(office, "city=Dayton&sort=created_at&desc=1&cols=display_name,tags&page=1", "Dayton  first")
    page = office.follow(answer)
    assert "“Dayton first” is saved." in page.text
    assert page.texts(".tabs a[aria-current]") == ["Dayton first"]
    assert initials(page) == "BAJ"
    # Its tab from anywhere, its bare address, and beside the standing ones.
    page = office.page(office.page(LIST).link("Dayton first"))
    assert initials(page) == "BAJ"
    saved = page.url.split("saved=")[1].split("&")[0]
    assert initials(office.follow(office.page(f"{LIST}?saved={saved}", status=303))) == "BAJ"
    assert "Save changes" not in page.text
    page = office.page(page.url.replace("city=Dayton", "city=Xenia"))
    page = office.follow(
        office.submit(page.form('form:has(button[value="replace"])'), "Save changes to “Dayton first”")
    )
    assert initials(page) == "C"
    page = office.follow(
        office.submit(page.form("#change-view form:has([name=name])"), "Rename", name="Xenia")
    )
    assert page.texts(".tabs a[aria-current]") == ["Xenia"]
    page = office.follow(office.submit(page.form('form:has(button[value="delete"])'), "Delete view"))
    assert "Xenia" not in page.texts(".tabs a")
    assert save(office, "", " ").status == 303
    with street.scope():
        assert db.session.scalars(select(ListView)).all() == []


def test_views_are_ones_own_or_everybodys(office, street, rival, new_client):
    mine = office.follow(save(office, "tag=VIP", "Mine"))
    ours = office.follow(save(office, "tag=rental", "Ours", shared="1"))
    keys = {page.url.split("saved=")[1].split("&")[0]: page for page in (mine, ours)}
    key_of_mine, key_of_ours = keys
    reader, manager, stranger = new_client(), new_client(), new_client()
    sign_in(reader, street.staff[Role.ACCOUNTANT])
    sign_in(manager, street.staff[Role.MANAGER])
    sign_in(stranger, rival.staff[Role.ADMIN])
    assert {"Mine", "Ours"} & set(reader.page(LIST).texts(".tabs a")) == {"Ours"}
    assert reader.get(f"{LIST}?saved={key_of_mine}").status_code == 404
    # Who may not share keeps views for themselves, and changes nobody else's.
    assert reader.page(LIST).all("#save-view [name=shared]") == []
    theirs = reader.follow(save(reader, "city=Xenia", "Reader's"))
    assert "Reader's" not in office.page(LIST).texts(".tabs a")
    assert theirs.texts(".tabs a[aria-current]") == ["Reader's"]
    shown = reader.page(reader.page(LIST).link("Ours"))
    assert shown.all("#change-view") == []
    token = str(shown.all("input[name=csrf_token]")[0]["value"])
    reader.post(f"{LIST}views/{key_of_ours}", data={"csrf_token": token, "do": "delete"})
    assert "Ours" in manager.page(LIST).texts(".tabs a")
    page = manager.page(manager.page(LIST).link("Ours"))
    manager.submit(page.form('form:has(button[value="delete"])'), "Delete view")
    assert "Ours" not in office.page(LIST).texts(".tabs a")
    # Another company's is as absent as one that never was.
    token = str(stranger.page(LIST).all("input[name=csrf_token]")[0]["value"])
    for key in (key_of_mine, "A" * 22, "x"):
        assert stranger.get(f"{LIST}?saved={key}").status_code == 404
        for do in ("rename", "replace", "delete"):
            data = {"csrf_token": token, "do": do, "name": "x"}
            assert stranger.post(f"{LIST}views/{key}", data=data).status_code == 404
    assert "Mine" in office.page(LIST).texts(".tabs a")


# Several at once


def tick(office: PillarClient, query: str, press: str) -> Page:
    page = office.page(f"{LIST}?{query}")
    ids = [str(box["value"]) for box in page.all("input[name=rowid]")]
    form = page.form("#bulk")
    return office.submit(form, press, rowid=ids)


def test_several_are_deleted_and_brought_back(office):
    asked = tick(office, "tag=VIP", "Delete…")
    assert asked.status == 200
    assert asked.texts(".rows div") == ["Ann Oak", "Cid Elm"]
    assert initials(office.page(LIST)) == "ABCDJ"
    page = office.follow(office.submit(asked.form("form.form")))
    assert "Deleted 2 customers." in page.text
    assert initials(office.page(LIST)) == "BDJ"
    page = office.follow(tick(office, "view=deleted", "Restore"))
    assert "Restored 2 customers." in page.text
    assert initials(office.page(LIST)) == "ABCDJ"
    assert (
        "Tick at least one row first."
        in office.follow(office.submit(office.page(LIST).form("#bulk"), "Delete…")).text
    )


def test_several_are_tagged(office):
    asked = tick(office, "city=Dayton", "Add a tag…")
    assert "Type a tag." in office.follow(office.submit(asked.form("form.form"), tags=" ")).text
    page = office.follow(office.submit(asked.form("form.form"), tags="Spring 2026, vip"))
    assert "Tagged 3 customers." in page.text
    assert initials(office.page(f"{LIST}?tag=spring 2026")) == "ABJ"
    assert initials(office.page(f"{LIST}?tag=vip")) == "ABCJ"
