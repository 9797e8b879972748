"""`/quote/<token>`: a customer reads, signs and sees what happens next; every dead end says what to do."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import func, inspect, select, text

from pillar import dates
from pillar.canonical import content_hash
from pillar.extensions import db
from pillar.models import (
    AuditEvent,
    Estimate,
    EstimateRevision,
    Job,
    Message,
    Notification,
    Signature,
    Tenant,
)
from pillar.models.estimate import EstimateStatus
from pillar.permissions import Role
from pillar.services import companies, estimates, quotes
from tests.support import estimates as making
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.pages import Page
from tests.support.tampering import change

STROKES = json.dumps(
    {
        "width": 340,
        "height": 176,
        "strokes": [[[30 + 4 * n, 88 + 50 * math.sin(n / 3), 16 * n] for n in range(70)]],
    }
)
DOT = json.dumps({"width": 340, "height": 176, "strokes": [[[100, 80, 0], [103, 81, 20]]]})


@pytest.fixture
def token(acme: Company) -> str:
    """The link of a sent estimate."""
    return making.make_sent(acme)


def sign(client: PillarClient, token: str, **typed: Any) -> Page:
    return making.approve(client, token, **typed)


def only(company: Company, model: type[Any]) -> Any:
    """The only row of a model. Read what you need of it inside this company's scope."""
    return db.session.scalars(select(model)).one()


def count(company: Company, model: type[Any]) -> int:
    with company.scope():
        return db.session.scalar(select(func.count()).select_from(model)) or 0


def everything() -> dict[str, int]:
    """How many rows each table has."""
    with db.engine.connect() as connection:
        return {
            table: connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0
            for table in inspect(db.engine).get_table_names()
        }


# Reading


def test_a_customer_reads_the_estimate(acme: Company, token: str, client: PillarClient) -> None:
    page = client.page(f"/quote/{token}")
    with acme.scope() as tenant:
        number = only(acme, Estimate).number
        good_until = dates.long_date(tenant.today() + timedelta(days=30), tenant.time_zone)
    for shown in (
        "Acme HVAC",
        number,
        "Ready to approve",
        f"Good until {good_until}",
        "Water heater replacement",
        "50 gallons, gas",
        "4 hr",
        "$120.00",
        "$480.00",
        "Subtotal $2,330.00",
        "Sales tax 7.25% $134.13",
        making.TOTAL,
        "Thanks for having us over.",
        "Payment is due when the work is done.",
        "For John Mitchell, 412 Alder Street, Dayton, OH 45402",
        "I approve Water heater replacement for $2,464.13 and agree to the terms.",
    ):
        assert shown in page.text, shown
    assert "Pillar" not in page.text
    assert page.title == f"Estimate {number} · Acme HVAC"
    assert page.response.headers["Cache-Control"] == "no-store"
    assert not page.one("[name=consent]").has_attr("checked")


def test_internal_words_never_reach_the_customer(acme: Company, client: PillarClient) -> None:
    with acme.scope():
        acme.location_row().access_notes = "Gate code 4711"
        db.session.commit()
    page = client.page(f"/quote/{making.make_sent(acme)}")
    assert "4711" not in page.html
    with acme.scope():
        estimate = only(acme, Estimate)
        for secret in (estimate.public_id, acme.customer.public_id, acme.public_id):
            assert secret not in page.html


# Signing


