"""An estimate from the office's side: sent, found, taken back, given more days, turned into a job."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from pillar.clock import travel_to
from pillar.extensions import db
from pillar.models import AuditEvent, Estimate, Job, Message, NumberSequence
from pillar.models.message import FailureCategory, MessageStatus
from pillar.models.tenant import OnAcceptance
from pillar.permissions import Role
from pillar.services import companies, customers, estimates
from pillar.services.customer_parts import ContactInput, LocationInput
from pillar.services.customers import CustomerInput
from tests.support import estimates as making
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.estimates import count, details, press, the_estimate
from tests.support.pages import Page


@pytest.fixture
def office(acme: Company, signed_in: Callable[..., PillarClient]) -> PillarClient:
    """Somebody of Acme's office."""
    return signed_in(acme, Role.OFFICE)


# Sending


def test_sending_freezes_numbers_and_mails(acme: Company, office: PillarClient, client: PillarClient) -> None:
    draft = making.make_draft(acme)
    token = the_estimate(acme, draft)["token"]
    assert client.get(f"/quote/{token}").status_code == 404
    page = press(office, draft, "send")
    year = datetime.now(UTC).astimezone().year
    assert "It is on its way." in page.text
    assert f"EST-{year}-00001" in page.text
    stored = the_estimate(acme, draft)
    assert (stored["status"], stored["token"]) == ("sent", token)
    with acme.scope() as tenant:
        assert stored["valid_until"] == tenant.today() + timedelta(days=30)
        message = db.session.scalars(select(Message)).one()
        link = f"/quote/{token}"
        assert message.to_address == acme.contact.email
        assert "Water heater replacement" in message.subject
        for body in (message.body_text, message.body_html):
            assert link in body
            assert making.TOTAL in body
    assert making.TOTAL in client.page(link).text


def test_what_was_sent_does_not_follow_later_changes(
    acme: Company, office: PillarClient, client: PillarClient
) -> None:
    token = making.make_sent(acme)
    before = client.page(f"/quote/{token}")
    with acme.scope() as tenant:
        companies.update_settings(tenant, tax_rate_ppm=200_000, default_terms="New terms")
        customer = acme.customer_row()
        customer.display_name = "Renamed Person"
        acme.location_row().street = "1 Other Street"
        db.session.commit()
    after = client.page(f"/quote/{token}")
    assert after.one("main").get_text(" ", strip=True) == before.one("main").get_text(" ", strip=True)


def test_each_sent_estimate_gets_the_next_number_and_drafts_get_none(acme: Company, rival: Company) -> None:
    with acme.scope() as tenant:
        year = tenant.today().year
        numbers = []
        for _ in range(3):
            making.draft(acme, tenant)
            numbers.append(making.sent(acme, tenant).number)
        db.session.commit()
    assert numbers == [f"EST-{year}-0000{n}" for n in (1, 2, 3)]
    with rival.scope() as tenant:
        assert making.sent(rival, tenant).number == f"EST-{year}-00001"
        db.session.commit()


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"lines": ()}, "Add at least one line"),
        ({"contact": None}, "Choose a contact with an e-mail address"),
    ],
)
def test_what_is_not_whole_is_not_sent_and_costs_no_number(
    acme: Company, office: PillarClient, overrides: dict[str, Any], sentence: str
) -> None:
    draft = making.make_draft(acme, **overrides)
    assert sentence in press(office, draft, "send").text
    assert the_estimate(acme, draft)["status"] == "draft"
    with acme.scope():
        assert db.session.scalars(select(NumberSequence)).all() == []
        assert db.session.scalars(select(Message)).all() == []


def test_a_last_day_that_passed_while_it_was_a_draft(
    acme: Company, office: PillarClient, set_clock: Callable[[str], None]
) -> None:
    with acme.scope() as tenant:
        draft = making.make_draft(acme, valid_until=tenant.today())
    set_clock("+2d")
    office.sign_in(acme.staff[Role.OFFICE].email)
    assert "That day is over" in press(office, draft, "send").text
    assert the_estimate(acme, draft)["status"] == "draft"


