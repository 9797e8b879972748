"""`/verify/<certificate id>`: four answers, a file to compare, and nothing more than the certificate tells."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from flask import g
from playwright.sync_api import Page as BrowserPage
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import Estimate
from pillar.models.estimate import EstimateStatus
from pillar.services import companies
from tests.support import estimates as making
from tests.support.bed import Bed
from tests.support.browser import axe
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.databases import Kind
from tests.support.office import limits_on
from tests.support.pages import Page
from tests.support.papers import SignedEstimate, make_signed, overwrite, work

MOST = 5 * 1024 * 1024
UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture
def signed(database: Bed, acme: Company, client: PillarClient) -> SignedEstimate:
    """Signed, with its paper."""

    def build() -> SignedEstimate:
        made = make_signed(acme, client)
        work(acme, made)
        return made

    return database.stage("paper", build)


def pdf_of(client: PillarClient, signed: SignedEstimate) -> bytes:
    return client.get(signed.pdf_url).get_data()


def send(client: PillarClient, signed: SignedEstimate, body: bytes, name: str = "paper.pdf") -> Page:
    form = client.page(signed.verify_url).form()
    return client.submit(form, pdf=(BytesIO(body), name))


# The four answers


def test_a_genuine_document(client: PillarClient, signed: SignedEstimate) -> None:
    page = client.page(signed.verify_url)
    assert page.texts("h1") == ["This document is genuine"]
    assert page.texts(".pill") == ["Genuine"]
    for words in ("EST-", "Water heater replacement", making.TOTAL, "John Mitchell", signed.certificate_id):
        assert words in page.text
    assert client.get(signed.verify_url, method="HEAD").status_code == 200


def test_the_code_on_the_paper_leads_there(client: PillarClient, signed: SignedEstimate) -> None:
    assert signed.verify_url.encode() in pdf_of(client, signed)


def test_a_superseded_document(acme: Company, client: PillarClient, signed: SignedEstimate) -> None:
    g.reads_only = False
    with acme.scope():
        db.session.scalars(select(Estimate)).one().status = EstimateStatus.CANCELLED
        db.session.commit()
    page = client.page(signed.verify_url)
    assert page.texts(".pill") == ["Superseded"]
    assert "no longer counts" in page.text


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE estimate_revision SET document = REPLACE(document, '185000', '195000')",
        "UPDATE estimate_revision SET document = 'nonsense'",
        "UPDATE estimate_revision SET content_hash = SUBSTR(content_hash, 2) || SUBSTR(content_hash, 1, 1)",
        "UPDATE signature SET total_cents = total_cents - 1",
        "UPDATE signature SET option_key = 'gold'",
        "UPDATE signed_pdf SET sha256 = 'f'",
    ],
)
def test_a_tampered_document(client: PillarClient, signed: SignedEstimate, change: str) -> None:
    overwrite(change)
    page = client.page(signed.verify_url)
    assert page.texts(".pill") == ["Tampered"]
    assert "cannot be trusted" in page.text
    assert "genuine" not in page.text.lower()


def test_an_unknown_document_looks_the_same_and_tells_nothing(
    client: PillarClient, signed: SignedEstimate
) -> None:
    page = client.page(f"/verify/{UNKNOWN_ID}", status=404)
    assert page.texts(".pill") == ["Unknown"]
    assert page.texts("h1") == ["We do not know this document"]
    assert "Acme" not in page.html
    answer = client.post(f"/verify/{UNKNOWN_ID}", data={"pdf": (BytesIO(b"x"), "x.pdf")})
    assert answer.status_code == 404
    assert client.get(f"/verify/{signed.certificate_id[:-1]}A").status_code == 404
    assert client.get("/verify/no").status_code == 404


# A file to compare


def test_the_signed_pdf_is_recognised(client: PillarClient, signed: SignedEstimate) -> None:
    page = send(client, signed, pdf_of(client, signed))
    assert page.status == 200
    assert page.texts(".flash") == ["This file is the signed PDF, byte for byte."]


def test_a_changed_and_a_foreign_pdf_are_not(
    client: PillarClient, signed: SignedEstimate, rival: Company
) -> None:
    ours = pdf_of(client, signed)
    other = make_signed(rival, client, terms="Other terms.")
    work(rival, other)
    for body in (ours + b"\n", ours.replace(b"2", b"3", 1), pdf_of(client, other), b"no pdf at all"):
        page = send(client, signed, body)
        assert page.status == 200
        assert "not the PDF that was signed here" in page.texts(".flash")[0]
        assert page.texts(".pill") == ["Genuine"], "the document itself is still what was signed"


def test_no_file_is_said(client: PillarClient, signed: SignedEstimate) -> None:
    for body in ({}, {"pdf": (BytesIO(b""), "")}, {"pdf": "text"}):
        answer = Page(client.post(signed.verify_url, data=body))
        assert answer.status == 422
        assert answer.error_for("pdf").endswith("Choose the PDF first, then press Check the file.")


@pytest.mark.parametrize("size", [MOST + 1, MOST + 1024 * 1024])
def test_a_file_above_five_megabytes_is_said(client: PillarClient, signed: SignedEstimate, size: int) -> None:
    page = send(client, signed, b"x" * size)
    assert page.status == 422
    assert "larger than 5 MB" in page.error_for("pdf")


def test_a_file_of_five_megabytes_is_compared(client: PillarClient, signed: SignedEstimate) -> None:
    assert "not the PDF" in send(client, signed, b"x" * MOST).texts(".flash")[0]


def test_before_the_paper_is_made_nothing_is_compared(acme: Company, client: PillarClient) -> None:
    waiting = make_signed(acme, client)
    assert client.page(waiting.verify_url).texts(".pill") == ["Genuine"]
    assert "still being made" in send(client, waiting, b"%PDF-").texts(".flash")[0]


def test_comparing_changes_nothing_and_asks_for_no_session(
    client: PillarClient, new_client: Any, signed: SignedEstimate
) -> None:
    stranger = new_client()
    answer = stranger.post(signed.verify_url, data={"pdf": (BytesIO(b"x"), "x.pdf")})
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers


# Who sees what


def test_only_public_facts_are_told(
    acme: Company, rival: Company, client: PillarClient, signed: SignedEstimate, signed_in: Any
) -> None:
    """Rival's people see what anybody with the paper sees, and nobody sees more."""
    seen = client.page(signed.verify_url)
    office = signed_in(rival).page(signed.verify_url)
    assert office.text == seen.text
    for secret in (
        acme.customer.email,
        "412 Alder",
        "127.0.0.1",
        signed.token,
        "Labor",
        "50 gallons",
        "Payment is due",
        acme.customer.public_id,
        "werkzeug",
    ):
        assert secret.lower() not in seen.html.lower()


