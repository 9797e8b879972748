"""The list as a file: what is in it, what never is, who may have it, any size (6.2, 6.7, SAFETY: step-up)."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from itertools import product

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from pillar import clock
from pillar.admin.step_up import STEP_UP_LIFE
from pillar.extensions import db
from pillar.models import AuditEvent
from pillar.permissions import Role
from pillar.services import customer_export, customer_list, customers, phone_calls
from pillar.services.customer_export import Order
from pillar.services.customer_list import Wanted
from pillar.services.customer_parts import ContactInput, LocationInput
from pillar.services.customers import CustomerInput
from pillar.services.phone_calls import CallInput
from tests.support.cast import PASSWORD, Company
from tests.support.client import PillarClient
from tests.support.furnished import writing
from tests.support.office import sign_in

EXPORT = "/admin/customers/export"
SECRETS = ("Gate 4471", "Key under the mat", "Shouted on the phone")


@pytest.fixture
def crowd(acme: Company) -> Company:
    """John Mitchell, a formula, and what only the staff may know."""
    with writing(), acme.scope():
        made = customers.create_customer(
            CustomerInput('=HYPERLINK("http://evil","x")', tags=["VIP", "@tag"], source="Phone"),
            ContactInput(
                name="+1+1", email="boss@x.example", phones=[("(937) 555-0150", ""), ("9375550151", "")]
            ),
            LocationInput(street="-2 Alder", city="Xenia", state="OH", access_notes=SECRETS[1]),
        )
        customers.add_note(made, SECRETS[0], acme.staff_row())
        phone_calls.log_call(made, CallInput("in", clock.now(), notes=SECRETS[2]), acme.staff_row())
    return acme


@pytest.fixture
def manager(crowd: Company, client: PillarClient) -> PillarClient:
    """Acme's manager, who has just given the password again."""
    sign_in(client, crowd.staff[Role.MANAGER])
    client.submit(client.page("/admin/confirm"), password=PASSWORD)
    return client


def download(client: PillarClient, query: str = "", **said: str) -> bytes:
    page = client.page(f"{EXPORT}?{query}")
    answer = client.post(f"{EXPORT}?{query}", data=page.form().filled(None, **said))
    assert answer.status_code == 200, answer.text
    return answer.data


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def test_a_csv_has_what_is_known_and_no_live_formula(manager, crowd):
    data = download(manager)
    formula, john = rows_of(data)
    assert formula["Name"] == '\'=HYPERLINK("http://evil","x")'
    assert (formula["Contact name"], formula["Street"]) == ("'+1+1", "'-2 Alder")
    assert (formula["Phone"], formula["Other phone"]) == ("(937) 555-0150", "(937) 555-0151")
    assert (formula["Tags"], formula["City"], formula["Status"]) == ("VIP, @tag", "Xenia", "active")
    assert (john["Name"], john["Email"], john["ZIP"]) == ("John Mitchell", crowd.customer.email, "45402")
    assert not any(secret.encode() in data for secret in SECRETS)
    assert crowd.customer.public_id.encode() not in data
    with crowd.scope():
        assert "customer.exported" in db.session.scalars(select(AuditEvent.action)).all()


def test_an_xlsx_has_the_same_as_text(manager):
    book = load_workbook(io.BytesIO(download(manager, **{"as": "xlsx"})))
    heads, formula, john = (tuple(cell.value for cell in row) for row in book.active.iter_rows())
    assert list(heads) == list(customer_export.FIELDS)
    assert formula[0].startswith("'=HYPERLINK")
    assert {cell.data_type for row in book.active.iter_rows() for cell in row} <= {"inlineStr", "s", "n"}
    assert john[0] == "John Mitchell"
    assert not any(secret in str((formula, john)) for secret in SECRETS)


SHOWN = [
    ("city=xenia", "="),
    ("search=mitchell", "J"),
    ("view=deleted", ""),
    ("sort=created_at", "J="),
    ("sort=display_name&desc=1", "J="),
    ("tag=vip&sort=created_at&desc=1", "="),
    ("city=Nowhere", ""),
]


def test_it_is_the_list_that_is_shown(manager):
    wanted = ["Name", "Phone", "Street", "City", "State", "ZIP", "Tags", "Added"]
    for query, names in SHOWN:
        rows = rows_of(download(manager, query, fields="shown"))
        assert "".join(row["Name"].lstrip("'")[0] for row in rows) == names, query
        assert all(list(row) == wanted for row in rows)


def test_every_row_is_in_it_once_on_any_number_of_pages(crowd):
    with crowd.scope():
        for n in range(11):
            place = LocationInput(street="1 Oak", state="OH")
            customers.create_customer(CustomerInput(f"Twin {n // 4}"), None, place)
        for wanted, count in ((Wanted(), 13), (Wanted(state="oh"), 13), (Wanted(search="twin"), 11)):
            for by_name, is_descending in product((True, False), (True, False)):
                seen = names_of(wanted, Order(by_name=by_name, is_descending=is_descending))
                assert len(seen) == count, (wanted, by_name)
                if by_name:
                    assert seen == sorted(seen, key=str.lower, reverse=is_descending)
                else:
                    assert seen[-1 if is_descending else 0] in {"John Mitchell", "Twin 0"}
        db.session.rollback()


def names_of(wanted: Wanted, order: Order) -> list[str]:
    keys, after, seen = customer_list.keys(wanted), None, []
    while True:
        rows, after = customer_export.rows_after(keys, order, ["Name"], after, size=3)
        if after is None:
            return seen
        seen += [row[0] for row in rows]


def test_only_who_may_gets_it_and_only_after_the_password(crowd, new_client, set_clock, app):
    for role in (Role.OFFICE, Role.ACCOUNTANT, Role.TECHNICIAN):
        client = new_client()
        sign_in(client, crowd.staff[role])
        assert client.get(EXPORT).status_code == 403
    admin, elsewhere = new_client(), new_client()
    for client in (admin, elsewhere):
        sign_in(client, crowd.staff[Role.ADMIN])
    asked = admin.page(f"{EXPORT}?tag=VIP", status=303)
    assert asked.location.startswith("/admin/confirm?next=/admin/customers/export")
    page = admin.follow(admin.submit(admin.page(asked.location), password=PASSWORD))
    assert "1 customer, tag: VIP" in page.text
    # The other browser of the same person, and the same one ten minutes later, are asked again.
    assert elsewhere.get(EXPORT).status_code == 303
    assert len(rows_of(download(admin, "tag=VIP"))) == 1
    set_clock(f"+{int((STEP_UP_LIFE + timedelta(seconds=1)).total_seconds())}s")
    sent = admin.submit(page.form())
    assert sent.status == 303
    assert "again=1" in sent.location
    back = admin.submit(admin.page(sent.location), password=PASSWORD)
    assert back.location == "/admin/customers/export?tag=VIP"
    assert "press the button once more" in admin.follow(back).text


def test_nothing_of_another_company_is_in_it(crowd, rival, new_client):
    client = new_client()
    sign_in(client, rival.staff[Role.ADMIN])
    client.submit(client.page("/admin/confirm"), password=PASSWORD)
    assert [row["Name"] for row in rows_of(download(client))] == [rival.customer.name]
    assert rows_of(download(client, "tag=VIP")) == rows_of(download(client, "search=mitchell")) == []