def test_signing_by_typing(acme: Company, token: str, client: PillarClient) -> None:
    done = sign(client, token, signer_name="  John\u202e \x00Mitchell  ")
    assert done.status == 303
    assert done.location == f"/quote/{token}/approved"
    page = client.follow(done)
    assert "Approved. Thank you, John." in page.text
    assert "We have your signature for Water heater replacement" in page.text
    assert making.TOTAL in page.text
    assert "A signed copy is on its way to your email." in page.text
    for step in ("We call to set a day", "By the end of", "We do the work", "You pay when the work is done"):
        assert step in page.text
    assert page.one(".typed").get_text() == "John Mitchell"
    with acme.scope():
        signature = only(acme, Signature)
        estimate = only(acme, Estimate)
        assert estimate.status is EstimateStatus.ACCEPTED
        assert estimate.decided_at == signature.signed_at
        assert (signature.method.value, signature.signer_name) == ("type", "John Mitchell")
        assert (signature.strokes, signature.image_png) == ("", None)
        assert signature.total_cents == estimate.total_cents == making.TOTAL_CENTS
        assert signature.content_hash == estimate.revision.content_hash
        assert signature.terms_hash == content_hash("Payment is due when the work is done.")
        assert signature.consent_version == quotes.CONSENT_VERSION
        assert signature.consent_text == (
            "I approve Water heater replacement for $2,464.13 and agree to the terms. "
            "My signature here is as good as on paper."
        )
        assert signature.ip == "127.0.0.1"
        assert signature.user_agent.startswith("Werkzeug")
        assert signature.contact_id == acme.contact_row().id
        record = signature.certificate_id
        signed_at = dates.signature_time(signature.signed_at, "America/New_York")
    for shown in (record, f"Signed on {signed_at}", "Signed by John Mitchell"):
        assert shown in page.text
    signed = client.page(f"/quote/{token}")
    assert f"Approved by customer · Signed {signed_at} · John Mitchell" in signed.text
    assert not signed.all("#sign")


def test_signing_by_drawing(acme: Company, token: str, client: PillarClient) -> None:
    assert client.get(f"/quote/{token}/signature.png").status_code == 404
    page = client.follow(sign(client, token, method="draw", strokes=STROKES))
    source = str(page.one(".pad img")["src"])
    assert source == f"/quote/{token}/signature.png"
    assert page.one(".pad img")["alt"] == "Signature of John Mitchell"
    answer = client.get(source)
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    assert answer.headers["Cache-Control"] == "no-store"
    picture = Image.open(io.BytesIO(answer.data))
    assert picture.size == (800, 300)
    assert picture.convert("L").getextrema()[0] < 50
    with acme.scope():
        signature = only(acme, Signature)
        assert signature.method.value == "draw"
        assert json.loads(signature.strokes) == json.loads(STROKES)
        assert signature.image_png == answer.data


def test_a_job_is_there_on_top_of_what_needs_a_day(
    acme: Company, client: PillarClient, signed_in: Callable[..., PillarClient]
) -> None:
    first, second = making.make_sent(acme, title="First one"), making.make_sent(acme, title="Second one")
    for link in (second, first):
        assert sign(client, link).status == 303
    with acme.scope() as tenant:
        jobs = db.session.scalars(select(Job).order_by(Job.id)).all()
        year = tenant.today().year
        assert [job.number for job in jobs] == [f"JOB-{year}-00001", f"JOB-{year}-00002"]
        assert {job.status.value for job in jobs} == {"unscheduled"}
        newest = jobs[-1]
        assert (newest.title, newest.contract_total_cents) == ("First one", making.TOTAL_CENTS)
        assert newest.customer.public_id == acme.customer.public_id
        assert newest.location is not None
        assert newest.location.public_id == acme.location
        assert newest.estimate is not None
        assert newest.estimate.title == "First one"
        public_id = newest.public_id
    office = signed_in(acme, Role.OFFICE)
    assert office.page("/admin/jobs/?view=to_schedule").texts("tbody a.name") == ["First one", "Second one"]
    dashboard = office.page("/admin/")
    assert dashboard.text.index("First one") < dashboard.text.index("Second one")
    job = office.page(f"/admin/jobs/{public_id}")
    for shown in ("Needs a day", "412 Alder Street", making.TOTAL, "First one"):
        assert shown in job.text


