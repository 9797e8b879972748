"""A new revision: written while the customer goes on seeing the old one, sent under the same number and link."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select

from pillar import clock
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models import Estimate, EstimateRevision, Job, Message
from pillar.models.customer import ServiceLocation
from pillar.models.estimate_replies import Device, EstimateView
from pillar.models.tenant import OnAcceptance
from pillar.permissions import Role
from pillar.services import companies, estimates
from pillar.services.estimate_content import content_of
from pillar.services.estimate_draft import EstimateInput, LineInput
from tests.support import estimates as making
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.pages import Page

NOTE = "You asked for the larger tank."


@pytest.fixture
def office(acme: Company, signed_in: Callable[..., PillarClient]) -> PillarClient:
    """Somebody of Acme's office."""
    return signed_in(acme, Role.OFFICE)


@pytest.fixture
def sent(acme: Company) -> str:
    """The public id of a sent estimate."""
    with acme.scope() as tenant:
        public_id = making.sent(acme, tenant).public_id
        db.session.commit()
    return public_id


def the_estimate(public_id: str) -> Estimate:
    """The row, inside `scope()`."""
    return db.session.scalars(select(Estimate).where(Estimate.public_id == public_id)).one()


def token_of(company: Company, public_id: str) -> str:
    with company.scope():
        return the_estimate(public_id).public_token


def path(public_id: str) -> str:
    return f"/admin/estimates/{public_id}"


def press(office: PillarClient, public_id: str, action: str, **typed: str) -> Page:
    """Press a button of the estimate's page and read the page it leads to."""
    page = office.page(path(public_id))
    return office.follow(office.submit(page.form(f'form[action$="/{action}"]'), **typed))


def write(office: PillarClient, page: Page, **typed: str) -> Page:
    """Save the revision's form; the estimate's page."""
    saved = office.submit(page, "save", **({"change_note": NOTE} | typed))
    assert saved.status == 303, saved.texts(".problem")
    return office.follow(saved)


def test_the_customer_sees_the_old_one_until_the_new_one_is_sent(
    acme: Company, office: PillarClient, client: PillarClient, sent: str
) -> None:
    quote = f"/quote/{token_of(acme, sent)}"
    before = client.page(quote).text
    page = press(office, sent, "revise")
    assert page.title.startswith("Revision 2 of EST-")
    with acme.scope():
        number, last_day = the_estimate(sent).number, the_estimate(sent).valid_until
        assert last_day is not None
        later = last_day + timedelta(days=9)
    changes = {"title": "Bigger heater", "lines-0-unit_price": "2,000", "location": ""}
    changes["valid_until"] = later.isoformat()
    details = write(office, page, **changes)
    for shown in (
        "Revision 2 is being written",
        NOTE,
        "Your customer sees revision 1",
        "Changed: Water heater",
    ):
        assert shown in details.text
    assert client.page(quote).text == before
    with acme.scope():
        estimate = the_estimate(sent)
        assert (estimate.title, estimate.total_cents) == ("Water heater replacement", making.TOTAL_CENTS)
        assert (estimate.valid_until, estimate.location is not None) == (last_day, True)
    after = press(office, sent, "send")
    assert "Bigger heater" in after.text
    assert "being written" not in after.text
    shown = client.page(quote).text
    # 2,000.00 and 480.00, 7.25 % on the first.
    for words in ("Bigger heater", "$2,625.00", NOTE, "Changed: Water heater replacement."):
        assert words in shown
    assert "The total is now $2,625.00. It was $2,464.13." in shown
    with acme.scope():
        estimate = the_estimate(sent)
        assert (estimate.number, estimate.current_revision) == (number, 2)
        assert [each.is_frozen for each in estimate.revisions] == [True, True]
        assert (estimate.location, estimate.valid_until) == (None, later)
        assert (
            db.session.scalar(select(func.count(Message.id)).where(Message.template == "estimate_sent")) == 2
        )


