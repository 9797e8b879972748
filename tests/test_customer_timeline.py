"""One timeline: everything in its order, a page at a time, at the same cost after twenty years (7.1, 6.6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, insert, select

from pillar.extensions import db
from pillar.models import InternalNote, Message, PhoneCall
from pillar.permissions import Role
from pillar.services import customers, phone_calls, timeline
from pillar.services.phone_calls import CallInput
from pillar.services.timeline import Kind, read_cursor
from pillar.tokens import public_id
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.furnished import writing
from tests.support.office import sign_in

NOON = datetime(2026, 3, 12, 16, 0, tzinfo=UTC)
LOG = "/admin/customers/calls/new"


def home(company: Company) -> str:
    return f"/admin/customers/{company.customer.public_id}"


@pytest.fixture
def office(acme: Company, client: PillarClient) -> PillarClient:
    """Somebody of Acme's office."""
    sign_in(client, acme.staff[Role.OFFICE])
    return client


def history(acme: Company, count: int) -> None:
    """So many notes, calls and messages, several at the same moment."""
    with writing(), acme.scope():
        customer = acme.customer_row()
        base = {"customer_id": customer.id}
        rows = [(n, NOON - timedelta(hours=n // 3)) for n in range(count)]
        db.session.execute(
            insert(InternalNote),
            [{**base, "body": f"note {n}", "created_at": at, "public_id": public_id()} for n, at in rows],
        )
        db.session.execute(
            insert(PhoneCall),
            [
                {**base, "notes": f"call {n}", "at": at, "direction": "in", "public_id": public_id()}
                for n, at in rows
            ],
        )
        db.session.execute(
            insert(Message),
            [
                {
                    **base,
                    "subject": f"mail {n}",
                    "created_at": at,
                    "public_id": public_id(),
                    "channel": "email",
                    "purpose": "transactional",
                    "template": "estimate_sent",
                    "to_address": "a@b.example",
                    "status": "sent",
                    "dedupe_key": f"{n}",
                }
                for n, at in rows
            ],
        )


def test_everything_is_there_newest_first_and_once(acme, app):
    history(acme, 25)
    with acme.scope():
        customer = acme.customer_row()
        for kinds, total in ((list(Kind), 75), ([Kind.CALL], 25), ([Kind.MESSAGE, Kind.NOTE], 50), ([], 0)):
            seen, start = [], None
            while True:
                page = timeline.page_of(customer, kinds, start, size=7)
                seen += [(each.at, each.kind, each.row.id) for each in page.moments]
                if page.older is None:
                    break
                start = read_cursor(str(page.older))
            assert len(seen) == len(set(seen)) == total
            assert [at for at, _kind, _id in seen] == sorted((at for at, _kind, _id in seen), reverse=True)


@pytest.mark.parametrize("text", ["", "x", "1", "-1-1", "9" * 17 + "-1", "1-9999", "1-1\n", "²-1"])
def test_a_cursor_from_an_address_is_read_or_not(text):
    assert read_cursor(text) is None or text.startswith("9")


def test_a_page_costs_the_same_whatever_lies_behind(furnished, office, acme):
    history(acme, 10)
    few = queries_for(office, home(acme))
    history_more(acme)
    assert queries_for(office, home(acme)) == few
    page = office.page(home(acme))
    assert len(page.all(".timeline .entry")) == timeline.PAGE
    older = office.page(page.link("Older"))
    assert len(older.all(".timeline .entry")) == timeline.PAGE


def history_more(acme: Company) -> None:
    with writing(), acme.scope():
        customer = acme.customer_row()
        for n in range(60):
            customers.add_note(customer, f"more {n}", None)


def queries_for(office: PillarClient, path: str) -> int:
    office.page(path)
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        if not statement.startswith(("BEGIN", "PRAGMA", "SET ", "SELECT set_config")):
            seen.append(statement)

    engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        office.page(path)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return len(seen)


def test_it_tells_what_happened_to_documents_and_messages(furnished, office, acme):
    page = office.page(home(acme))
    for words in (
        "Approved EST-",
        "Signed by Amber Signer",
        "Sent estimate EST-",
        "Job JOB-",
        "Amber gate code",
    ):
        assert words in page.text
    assert [tab.split(" (")[0] for tab in page.texts(".tabs a")] == [
        "Overview",
        "Estimates",
        "Jobs",
        "Messages",
        "Consent",
    ]
    for tab in ("Estimates", "Jobs", "Messages"):
        label = next(each for each in page.texts(".tabs a") if each.startswith(tab))
        assert office.page(page.link(label)).all(".rows a.strong")
    assert "Nothing said yet" in office.page(page.link("Consent")).text
    assert "Zephyr" not in page.html
    shown = office.page(page.link("Documents"))
    assert "Amber gate code" not in shown.one(".timeline").get_text()
    with writing(), acme.scope():
        message = db.session.scalars(select(Message).where(Message.customer_id.is_not(None)).limit(1)).one()
        message.status, message.failure_category = "failed", "address"
    assert (
        "The address does not work. Why didn’t it arrive?" in office.page(f"{home(acme)}?show=messages").text
    )


def test_who_may_not_read_messages_sees_none(furnished, acme, client):
    sign_in(client, acme.staff[Role.ACCOUNTANT])
    page = client.page(home(acme))
    assert "Job JOB-" not in page.text
    assert not [tab for tab in page.texts(".tabs a") if tab.startswith(("Messages", "Jobs"))]
    assert page.all('main form[method="post"]') == []
    assert client.page(f"{home(acme)}?tab=messages&show=messages&before=x").texts(
        ".tabs a[aria-current]"
    ) == ["Overview"]


def test_a_call_is_logged_from_anywhere(acme, office):
    page = office.page(f"{LOG}?search=mitchell")
    page = office.page(office.page("/admin/").link("Log a call"))
    assert "Find the customer first" in page.text
    page = office.submit(page.form("form.flow"), search="mitchell")
    page = office.page(page.all(".rows a")[0]["href"])
    values = {"direction": "out", "minutes": "6", "notes": "Wants gas", "at": "2026-03-12T09:30"}
    wrong = office.submit(page, **{**values, "at": "2999-01-01T00:00"})
    assert "Choose a time that has passed." in wrong.error_for("at")
    for _twice in range(2):
        answer = office.submit(page, **values)
        assert answer.location == home(acme)
    shown = office.follow(answer)
    assert "We called, 6 min" in shown.text
    assert "Wants gas" in shown.text
    with acme.scope():
        call = db.session.scalars(select(PhoneCall)).one()
        # Half past nine in the morning where the company is.
        assert (call.at, call.seconds) == (datetime(2026, 3, 12, 13, 30, tzinfo=UTC), 360)
        assert call.contact_id == acme.contact_row().id
    shown = office.follow(office.submit(shown.form('form[action*="/calls/"]')))
    assert "Wants gas" not in shown.text


def test_a_call_stays_with_its_own_company(acme, rival, client):
    with writing(), acme.scope():
        call = phone_calls.log_call(acme.customer_row(), CallInput("in", NOON), None).public_id
    sign_in(client, rival.staff[Role.ADMIN])
    token = str(
        client.page(f"{LOG}?customer={rival.customer.public_id}").one("form.form [name=csrf_token]")["value"]
    )
    assert client.get(f"{LOG}?customer={acme.customer.public_id}").status_code == 404
    assert (
        client.post(f"{LOG}?customer={acme.customer.public_id}", data={"csrf_token": token}).status_code
        == 404
    )
    for path in (f"{home(acme)}/calls/{call}/remove", f"{home(rival)}/calls/{call}/remove"):
        assert client.post(path, data={"csrf_token": token}).status_code == 404
    assert acme.customer.name not in client.page(f"{LOG}?search=mitchell").text


def test_an_address_is_a_link_to_a_map_and_nothing_is_fetched(acme, office):
    page = office.page(home(acme))
    link = page.one('a[href*="maps"]')
    assert "412+Alder+Street" in str(link["href"])
    assert link["rel"] == ["noopener", "noreferrer"]
    assert page.link("Call") == "tel:+19375550142"
    assert page.link("Email") == f"mailto:{acme.customer.email}"