def test_who_is_told(
    acme: Company,
    rival: Company,
    token: str,
    client: PillarClient,
    signed_in: Callable[..., PillarClient],
) -> None:
    with acme.scope():
        acme.staff_row(Role.MANAGER).alerts_by_email = False
        acme.staff_row(Role.OFFICE).alerts_in_app = False
        db.session.commit()
    sign(client, token)
    with acme.scope():
        mails = {
            mail.to_address: mail
            for mail in db.session.scalars(select(Message).where(Message.template != "estimate_sent"))
        }
        office = {acme.staff[role].email for role in (Role.ADMIN, Role.OFFICE)}
        assert set(mails) == office | {acme.contact.email}
        record = only(acme, Signature).certificate_id
        job = only(acme, Job)
        copy = mails.pop(acme.contact.email)
        for body in (copy.body_text, copy.body_html):
            for shown in (making.TOTAL, "$134.13", "Water heater replacement", "John Mitchell", record):
                assert shown in body
            assert f"/quote/{token}" in body
        for mail in mails.values():
            for body in (mail.body_text, mail.body_html):
                for shown in (making.TOTAL, "John Mitchell", job.number, f"/admin/jobs/{job.public_id}"):
                    assert shown in body
                # The customer's private link is not the office's to forward.
                assert token not in body
        alerts = {alert.staff_id: alert for alert in db.session.scalars(select(Notification)).all()}
        assert set(alerts) == {acme.staff_row(role).id for role in (Role.ADMIN, Role.MANAGER)}
        path = f"/admin/jobs/{job.public_id}"
    assert count(rival, Message) == count(rival, Notification) == 0
    admin = signed_in(acme, Role.ADMIN)
    dashboard = admin.page("/admin/")
    assert "John Mitchell approved EST-" in dashboard.text
    assert admin.page(dashboard.link("John Mitchell approved")).status == 200
    assert dashboard.link("John Mitchell approved") == path
    alerts_page = admin.page("/admin/alerts")
    assert admin.submit(alerts_page.form('form[action$="/alerts/read"]')).status == 303
    with acme.scope():
        read = {alert.staff_id: alert.read_at for alert in db.session.scalars(select(Notification))}
        assert read[acme.staff_row(Role.ADMIN).id] is not None
        assert read[acme.staff_row(Role.MANAGER).id] is None


def test_without_an_address_there_is_no_copy_and_no_promise(acme: Company, client: PillarClient) -> None:
    token = making.make_sent(acme)
    with acme.scope():
        acme.contact_row().email = ""
        db.session.commit()
    assert sign(client, token).status == 303
    with acme.scope():
        addresses = db.session.scalars(
            select(Message.to_address).where(Message.template == "estimate_accepted_customer")
        ).all()
        assert addresses == []


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"signer_name": ""}, "signer_name", "Write your full name"),
        ({"signer_name": " \u202e\x00 "}, "signer_name", "Write your full name"),
        ({"signer_name": "J"}, "signer_name", "Write your full name"),
        ({"signer_name": "12 34"}, "signer_name", "Write your full name"),
        ({"signer_name": "x" * 121}, "signer_name", "at most 120 letters"),
        ({"consent": False}, "consent", "Tick the box"),
        ({"method": "draw", "strokes": ""}, "strokes", "Draw your signature in the box"),
        ({"method": "draw", "strokes": DOT}, "strokes", "Draw your signature in the box"),
        ({"method": "draw", "strokes": "[" * 9_000}, "strokes", "Draw your signature in the box"),
        ({"method": "draw", "strokes": STROKES, "consent": False}, "consent", "Tick the box"),
        ({"method": "draw", "strokes": STROKES, "signer_name": ""}, "signer_name", "Write your full name"),
    ],
)
def test_what_is_missing_is_said_and_everything_is_kept(
    acme: Company, token: str, client: PillarClient, typed: dict[str, Any], field: str, sentence: str
) -> None:
    before = everything()
    answer = sign(client, token, **typed)
    assert answer.status == 422
    assert sentence in answer.one(".flash.bad").get_text(" ")
    assert sentence in answer.one(f"#{field}-fix").get_text(" ")
    kept = answer.form("#sign form").values()
    wanted = {"signer_name": "John Mitchell", "consent": True, "method": "type", "strokes": ""} | typed
    if "\x00" not in wanted["signer_name"]:
        assert kept["signer_name"] == wanted["signer_name"]
    assert ("consent" in kept) is bool(wanted["consent"])
    # Which way was chosen: quote.js reads it here, because without a script only typing works.
    assert answer.one("[data-sign]")["data-method"] == wanted["method"]
    assert kept["strokes"] == wanted["strokes"]
    assert everything() == before


def test_signing_works_after_the_mistake_is_mended(acme: Company, token: str, client: PillarClient) -> None:
    answer = sign(client, token, method="draw", strokes=STROKES, consent=False)
    # quote.js chooses Draw again; without it the radio says Type.
    done = client.submit(answer.form("#sign form"), method="draw", consent=True)
    assert done.status == 303
    with acme.scope():
        assert only(acme, Signature).method.value == "draw"