def test_a_second_click_on_send_sends_nothing(acme: Company, office: PillarClient) -> None:
    draft = making.make_draft(acme)
    form = details(office, draft).form('form[action$="/send"]')
    assert "It is on its way" in office.follow(office.submit(form)).text
    again = office.follow(office.submit(form)).text
    assert "Someone else changed" in again or "sent already" in again
    assert count(acme, Message) == 1


def test_sending_again_keeps_link_number_and_document(
    acme: Company, office: PillarClient, client: PillarClient
) -> None:
    draft = making.make_draft(acme)
    press(office, draft, "send")
    before = the_estimate(acme, draft)
    assert "The same link is on its way again." in press(office, draft, "send-again").text
    assert the_estimate(acme, draft) == before
    with acme.scope():
        messages = db.session.scalars(select(Message)).all()
        assert len(messages) == 2
        assert all(f"/quote/{before['token']}" in message.body_text for message in messages)
    assert client.get(f"/quote/{before['token']}").status_code == 200


def test_a_mail_that_cannot_go_out_says_why_and_how_to_fix_it(acme: Company, office: PillarClient) -> None:
    with acme.scope():
        contact = acme.contact_row()
        contact.email = "john@no dots"
        db.session.commit()
    draft = making.make_draft(acme)
    page = press(office, draft, "send")
    assert "It is on its way" not in page.text
    assert "did not go out. The address does not work. Correct it" in page.text
    with acme.scope():
        message = db.session.scalars(select(Message)).one()
        assert (message.status, message.failure_category) == (MessageStatus.FAILED, FailureCategory.ADDRESS)
    assert "The address does not work" in details(office, draft).text


# After sending


def test_withdrawing_closes_the_link(acme: Company, office: PillarClient, client: PillarClient) -> None:
    draft = making.make_draft(acme)
    press(office, draft, "send")
    assert "It is withdrawn." in press(office, draft, "withdraw").text
    page = client.page(f"/quote/{the_estimate(acme, draft)['token']}")
    assert "We took this estimate back. Call us" in page.text
    assert not page.all("#sign")
    # What cannot be done any more has no button.
    actions = {str(form["action"]).rsplit("/", 1)[-1] for form in details(office, draft).all("main form")}
    assert not actions & {"withdraw", "send", "send-again", "extend", "decline"}


def test_declining_notes_the_reason(acme: Company, office: PillarClient, client: PillarClient) -> None:
    draft = making.make_draft(acme)
    press(office, draft, "send")
    page = press(office, draft, "decline", reason="  Too\x00 expensive\u202e ")
    assert "Noted as declined." in page.text
    with acme.scope():
        row = db.session.scalars(select(Estimate)).one()
        assert (row.status.value, row.decline_reason) == ("declined", "Too expensive")
    assert "This estimate was declined." in client.page(f"/quote/{the_estimate(acme, draft)['token']}").text


def test_an_expired_estimate_says_so_and_more_days_open_it_again(
    acme: Company, office: PillarClient, client: PillarClient, set_clock: Callable[[str], None]
) -> None:
    draft = making.make_draft(acme)
    press(office, draft, "send")
    token = the_estimate(acme, draft)["token"]
    set_clock("+31d")
    office.sign_in(acme.staff[Role.OFFICE].email)
    page = client.page(f"/quote/{token}")
    assert "This estimate is past its last day. Call us" in page.text
    assert not page.all("#sign")
    with acme.scope() as tenant:
        assert estimates.expire_due(tenant) == 1
        assert estimates.expire_due(tenant) == 0
        db.session.commit()
        later = tenant.today() + timedelta(days=10)
    assert the_estimate(acme, draft)["status"] == "expired"
    for typed, sentence in [
        ((later - timedelta(days=30)).isoformat(), "That day is over"),
        ("", "Choose a day"),
        ("9999-12-31", "within the next five years"),
    ]:
        assert sentence in press(office, draft, "extend", valid_until=typed).text
    page = press(office, draft, "extend", valid_until=later.isoformat())
    assert "It is good for longer now." in page.text
    stored = the_estimate(acme, draft)
    assert (stored["status"], stored["valid_until"]) == ("sent", later)
    page = client.page(f"/quote/{token}")
    assert page.all("#sign")
    assert "Good until" in page.text
    press(office, draft, "send-again")
    with acme.scope():
        last = db.session.scalars(select(Message).order_by(Message.id.desc())).first()
        assert last is not None
        assert f"{later:%b} {later.day}" in last.body_text


