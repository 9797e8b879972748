"""`/quote/<token>`: a customer reads, signs and sees what happens next; who is told; looking changes nothing."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from pillar import dates
from pillar.canonical import content_hash
from pillar.extensions import db
from pillar.models import (
    Estimate,
    Job,
    Message,
    Notification,
    Signature,
)
from pillar.models.estimate import EstimateStatus
from pillar.permissions import Role
from pillar.services import quotes
from tests.support import estimates as making
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.estimates import DOT, STROKES, approve, count, everything, only
from tests.support.pages import Page


@pytest.fixture
def token(database: Bed, acme: Company) -> str:
    """The link of a sent estimate."""
    return database.stage("sent", lambda: making.make_sent(acme))


# Reading


def test_a_customer_reads_the_estimate(acme: Company, token: str, client: PillarClient) -> None:
    page = client.page(f"/quote/{token}")
    with acme.scope() as tenant:
        number = only(Estimate).number
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
        estimate = only(Estimate)
        for secret in (estimate.public_id, acme.customer.public_id, acme.public_id):
            assert secret not in page.html


# Signing


def test_signing_by_typing(acme: Company, token: str, client: PillarClient) -> None:
    done = approve(client, token, signer_name="  John\u202e \x00Mitchell  ")
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
        signature = only(Signature)
        estimate = only(Estimate)
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
    page = client.follow(approve(client, token, method="draw", strokes=STROKES))
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
        signature = only(Signature)
        assert signature.method.value == "draw"
        assert json.loads(signature.strokes) == json.loads(STROKES)
        assert signature.image_png == answer.data


def test_a_job_is_there_on_top_of_what_needs_a_day(
    acme: Company, client: PillarClient, signed_in: Callable[..., PillarClient]
) -> None:
    first, second = making.make_sent(acme, title="First one"), making.make_sent(acme, title="Second one")
    for link in (second, first):
        assert approve(client, link).status == 303
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


def test_who_is_told_by_mail(acme: Company, rival: Company, token: str, client: PillarClient) -> None:
    with acme.scope():
        acme.staff_row(Role.MANAGER).alerts_by_email = False
        db.session.commit()
    approve(client, token)
    with acme.scope():
        mails = {
            mail.to_address: mail
            for mail in db.session.scalars(select(Message).where(Message.template != "estimate_sent"))
        }
        office = {acme.staff[role].email for role in (Role.ADMIN, Role.OFFICE)}
        assert set(mails) == office | {acme.contact.email}
        record = only(Signature).certificate_id
        job = only(Job)
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
    assert count(rival, Message) == count(rival, Notification) == 0


def test_who_is_alerted_in_the_app(
    acme: Company, token: str, client: PillarClient, signed_in: Callable[..., PillarClient]
) -> None:
    with acme.scope():
        acme.staff_row(Role.OFFICE).alerts_in_app = False
        db.session.commit()
    approve(client, token)
    with acme.scope():
        told = set(db.session.scalars(select(Notification.staff_id)))
        assert told == {acme.staff_row(role).id for role in (Role.ADMIN, Role.MANAGER)}
        job = only(Job).public_id
    admin = signed_in(acme, Role.ADMIN)
    dashboard = admin.page("/admin/")
    assert "John Mitchell approved EST-" in dashboard.text
    assert dashboard.link("John Mitchell approved") == f"/admin/jobs/{job}"
    assert admin.page(dashboard.link("John Mitchell approved")).status == 200
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
    assert approve(client, token).status == 303
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
    answer = approve(client, token, **typed)
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
    answer = approve(client, token, method="draw", strokes=STROKES, consent=False)
    # quote.js chooses Draw again; without it the radio says Type.
    done = client.submit(answer.form("#sign form"), method="draw", consent=True)
    assert done.status == 303
    with acme.scope():
        assert only(Signature).method.value == "draw"


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


# Reading changes nothing


def test_looking_changes_nothing(acme: Company, token: str, client: PillarClient) -> None:
    signed = making.make_sent(acme)
    approve(client, signed, method="draw", strokes=STROKES)
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
    approve(client, signed)
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