@pytest.mark.parametrize("method", ["", "stamp", "DRAW", "\x00"])
def test_there_are_two_ways_to_sign(token: str, client: PillarClient, method: str) -> None:
    form = client.page(f"/quote/{token}").form("#sign form")
    values = form.values().to_dict() | {"signer_name": "John Mitchell", "consent": "y", "method": method}
    answer = Page(client.post(f"/quote/{token}/approval", data=values))
    assert answer.status == 422
    assert "Choose Draw or Type." in answer.text


def test_without_the_token_against_forgery_nothing_is_signed(
    acme: Company, token: str, client: PillarClient
) -> None:
    values = client.page(f"/quote/{token}").form("#sign form").values().to_dict()
    values |= {"signer_name": "John Mitchell", "consent": "y", "csrf_token": "x"}
    answer = Page(client.post(f"/quote/{token}/approval", data=values))
    assert answer.status == 400
    assert "Go back, reload it and send it again." in answer.text
    assert count(acme, Signature) == 0


# Twice, late, and meanwhile


def test_a_second_click_has_no_second_effect_and_the_same_confirmation(
    acme: Company, token: str, client: PillarClient
) -> None:
    form = client.page(f"/quote/{token}").form("#sign form")
    typed = {"signer_name": "John Mitchell", "consent": True}
    first = client.submit(form, **typed)
    after_first = everything()
    second = client.submit(form, **typed)
    assert (first.status, second.status) == (303, 303)
    assert first.location == second.location
    assert everything() == after_first
    assert "Approved. Thank you, John." in client.follow(second).text
    with acme.scope():
        assert only(acme, Signature).signer_name == "John Mitchell"
        assert only(acme, Job).number.endswith("00001")


def revise(company: Company, **changes: Any) -> None:
    """Send a new revision of the only estimate, as the office would."""
    with company.scope() as tenant:
        estimate = only(company, Estimate)
        draft = estimates.start_revision(estimate)
        draft.change_note = "You asked for it."
        for name, value in changes.items():
            setattr(draft.options[0].lines[0], name, value)
        db.session.flush()
        estimates.send_estimate(tenant, estimate)
        db.session.commit()


def test_an_offer_that_changed_meanwhile_is_shown_and_not_signed(
    acme: Company, token: str, client: PillarClient
) -> None:
    form = client.page(f"/quote/{token}").form("#sign form")
    revise(acme, scope="Now with a drip pan")
    typed = {"signer_name": "John Mitchell", "consent": True}
    for attempt in (typed, typed | {"signer_name": ""}):
        answer = client.submit(form, **attempt)
        assert answer.status == 409
        assert "We changed this estimate while you had it open." in answer.text
        assert "Now with a drip pan" in answer.text
    assert count(acme, Signature) == 0
    assert client.submit(answer.form("#sign form"), **typed).status == 303
    with acme.scope():
        assert only(acme, Signature).revision.n == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"revision": "2"},
        {"revision": "0"},
        {"revision": ""},
        {"revision": "9" * 40},
        {"revision": "١"},
        {"revision": "x\x00"},
        {"content_hash": "0" * 64},
        {"content_hash": ""},
    ],
    ids=str,
)
def test_what_was_seen_must_be_what_is_offered(
    acme: Company, token: str, client: PillarClient, wrong: dict[str, str]
) -> None:
    answer = sign(client, token, **wrong)
    assert answer.status == 409
    assert making.TOTAL in answer.text
    assert count(acme, Signature) == 0