def test_an_open_offer_never_gets_shorter(acme: Company, office: PillarClient) -> None:
    draft = making.make_draft(acme)
    press(office, draft, "send")
    before = the_estimate(acme, draft)["valid_until"]
    sooner = (before - timedelta(days=1)).isoformat()
    assert "Choose a later day" in press(office, draft, "extend", valid_until=sooner).text
    assert the_estimate(acme, draft)["valid_until"] == before


def test_the_sweep_marks_only_what_is_over_in_the_companys_zone(acme: Company) -> None:
    with acme.scope() as tenant:
        tenant.time_zone = "Pacific/Pago_Pago"
        with travel_to(datetime(2026, 3, 1, 12, tzinfo=UTC)):
            estimate = making.sent(acme, tenant, **making.valid_until("2026-03-10"))
        # March 10 is over there at 11 o'clock on March 11, UTC.
        with travel_to(datetime(2026, 3, 11, 10, 59, tzinfo=UTC)):
            assert estimates.expire_due(tenant) == 0
        with travel_to(datetime(2026, 3, 11, 11, 0, tzinfo=UTC)):
            assert estimates.expire_due(tenant) == 1
        assert estimate.status.value == "expired"
        db.session.rollback()


def test_the_preview_is_the_customers_page_and_stores_nothing(acme: Company, office: PillarClient) -> None:
    draft = making.make_draft(acme)
    assert office.get(f"/admin/estimates/{draft}/preview").status_code == 404
    press(office, draft, "send")
    with acme.scope():
        before = db.session.scalar(select(func.count(AuditEvent.id)))
    page = office.page(f"/admin/estimates/{draft}/preview", follow=True)
    assert "You are looking at this as the office. Nothing you do here is saved." in page.text
    assert making.TOTAL in page.text
    with acme.scope():
        assert db.session.scalar(select(func.count(AuditEvent.id))) == before
    assert the_estimate(acme, draft)["status"] == "sent"


# The list


def test_the_list_by_tabs_and_by_words(acme: Company, office: PillarClient) -> None:
    making.make_draft(acme, title="Attic fan 100%")
    with acme.scope() as tenant:
        number = making.sent(acme, tenant, title="Furnace_tune-up").number
        declined = making.sent(acme, tenant, title="Duct cleaning")
        estimates.decline_estimate(declined, "")
        db.session.commit()

    def titles(query: str = "") -> list[str]:
        return office.page(f"/admin/estimates/{query}").texts("tbody a.name")

    assert titles() == ["Duct cleaning", "Furnace_tune-up", "Attic fan 100%"]
    assert titles("?view=draft") == ["Attic fan 100%"]
    assert titles("?view=open") == ["Furnace_tune-up"]
    assert titles("?view=declined") == ["Duct cleaning"]
    assert titles("?view=approved") == titles("?view=expired") == []
    assert titles(f"?search={number}") == ["Furnace_tune-up"]
    assert titles("?search=tune") == ["Furnace_tune-up"]
    assert len(titles("?search=mitchell")) == 3
    assert titles("?search=100%25") == ["Attic fan 100%"]
    assert titles("?search=e_t") == ["Furnace_tune-up"]
    assert titles("?search=\\") == titles("?search=%00%ff") == titles("?search=rival") == []
    assert titles("?sort=title") == ["Attic fan 100%", "Duct cleaning", "Furnace_tune-up"]