def test_the_reason_is_asked_for(acme: Company, office: PillarClient, sent: str) -> None:
    page = press(office, sent, "revise")
    answer = office.submit(page, "save", change_note="", title="Changed")
    assert answer.status == 422
    assert "Say why you change it." in answer.error_for("change_note")
    assert answer.form().values()["title"] == "Changed"
    refused = press(office, sent, "send")
    assert "Say why you change the estimate. Your customer reads it." in refused.text
    with acme.scope():
        assert the_estimate(sent).current_revision == 1
    # The first revision of an estimate needs none.
    assert (
        "change_note"
        not in office.page(f"/admin/estimates/new?customer={acme.customer.public_id}").form().names
    )


def test_a_customer_may_sign_the_old_one_meanwhile(
    acme: Company, office: PillarClient, client: PillarClient, sent: str
) -> None:
    page = press(office, sent, "revise")
    write(office, page, title="Another title", location="")
    approved = making.approve(client, token_of(acme, sent))
    assert approved.status == 303
    details = office.page(path(sent))
    assert "the new revision cannot be sent" in details.text
    assert not details.all('form[action$="/send"]')
    with acme.scope() as tenant:
        estimate = the_estimate(sent)
        with pytest.raises(RuleViolation, match="closed"):
            estimates.send_estimate(tenant, estimate)
        with pytest.raises(RuleViolation, match="sent already"):
            estimates.edit_draft(tenant, estimate, content_of(estimate))
        job = db.session.scalars(select(Job)).one()
        assert (job.title, job.location is not None) == ("Water heater replacement", True)
        db.session.rollback()
    assert office.get(f"{path(sent)}/edit").status_code == 303
    assert "The new revision is discarded." in press(office, sent, "discard").text


def test_discarding_leaves_what_the_customer_sees(
    acme: Company, office: PillarClient, client: PillarClient, sent: str
) -> None:
    quote = f"/quote/{token_of(acme, sent)}"
    before = client.page(quote).text
    press(office, sent, "revise")
    assert "The new revision is discarded." in press(office, sent, "discard").text
    assert client.page(quote).text == before
    with acme.scope():
        assert [each.n for each in the_estimate(sent).revisions] == [1]
        assert db.session.scalar(select(func.count(EstimateRevision.id))) == 1
        estimate = the_estimate(sent)
        with pytest.raises(RuleViolation, match="no new revision"):
            estimates.discard_revision(estimate)
    # And a new one can be started again.
    assert press(office, sent, "revise").title.startswith("Revision 2")


@pytest.mark.parametrize("status", ["sent", "changes_requested", "declined", "expired"])
def test_sending_a_revision_opens_it_again(
    acme: Company, office: PillarClient, sent: str, status: str
) -> None:
    with acme.scope():
        estimate = the_estimate(sent)
        if status == "changes_requested":
            estimate.request_changes()
        elif status == "declined":
            estimate.decline("Too much")
        elif status == "expired":
            estimate.expire()
        db.session.commit()
    write(office, press(office, sent, "revise"))
    page = press(office, sent, "send")
    assert page.one(".about .pill").get_text(strip=True) == "Sent"
    with acme.scope():
        estimate = the_estimate(sent)
        assert (estimate.status.value, estimate.decided_at, estimate.decline_reason) == ("sent", None, "")
        assert estimate.valid_until is not None
        assert estimate.valid_until > clock.today("UTC")


@pytest.mark.parametrize("status", ["draft", "accepted", "withdrawn"])
def test_others_get_no_revision(acme: Company, office: PillarClient, status: str) -> None:
    with acme.scope() as tenant:
        estimate = making.draft(acme, tenant) if status == "draft" else making.sent(acme, tenant)
        if status == "accepted":
            estimate.accept(datetime.now(UTC))
        elif status == "withdrawn":
            estimate.withdraw()
        with pytest.raises(RuleViolation):
            estimates.start_revision(estimate)


def test_two_people_start_one_revision(acme: Company, office: PillarClient, sent: str) -> None:
    form = office.page(path(sent)).form('form[action$="/revise"]')
    assert office.submit(form).location == f"{path(sent)}/edit"
    again = office.submit(form)
    assert again.location == path(sent)
    assert "A new revision is being written already." in office.follow(again).text