@pytest.mark.parametrize(
    ("zone", "last_minute", "over"),
    [
        ("America/New_York", "2026-03-11T03:59:59+00:00", "2026-03-11T04:00:00+00:00"),
        ("Pacific/Kiritimati", "2026-03-10T09:59:59+00:00", "2026-03-10T10:00:00+00:00"),
        ("Pacific/Pago_Pago", "2026-03-11T10:59:59+00:00", "2026-03-11T11:00:00+00:00"),
    ],
)
def test_it_can_be_signed_to_the_last_minute_of_the_companys_day(
    acme: Company,
    client: PillarClient,
    set_clock: Callable[[str], None],
    zone: str,
    last_minute: str,
    over: str,
) -> None:
    with acme.scope() as tenant:
        companies.update_settings(tenant, time_zone=zone)
        db.session.commit()
    set_clock("2026-03-01T12:00:00+00:00")
    token = making.make_sent(acme, **making.valid_until("2026-03-10"))
    late = making.make_sent(acme, **making.valid_until("2026-03-10"))
    form = client.page(f"/quote/{late}").form("#sign form")
    set_clock(last_minute)
    assert "Good until Tue, Mar 10" in client.page(f"/quote/{token}").text
    assert sign(client, token).status == 303
    set_clock(over)
    page = client.page(f"/quote/{late}")
    assert "This estimate is past its last day. Call us and we will bring it up to date." in page.text
    assert not page.all("#sign")
    answer = client.submit(form, signer_name="John Mitchell", consent=True)
    assert answer.status == 409
    assert answer.text.count("This estimate is past its last day.") == 1
    with acme.scope():
        assert only(acme, Signature).estimate.public_token == token


@pytest.mark.parametrize(
    ("close", "sentence"),
    [
        (lambda _tenant, estimate: estimates.decline_estimate(estimate, "no"), "was declined. Call us"),
        (lambda _tenant, estimate: estimates.withdraw_estimate(estimate), "took this estimate back. Call us"),
        (lambda _tenant, estimate: estimate.expire(), "past its last day. Call us"),
        (
            lambda _tenant, estimate: setattr(estimate, "status", EstimateStatus.SUPERSEDED),
            "A newer estimate replaced this one.",
        ),
    ],
    ids=["declined", "withdrawn", "expired", "superseded"],
)
def test_a_closed_estimate_says_what_to_do(
    acme: Company,
    token: str,
    client: PillarClient,
    close: Callable[[Tenant, Estimate], object],
    sentence: str,
) -> None:
    form = client.page(f"/quote/{token}").form("#sign form")
    with acme.scope() as tenant:
        close(tenant, only(acme, Estimate))
        db.session.commit()
    page = client.page(f"/quote/{token}")
    assert sentence in page.text
    assert not page.all("#sign")
    assert page.link("Call") == "tel:+19375550100"
    assert client.get(f"/quote/{token}/approved").status_code == 303
    for typed in ({"signer_name": "John Mitchell", "consent": True}, {}):
        answer = client.submit(form, **typed)
        assert answer.status == 409
        assert sentence in answer.text
        assert "while you had it open" not in answer.text
    assert count(acme, Signature) == 0


def test_a_cancelled_estimate_keeps_its_signature(acme: Company, token: str, client: PillarClient) -> None:
    sign(client, token)
    with acme.scope():
        only(acme, Estimate).status = EstimateStatus.CANCELLED
        db.session.commit()
    page = client.page(f"/quote/{token}")
    assert "cancelled after it was approved" in page.text
    assert "John Mitchell" in page.text
    assert "The signed record" in page.text


def test_links_that_open_nothing(acme: Company, token: str, client: PillarClient) -> None:
    draft = making.make_draft(acme)
    with acme.scope():
        hidden = {row.public_id: row.public_token for row in db.session.scalars(select(Estimate)).all()}[
            draft
        ]
    unknown = "x" * 22
    for dead in (unknown, hidden, token[:-1], f"{token}x", token.swapcase(), "short", "%00" * 16):
        for path in ("", "/approved", "/signature.png"):
            page = Page(client.get(f"/quote/{dead}{path}"))
            assert page.status == 404
            assert "We can't find that page" in page.text
    with acme.scope():
        estimate = db.session.scalars(select(Estimate).where(Estimate.public_token == token)).one()
        estimate.token_revoked_at = datetime.now(UTC)
        db.session.commit()
    assert client.get(f"/quote/{token}").status_code == 404


def test_a_dead_link_cannot_be_signed_either(token: str, client: PillarClient) -> None:
    values = client.page(f"/quote/{token}").form("#sign form").values().to_dict()
    answer = client.post(f"/quote/{'x' * 22}/approval", data=values)
    assert answer.status_code == 404


def test_wrong_methods_have_a_page(token: str, client: PillarClient) -> None:
    assert "We can't find that page" not in Page(client.get(f"/quote/{token}/approval")).text
    assert client.get(f"/quote/{token}/approval").status_code == 405