def test_the_number_of_queries_does_not_grow_with_the_list(acme: Company, office: PillarClient) -> None:
    def queries(path: str) -> int:
        with making.counting() as seen:
            office.page(path)
        return len(seen)

    making.make_draft(acme)
    making.make_sent(acme)
    paths = ("/admin/estimates/", "/admin/estimates/new", "/admin/")
    before = [queries(path) for path in paths]
    for _ in range(3):
        making.make_sent(acme)
    with acme.scope():
        for n in range(3):
            customers.create_customer(
                CustomerInput(display_name=f"Customer {n}"),
                ContactInput(name=f"Contact {n}", email=f"c{n}@acme.example"),
                LocationInput(street=f"{n} Way"),
            )
        db.session.commit()
    assert [queries(path) for path in paths] == before


# The job by hand


def test_where_the_office_converts_it_makes_the_job_with_one_click(
    acme: Company, office: PillarClient, client: PillarClient
) -> None:
    with acme.scope() as tenant:
        companies.update_settings(tenant, on_acceptance=OnAcceptance.OFFICE_CONVERTS)
        db.session.commit()
    draft = making.make_draft(acme)
    press(office, draft, "send")
    assert making.approve(client, the_estimate(acme, draft)["token"]).status == 303
    assert count(acme, Job) == 0
    page = details(office, draft)
    form = page.form('form[action$="/job"]')
    done = office.follow(office.submit(form))
    assert "The job is made." in done.text
    with acme.scope():
        job = db.session.scalars(select(Job)).one()
        assert (job.status.value, job.contract_total_cents) == ("unscheduled", making.TOTAL_CENTS)
        assert job.number in done.text
    again = office.follow(office.submit(form))
    assert "has its job already" in again.text
    assert count(acme, Job) == 1
    assert not details(office, draft).all('form[action$="/job"]')
    assert job.number in office.page("/admin/jobs/?view=to_schedule").text


def test_only_an_approved_estimate_becomes_a_job(acme: Company, office: PillarClient) -> None:
    draft = making.make_draft(acme)
    token = details(office, draft).all("input[name=csrf_token]")[0]["value"]
    answer = Page(office.post(f"/admin/estimates/{draft}/job", data={"csrf_token": token}))
    assert "Only an approved estimate becomes a job." in office.follow(answer).text
    assert count(acme, Job) == 0


# Who may


@pytest.mark.parametrize("role", [Role.TECHNICIAN, Role.ACCOUNTANT])
def test_who_may_only_read_does_not_write(
    acme: Company, signed_in: Callable[..., PillarClient], role: Role
) -> None:
    draft = making.make_draft(acme)
    person = signed_in(acme, role)
    may_read = role is Role.ACCOUNTANT
    assert person.get("/admin/estimates/").status_code == (200 if may_read else 403)
    assert person.get("/admin/estimates/new").status_code == 403
    assert person.get(f"/admin/estimates/{draft}/edit").status_code == 403
    token = person.page("/admin/").all("input[name=csrf_token]")[0]["value"]
    answer = person.post(f"/admin/estimates/{draft}/send", data={"csrf_token": token})
    assert answer.status_code == 403
    if may_read:
        assert not details(person, draft).all('form[action*="/estimates/"]')


def test_every_step_leaves_its_event(acme: Company, office: PillarClient) -> None:
    draft = making.make_draft(acme)
    form = office.page(f"/admin/estimates/{draft}/edit").form()
    office.submit(form, title="Other title")
    press(office, draft, "send")
    press(office, draft, "send-again")
    press(office, draft, "withdraw")
    with acme.scope():
        events = db.session.scalars(
            select(AuditEvent).where(AuditEvent.entity == f"estimate:{draft}").order_by(AuditEvent.n)
        ).all()
        assert [event.action for event in events] == [
            f"estimate.{word}" for word in ("drafted", "edited", "sent", "resent", "withdrawn")
        ]
        office_person = acme.staff[Role.OFFICE].public_id
        assert {(event.actor_kind, event.actor) for event in events[1:]} == {("staff", office_person)}
    page = details(office, draft)
    for words in ("Draft written", "Draft changed", "Sent to the customer", "Sent again", "Withdrawn"):
        assert words in page.text
