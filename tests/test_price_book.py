"""The price book: kept by admins and managers, read by whoever writes estimates, and its cost never leaves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models import AuditEvent, PriceBookItem
from pillar.permissions import Role
from pillar.services import price_book
from pillar.services.price_book import ItemInput
from tests.support.cast import Company
from tests.support.client import PillarClient

BOOK = "/admin/price-book/"
HEATER = ItemInput(
    code="wh-50",
    name="Water heater, 50 gallons",
    description="Gas, 40,000 BTU",
    price_cents=1_850_00,
    unit="each",
    cost_cents=912_34,
    manufacturer="Rheem",
    model="XG50T",
    warranty_months=72,
)
COST = "912.34"


def make(company: Company, **changes: Any) -> str:
    """Put an item into the book; its public id."""
    with company.scope():
        values = {name: getattr(HEATER, name) for name in HEATER.__slots__} | changes
        public_id = price_book.create_item(ItemInput(**values)).public_id
        db.session.commit()
    return public_id


def stored(company: Company, public_id: str) -> PriceBookItem | None:
    return db.session.scalars(select(PriceBookItem).where(PriceBookItem.public_id == public_id)).one_or_none()


@pytest.fixture
def manager(acme: Company, signed_in: Callable[..., PillarClient]) -> PillarClient:
    """Somebody who keeps the book."""
    return signed_in(acme, Role.MANAGER)


def test_an_item_is_written_found_changed_and_deleted(acme: Company, manager: PillarClient) -> None:
    form = manager.page(f"{BOOK}new").form()
    saved = manager.submit(
        form,
        code="wh-50",
        name="Water heater",
        price_cents="1,850.00",
        cost_cents=COST,
        unit="each",
        manufacturer="Rheem",
        model="XG50T",
        warranty_months="72",
    )
    assert saved.status == 303, saved.texts(".problem")
    page = manager.follow(saved)
    for shown in ("WH-50", "Water heater", "$1,850.00", f"${COST}", "Rheem", "XG50T", "72"):
        assert shown in page.text
    assert "Water heater" in manager.page(f"{BOOK}?search=xg50").text
    assert "Nothing matches" in manager.page(f"{BOOK}?search=boiler").text
    public_id = saved.location.rsplit("/", 1)[-1]
    changed = manager.submit(manager.page(f"{BOOK}{public_id}/edit"), name="Heater", is_active=False)
    assert changed.status == 303
    assert manager.page(BOOK).texts("td") == []
    assert "Heater" in manager.page(f"{BOOK}?view=retired").text
    listing = manager.page(f"{BOOK}?view=retired")
    gone = manager.submit(listing.form("form#row"), to=f"{BOOK}{public_id}/delete")
    assert gone.status == 303
    with acme.scope():
        assert stored(acme, public_id) is None
        actions = db.session.scalars(
            select(AuditEvent.action).where(AuditEvent.action.like("price_book.%")).order_by(AuditEvent.n)
        ).all()
    assert actions == [f"price_book.item_{what}" for what in ("created", "changed", "deleted")]


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("code", "", "Fill this in."),
        ("code", "x" * 41, "at most 40 characters"),
        ("name", "", "Fill this in."),
        ("name", "x" * 201, "at most 200 characters"),
        ("price_cents", "", "Fill this in."),
        ("price_cents", "1,5", "dollars and cents"),
        ("price_cents", "-1", "An amount is 0 or more."),
        ("price_cents", "999999999999", "too large"),
        ("cost_cents", "-0.01", "An amount is 0 or more."),
        ("unit", "x" * 21, "at most 20 characters"),
        ("warranty_months", "-1", "from 0 to 1200"),
        ("warranty_months", "1201", "from 0 to 1200"),
        ("warranty_months", "six", "Type a whole number."),
        ("description", "x" * 1_000_000, "at most 4000 characters"),
    ],
)
def test_what_is_wrong_is_said_and_kept(manager: PillarClient, field: str, typed: str, sentence: str) -> None:
    form = manager.page(f"{BOOK}new").form()
    wanted = {"code": "A-1", "name": "Thing", "price_cents": "5"} | {field: typed}
    answer = manager.submit(form, **wanted)
    assert answer.status == 422
    assert sentence in answer.error_for(field)
    kept = answer.form().values()
    assert {name: kept[name] for name in wanted} == wanted


def test_a_code_is_used_once_whatever_its_case(acme: Company, rival: Company, manager: PillarClient) -> None:
    first = make(acme)
    answer = manager.submit(manager.page(f"{BOOK}new"), code="Wh-50", name="Other", price_cents="1")
    assert answer.status == 422
    assert "Another item has this code. Give this one a code of its own." in answer.error_for("code")
    other = make(acme, code="WH-60")
    renamed = manager.submit(manager.page(f"{BOOK}{other}/edit"), code="wh-50")
    assert renamed.status == 422
    with acme.scope():
        assert db.session.scalar(select(func.count(PriceBookItem.id))) == 2
        item = stored(acme, first)
        assert item is not None
        assert item.code == "WH-50"
    # Another company has codes of its own.
    assert make(rival)


def test_two_people_do_not_overwrite_each_other(acme: Company, manager: PillarClient) -> None:
    public_id = make(acme)
    first, second = (manager.page(f"{BOOK}{public_id}/edit").form() for _ in range(2))
    assert manager.submit(first, name="First").status == 303
    lost = manager.submit(second, name="Second")
    assert (lost.status, "Someone else changed this" in lost.text) == (422, True)


def test_the_office_reads_and_does_not_write(acme: Company, signed_in: Callable[..., PillarClient]) -> None:
    public_id = make(acme)
    office = signed_in(acme, Role.OFFICE)
    page = office.page(BOOK)
    assert "Water heater" in page.text
    assert "New item" not in page.text
    assert not page.all("[popovertarget^=row-]")
    token = {"csrf_token": str(page.all('[name="csrf_token"]')[0]["value"])}
    for path in ("new", f"{public_id}/edit", f"{public_id}/delete"):
        assert office.post(f"{BOOK}{path}", data=token).status_code == 403
    assert signed_in(acme, Role.ACCOUNTANT).get(BOOK).status_code == 403


def test_another_companys_items_are_not_there(
    acme: Company, rival: Company, signed_in: Callable[..., PillarClient]
) -> None:
    public_id = make(acme)
    client = signed_in(rival)
    for path in (public_id, f"{public_id}/edit"):
        assert client.get(f"{BOOK}{path}").status_code == 404
    assert "Water heater" not in client.get(f"{BOOK}?search=water").text
    assert "0 found" not in client.get("/admin/estimates/price-book?find=water&path=lines").text


def test_words_are_found_by_their_beginnings_and_an_equal_code_comes_first(acme: Company) -> None:
    with acme.scope():
        for n, name in enumerate(("Air filter", "Airflow test", "Labor"), start=1):
            price_book.create_item(ItemInput(code=f"A-{n}", name=name, price_cents=n))
        price_book.create_item(ItemInput(code="AIR", name="Zone valve", price_cents=9))
        price_book.create_item(ItemInput(code="AIR-OLD", name="Air old", price_cents=9, is_active=False))
        db.session.commit()

        def names(typed: str) -> list[str]:
            return [item.name for item in price_book.find_items(typed)]

        assert names("air") == ["Zone valve", "Air filter", "Airflow test"]
        assert names("test air") == ["Airflow test"]
        assert names("lab%") == names("LAB") == ["Labor"]
        assert names("") == names("%") == names("ir") == []


def test_a_service_refuses_what_a_form_would(acme: Company) -> None:
    with acme.scope():
        for wrong in (
            ItemInput(code="", name="x", price_cents=1),
            ItemInput(code="x", name="", price_cents=1),
            ItemInput(code="x", name="x", price_cents=-1),
            ItemInput(code="x", name="x", price_cents=1, cost_cents=-1),
            ItemInput(code="x", name="x", price_cents=1, warranty_months=-1),
        ):
            with pytest.raises(RuleViolation):
                price_book.create_item(wrong)


def test_its_cost_is_nowhere_else(
    acme: Company, signed_in: Callable[..., PillarClient], client: PillarClient
) -> None:
    """Not in the builder, its look-up, the estimate's page, the frozen document, or the customer's page."""
    public_id = make(acme)
    office = signed_in(acme, Role.OFFICE)
    new = f"/admin/estimates/new?customer={acme.customer.public_id}"
    found = office.page("/admin/estimates/price-book?find=heater&path=lines")
    page = office.page(f"{new}&add={public_id}")
    saved = office.submit(page, "save", title="Heater")
    shown = office.follow(saved)
    sent = office.submit(shown.form('form[action$="/send"]'))
    details = office.follow(sent)
    quote = client.page(details.link("/quote/"))
    for each in (found, page, shown, details, quote):
        assert "1,850.00" in each.html or "1850.00" in each.html
        assert COST not in each.html
        assert "91234" not in each.html