def test_it_outlives_the_link_and_the_portal(
    acme: Company, client: PillarClient, signed: SignedEstimate
) -> None:
    overwrite(
        "UPDATE estimate SET token_revoked_at = '2026-01-01 00:00:00', deleted_at = '2026-01-01 00:00:00'"
    )
    g.reads_only = False
    with acme.scope():
        companies.current_company().portal_enabled = False
        db.session.commit()
    assert client.page(signed.verify_url).texts(".pill") == ["Genuine"]
    assert client.get(signed.pdf_url).status_code == 404


def test_guessing_and_uploading_are_limited(database: Bed, signed: SignedEstimate) -> None:
    with limits_on(database) as app:
        client: Any = app.test_client()
        guesses = [client.get(f"/verify/{UNKNOWN_ID[:-2]}{n:02d}").status_code for n in range(31)]
    with limits_on(database) as app:
        client = app.test_client()
        sent = [
            client.post(signed.verify_url, data={"pdf": (BytesIO(b"x"), "x.pdf")}).status_code
            for _ in range(6)
        ]
    assert guesses == [404] * 30 + [429]
    assert sent == [200] * 5 + [429]


# In a browser


@pytest.mark.browser
@pytest.mark.only_on(Kind.SQLITE, "what a browser does does not depend on the database")
def test_a_person_on_a_phone_compares_a_file(
    phone: BrowserPage, client: PillarClient, signed: SignedEstimate
) -> None:
    phone.goto(signed.verify_url)
    assert axe(phone) == []
    phone.set_input_files(
        "#pdf", {"name": "p.pdf", "mimeType": "application/pdf", "buffer": pdf_of(client, signed)}
    )
    phone.get_by_role("button", name="Check the file").click()
    phone.get_by_text("byte for byte").wait_for()
    assert axe(phone) == []


@pytest.mark.browser
@pytest.mark.only_on(Kind.SQLITE, "what a browser does does not depend on the database")
def test_the_page_of_a_paper_that_is_not_made_yet(
    phone: BrowserPage, acme: Company, client: PillarClient
) -> None:
    waiting = make_signed(acme, client)
    phone.goto(f"/quote/{waiting.token}/approved")
    assert axe(phone) == []
    # 503 is what the browser complains about, and what is meant here.
    phone.route(
        "**/estimate.pdf",
        lambda route: route.fulfill(body=client.get(waiting.pdf_url).get_data(), content_type="text/html"),
    )
    phone.get_by_role("link", name="Signed PDF").click()
    phone.get_by_role("heading", name="Your signed PDF is being made").wait_for()
    assert axe(phone) == []