def test_a_portal_that_is_off_shows_only_what_was_signed(
    acme: Company, token: str, client: PillarClient
) -> None:
    signed = making.make_sent(acme)
    form = client.page(f"/quote/{token}").form("#sign form")
    sign(client, signed)
    with acme.scope() as tenant:
        tenant.portal_enabled = False
        db.session.commit()
    page = Page(client.get(f"/quote/{token}"))
    assert page.status == 503
    assert "The customer portal is not available" in page.text
    answer = client.submit(form, signer_name="John Mitchell", consent=True)
    assert answer.status == 503
    assert "Approved by customer" in client.page(f"/quote/{signed}").text
    assert client.get("/portal/acme-hvac").status_code == 503
    assert count(acme, Signature) == 1


# Reading changes nothing


def test_looking_changes_nothing(acme: Company, token: str, client: PillarClient) -> None:
    signed = making.make_sent(acme)
    sign(client, signed, method="draw", strokes=STROKES)
    before = everything()
    for link in (token, signed):
        for path in ("", "/approved", "/signature.png"):
            for method in ("GET", "HEAD", "OPTIONS"):
                assert client.open(f"/quote/{link}{path}", method=method).status_code < 405
    assert everything() == before
    with acme.scope():
        assert (
            db.session.scalars(select(Estimate.status).where(Estimate.public_token == token)).one()
            is EstimateStatus.SENT
        )


def test_how_often_the_database_is_asked(acme: Company, token: str, client: PillarClient) -> None:
    long_one = making.make_sent(acme, lines=making.LINES * 40)
    signed = making.make_sent(acme)
    sign(client, signed)
    asked = {}
    for name, path in {
        "quote": f"/quote/{token}",
        "long quote": f"/quote/{long_one}",
        "signed": f"/quote/{signed}",
        "approved": f"/quote/{signed}/approved",
        "portal": "/portal/acme-hvac",
    }.items():
        client.page(path)
        with making.counting() as statements:
            client.page(path)
        asked[name] = len(statements)
    assert asked == {"quote": 2, "long quote": 2, "signed": 3, "approved": 3, "portal": 1}


# Tampering


CHANGED_OFFERS = {
    "the document": lambda doc: {"document": doc.replace("185000", "18500")},
    "a word": lambda doc: {"document": doc.replace("50 gallons", "30 gallons")},
    "no JSON": lambda _doc: {"document": "{"},
    "another JSON": lambda _doc: {"document": "[1]"},
    "nothing left": lambda _doc: {"document": "{}"},
    "no options": lambda doc: {"document": json.dumps(json.loads(doc) | {"options": []})},
    "wild options": lambda doc: {"document": json.dumps(json.loads(doc) | {"options": 5})},
    "no document": lambda _doc: {"document": None},
    "the hash": lambda _doc: {"content_hash": "0" * 64},
}


@pytest.mark.parametrize("tamper", CHANGED_OFFERS.values(), ids=list(CHANGED_OFFERS))
def test_a_changed_offer_says_tampered_and_cannot_be_signed(
    acme: Company,
    token: str,
    client: PillarClient,
    signed_in: Callable[..., PillarClient],
    tamper: Callable[[str], dict[str, Any]],
) -> None:
    form = client.page(f"/quote/{token}").form("#sign form")
    with acme.scope():
        estimate = only(acme, Estimate)
        document, public_id = str(estimate.revision.document), estimate.public_id
    for column, value in tamper(document).items():
        change(f"UPDATE estimate_revision SET {column} = :value", value=value)
    page = client.page(f"/quote/{token}")
    assert "TAMPERED. This document does not match the one that was sent" in page.text
    assert not page.all("#sign")
    answer = client.submit(form, signer_name="John Mitchell", consent=True)
    assert answer.status == 409
    assert "TAMPERED" in answer.text
    assert count(acme, Signature) == 0
    office = signed_in(acme, Role.OFFICE)
    for path in ("", "/preview"):
        assert "TAMPERED" in office.page(f"/admin/estimates/{public_id}{path}", follow=True).text


def test_document_and_hash_changed_together_is_not_what_the_browser_saw(
    acme: Company, token: str, client: PillarClient
) -> None:
    form = client.page(f"/quote/{token}").form("#sign form")
    with acme.scope():
        document = str(only(acme, EstimateRevision).document).replace("185000", "985000")
    change(
        "UPDATE estimate_revision SET document = :document, content_hash = :hash",
        document=document,
        hash=content_hash(document),
    )
    assert client.submit(form, signer_name="John Mitchell", consent=True).status == 409
    assert count(acme, Signature) == 0