def test_the_history_says_what_changed(acme: Company, office: PillarClient, sent: str) -> None:
    for n in (2, 3):
        page = press(office, sent, "revise")
        write(
            office,
            page,
            change_note=f"Reason {n}",
            **{"lines-2-description": f"Extra {n}", "lines-2-unit_price": "5"},
        )
        press(office, sent, "send")
    page = office.page(path(sent))
    rows = [text for text in page.texts(".rows > div") if text.startswith("Revision ")]
    assert [row.split()[1] for row in rows] == ["3", "2", "1"]
    assert "Your customer sees this one" in rows[0]
    assert "Reason 3" in rows[0]
    assert "Added: Extra 3." in rows[0]
    assert "Taken out: Extra 2." in rows[0] or "Added: Extra 2." in rows[1]


def test_a_discount_and_a_deposit_are_changes_too(acme: Company, office: PillarClient, sent: str) -> None:
    page = write(office, press(office, sent, "revise"), discount="10%", deposit="25%")
    for sentence in ("The total is now $2,217.71. It was $2,464.13.", "The deposit changed."):
        assert sentence in page.text


def test_a_copy_has_everything_but_the_number(acme: Company, office: PillarClient, sent: str) -> None:
    page = press(office, sent, "duplicate")
    assert page.form().values()["lines-0-description"] == "Water heater replacement"
    with acme.scope():
        first, copy = db.session.scalars(select(Estimate).order_by(Estimate.id)).all()
        assert (copy.status.value, copy.number, copy.valid_until) == ("draft", None, None)
        assert copy.public_token != first.public_token
        assert content_of(copy).options == content_of(first).options
        assert content_of(copy).location == content_of(first).location
        assert (copy.customer_id, copy.total_cents) == (first.customer_id, first.total_cents)
    saved = office.submit(page, "save")
    assert saved.status == 303
    assert "$2,464.13" in press(office, saved.location.rsplit("/", 1)[-1], "send").text


def test_only_writers_may(
    acme: Company, rival: Company, signed_in: Callable[..., PillarClient], sent: str
) -> None:
    accountant, other = signed_in(acme, Role.ACCOUNTANT), signed_in(rival)
    for client, status in ((accountant, 403), (other, 404)):
        token = {"csrf_token": str(client.page("/admin/").all('[name="csrf_token"]')[0]["value"])}
        for action in ("revise", "discard", "duplicate", "template"):
            assert client.post(f"{path(sent)}/{action}", data=token).status_code == status, action


def test_a_look_shows_as_viewed(acme: Company, office: PillarClient, sent: str) -> None:
    assert office.page("/admin/estimates/?view=viewed").texts("td .name") == []
    with acme.scope():
        estimate = the_estimate(sent)
        db.session.add(
            EstimateView(estimate_id=estimate.id, revision_n=1, kind=estimate.kind, device=Device.PHONE)
        )
        db.session.commit()
    assert office.page("/admin/estimates/?view=viewed").texts("td .pill") == ["Viewed"]
    page = office.page(path(sent))
    assert page.one(".about .pill").get_text(strip=True) == "Viewed"
    assert "Phone" in page.text
    # A new revision was not looked at yet.
    write(office, press(office, sent, "revise"))
    press(office, sent, "send")


def test_where_the_office_converts_it_makes_the_job(
    acme: Company, office: PillarClient, client: PillarClient, sent: str
) -> None:
    with acme.scope() as tenant:
        companies.update_settings(tenant, on_acceptance=OnAcceptance.OFFICE_CONVERTS)
        db.session.commit()
    making.approve(client, token_of(acme, sent))
    assert "The job is made." in press(office, sent, "job").text


def test_a_place_of_somebody_else_is_refused(acme: Company, sent: str) -> None:
    with acme.scope() as tenant:
        estimate = the_estimate(sent)
        estimates.start_revision(estimate)
        content = content_of(estimate)
        wrong = ServiceLocation(customer_id=0)
        with pytest.raises(RuleViolation, match="places"):
            estimates.edit_draft(
                tenant,
                estimate,
                EstimateInput(
                    customer=content.customer,
                    title="T",
                    lines=[LineInput("x", 1000, 1)],
                    location=wrong,
                    valid_until=date(2026, 1, 1),
                ),
            )
        db.session.rollback()