CHANGED_SIGNATURES = {
    "total": ("total_cents = :value", 1),
    "option": ("option_key = :value", "9"),
    "add-ons": ("addon_keys = :value", '["7"]'),
    "hash": ("content_hash = :value", "0" * 64),
    "choice": ("choice_hash = :value", "0" * 64),
}


@pytest.mark.parametrize(("column", "value"), CHANGED_SIGNATURES.values(), ids=list(CHANGED_SIGNATURES))
def test_a_changed_signature_says_tampered(
    acme: Company, token: str, client: PillarClient, column: str, value: Any
) -> None:
    sign(client, token)
    change(f"UPDATE signature SET {column}", value=value)
    assert "TAMPERED" in client.page(f"/quote/{token}").text
    assert client.get(f"/quote/{token}/approved").status_code == 303


def test_a_changed_document_says_tampered_after_signing_too(
    acme: Company, token: str, client: PillarClient
) -> None:
    sign(client, token)
    with acme.scope():
        document = str(only(acme, EstimateRevision).document).replace("185000", "285000")
    # Both together: the signature still knows what it was for.
    change(
        "UPDATE estimate_revision SET document = :document, content_hash = :hash",
        document=document,
        hash=content_hash(document),
    )
    assert "TAMPERED" in client.page(f"/quote/{token}").text


def test_an_acceptance_without_its_signature_says_tampered(
    acme: Company, token: str, client: PillarClient
) -> None:
    sign(client, token)
    change("DELETE FROM signature")
    assert "TAMPERED" in client.page(f"/quote/{token}").text
    assert client.get(f"/quote/{token}/approved").status_code == 303


# Inert names, and the trail


NASTY = "<script>alert(1)</script> {{ESTIMATE_LINK}} ' \" & \u202ereversed"


def test_names_and_words_are_inert(acme: Company, client: PillarClient) -> None:
    token = making.make_sent(acme, title=NASTY, message=NASTY, terms=NASTY)
    page = client.page(f"/quote/{token}")
    assert "<script>alert" not in page.html
    assert "{{ESTIMATE_LINK}}" in page.text
    done = client.follow(sign(client, token, signer_name=f"John {NASTY}"[:120]))
    assert "<script>alert" not in done.html
    with acme.scope():
        for message in db.session.scalars(select(Message)):
            assert "<script>alert" not in message.body_html
            assert "\n" not in message.subject


def test_the_trail_names_the_link_not_the_token_or_the_person(
    acme: Company, token: str, client: PillarClient
) -> None:
    # The longest name: PostgreSQL counts.
    name = ("Maximiliana " * 10).strip()[:120]
    assert sign(client, token, signer_name=name).status == 303
    with acme.scope():
        estimate = only(acme, Estimate)
        events = db.session.scalars(select(AuditEvent).where(AuditEvent.actor_kind == "link")).all()
        assert {event.action for event in events} == {"estimate.accepted", "job.created"}
        assert {event.actor for event in events} == {estimate.public_id}
        assert only(acme, Signature).signer_name == name
    with db.engine.connect() as connection:
        trail = str(connection.execute(text("SELECT * FROM audit_event")).all())
    assert token[:6] not in trail
    assert "Maximiliana" not in trail


def test_guessing_links_is_slowed_down(database: Bed, token: str) -> None:
    with database.another_app(limits_enabled=True) as app:
        guesser = app.test_client()
        paths = ("", "/approved", "/signature.png")
        answers = [guesser.get(f"/quote/{'x' * 20}{n:02d}{paths[n % 3]}").status_code for n in range(32)]
        assert answers[:30] == [404] * 30
        assert answers[30:] == [429] * 2


def test_the_last_day_is_the_one_that_was_chosen(acme: Company, client: PillarClient) -> None:
    with acme.scope() as tenant:
        day: date = tenant.today() + timedelta(days=3)
        zone = tenant.time_zone
    token = making.make_sent(acme, valid_until=day)
    assert f"Good until {dates.long_date(day, zone)}" in client.page(f"/quote/{token}").text
