"""The signed paper: made once by a worker, never changed, and never trusted when somebody changed it."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask, g
from sqlalchemy import select

from pillar import typesetting
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models import Estimate, SignedPdf
from pillar.permissions import Role
from pillar.services import views
from pillar.services.estimate_draft import LineInput
from pillar.services.verification import violations
from pillar.tasks import signed_pdfs
from pillar.tasks.signed_pdfs import make_signed_pdf
from pillar.typesetting import TypesettingFailed
from tests.support import estimates as making
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.papers import STROKES, download, make_due, make_signed, overwrite, paper_row, sign, work
from tests.support.pdf import ReadPdf


def looked_at(estimate: Estimate) -> None:
    g.reads_only = False
    views.count_view(estimate, "Mozilla/5.0 (iPhone) Mobile/15E148 Safari/604.1")
    db.session.commit()


# The signed paper


def test_a_signed_paper_is_made_once_and_kept(acme: Company, client: PillarClient) -> None:
    signed = make_signed(acme, client)
    first = client.page(signed.pdf_url, status=503)
    assert first.response.headers["Retry-After"] == "5"
    assert "is being made" in first.text
    assert first.link("Try again") == signed.pdf_url
    made = work(acme, signed)
    assert made.is_genuine
    page = client.page(f"/quote/{signed.token}/approved")
    answer = client.get(page.link("Signed PDF"))
    assert answer.get_data() == made.pdf
    assert answer.headers["Content-Disposition"].endswith('-signed.pdf"')
    assert client.get(signed.pdf_url).get_data() == made.pdf
    again = work(acme, signed)
    assert (again.pdf, again.attempts) == (made.pdf, 1)


def test_the_certificate_tells_how_it_was_signed(
    acme: Company, client: PillarClient, set_clock: Callable[[str], None]
) -> None:
    set_clock("2026-02-05T15:31:00+00:00")
    token = making.make_sent(acme)
    with acme.scope():
        looked_at(db.session.scalars(select(Estimate)).one())
    set_clock("2026-02-05T15:32:00+00:00")
    signed = sign(acme, client, token, signer_name="Margaret #Ellison")
    row = work(acme, signed)
    assert row.pdf is not None
    pdf = ReadPdf(row.pdf)
    assert pdf.is_accessible
    assert re.search(r"Estimate EST-2026-\d+\. Approved\.", pdf.text)
    assert "Signed by Margaret #Ellison" in pdf.pages[0]
    last = " ".join(pdf.pages[-1].split())
    with acme.scope():
        signature = db.session.get_one(SignedPdf, signed.row_id).signature
        for words in (
            "Certificate of signature",
            "Created Thu, Feb 5, 2026 at 10:31 AM EST",
            "Sent to the customer Thu, Feb 5, 2026 at 10:31 AM EST",
            "Viewed on a phone Thu, Feb 5, 2026 at 10:31 AM EST",
            "Signed by Margaret #Ellison Thu, Feb 5, 2026 at 10:32 AM EST",
            "Typed",
            signature.consent_text,
            signature.ip,
            signature.content_hash,
            signature.choice_hash,
            signature.certificate_id,
            f"/verify/{signature.certificate_id}",
            making.TOTAL,
        ):
            assert words in last


def test_a_drawn_signature_is_on_paper(acme: Company, client: PillarClient) -> None:
    token = making.make_sent(acme)
    form = client.page(f"/quote/{token}").form("#sign form")
    values = {**form.filled(signer_name="John Mitchell", consent=True), "method": "draw", "strokes": STROKES}
    assert client.post(f"/quote/{token}/approval", data=values).status_code == 303
    with acme.scope():
        row_id = db.session.scalars(db.select(SignedPdf.id)).one()
    db.session.rollback()
    assert make_signed_pdf.run(acme.tenant_id, row_id)
    pdf = download(client, token)
    assert b"/Alt(Signature of John Mitchell)" in pdf.body
    assert b"/Alt(Drawn signature of John Mitchell)" in pdf.body
    assert "Drawn by hand" in pdf.text


def test_eight_workers_make_one_paper(
    app: Flask, acme: Company, client: PillarClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = make_signed(acme, client)
    made: list[str] = []
    typeset = typesetting.typeset

    def counted(template: str, *args: Any, **kwargs: Any) -> bytes:
        made.append(template)
        return typeset(template, *args, **kwargs)

    monkeypatch.setattr(typesetting, "typeset", counted)

    def run() -> bool:
        with app.app_context():
            return make_signed_pdf.run(acme.tenant_id, signed.row_id)

    db.session.rollback()
    with ThreadPoolExecutor(8) as pool:
        assert all(future.result() for future in [pool.submit(run) for _ in range(8)])
    row = paper_row(acme, signed)
    assert made == ["estimate"]
    assert row.is_genuine
    assert row.attempts == 1


def test_a_worker_that_dies_is_replaced_and_its_late_paper_dropped(
    acme: Company, client: PillarClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = make_signed(acme, client)
    finish = signed_pdfs._made

    def slow(*args: Any) -> bytes | None:
        body = finish(*args)
        monkeypatch.setattr(signed_pdfs, "_made", finish)
        make_due(signed)
        db.session.rollback()
        make_signed_pdf.run(acme.tenant_id, signed.row_id)
        return body + b" late" if body else None

    monkeypatch.setattr(signed_pdfs, "_made", slow)
    row = work(acme, signed)
    assert row.is_genuine
    assert row.pdf is not None
    assert not row.pdf.endswith(b" late")
    assert row.attempts == 2


def test_a_paper_that_cannot_be_made_is_tried_for_good(
    acme: Company, client: PillarClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: Any, **_kwargs: Any) -> bytes:
        raise TypesettingFailed("no ink")

    signed = make_signed(acme, client)
    with monkeypatch.context() as patch:
        patch.setattr(typesetting, "typeset", broken)
        for _ in range(3):
            row = work(acme, signed)
            assert not row.is_made
            assert row.due_at is not None
            make_due(signed)
    assert work(acme, signed).is_genuine


def test_a_stored_paper_cannot_change(acme: Company, client: PillarClient) -> None:
    signed = make_signed(acme, client)
    work(acme, signed)
    with acme.scope():
        row = db.session.get_one(SignedPdf, signed.row_id)
        with pytest.raises(RuleViolation):
            row.keep(b"another")
        row.pdf = b"another"
        with pytest.raises(RuleViolation):
            db.session.flush()
        db.session.rollback()
        db.session.delete(db.session.get_one(SignedPdf, signed.row_id))
        with pytest.raises(RuleViolation):
            db.session.flush()
        db.session.rollback()


# Changed behind our back

CHANGE_DOCUMENT = "UPDATE estimate_revision SET document = REPLACE(document, '185000', '195000')"
CHANGE_SIGNATURE = "UPDATE signature SET total_cents = total_cents + 1"
RUIN_DOCUMENT = "UPDATE estimate_revision SET document = '{}'"


@pytest.mark.parametrize(
    "change", [CHANGE_DOCUMENT, RUIN_DOCUMENT, "UPDATE estimate_revision SET document = '['"]
)
def test_a_changed_offer_is_stamped_on_every_page(acme: Company, client: PillarClient, change: str) -> None:
    lines = [LineInput(f"Line {n}", 1000, 185_000) for n in range(60)]
    token = making.make_sent(acme, lines=lines)
    overwrite(change)
    pdf = download(client, token)
    assert all(page.count("TAMPERED") >= 2 for page in pdf.pages)
    assert "cannot be trusted" in pdf.pages[0]


@pytest.mark.parametrize("change", [CHANGE_DOCUMENT, RUIN_DOCUMENT, CHANGE_SIGNATURE])
def test_a_changed_signed_estimate_is_stamped_on_every_page(
    acme: Company, client: PillarClient, change: str
) -> None:
    signed = make_signed(acme, client)
    work(acme, signed)
    overwrite(change)
    pdf = download(client, signed.token)
    assert len(pdf.pages) >= 2
    assert all(page.count("TAMPERED") >= 2 for page in pdf.pages)


def test_a_changed_paper_is_found_and_never_handed_out(acme: Company, client: PillarClient) -> None:
    signed = make_signed(acme, client)
    work(acme, signed)
    assert not list(violations())
    overwrite("UPDATE signed_pdf SET pdf = :pdf", pdf=b"%PDF-1.7 forged")
    assert all("TAMPERED" in page for page in download(client, signed.token).pages)
    (found,) = violations()
    assert "TAMPERED" in found.row
    assert signed.certificate_id in found.row


def test_what_was_changed_before_the_paper_gets_none_until_it_is_restored(
    acme: Company, client: PillarClient
) -> None:
    signed = make_signed(acme, client)
    overwrite(CHANGE_SIGNATURE)
    assert not work(acme, signed).is_made
    overwrite("UPDATE signature SET total_cents = total_cents - 1")
    make_due(signed)
    assert work(acme, signed).is_genuine


def test_verify_names_a_signature_without_a_paper(acme: Company, client: PillarClient) -> None:
    signed = make_signed(acme, client)
    assert not list(violations()), "waiting for a worker is no violation"
    overwrite("UPDATE signed_pdf SET due_at = NULL")
    assert [found.row for found in violations()] == [
        f"signed_pdf {signed.row_id}: was never made, and nobody will make it"
    ]
    overwrite("DELETE FROM signed_pdf")
    assert [found.row for found in violations()] == [
        f"signature {signed.certificate_id}: no signed PDF was asked for"
    ]


# Around it


def test_the_office_finds_the_paper(
    acme: Company, client: PillarClient, signed_in: Callable[..., PillarClient]
) -> None:
    signed = make_signed(acme, client)
    with acme.scope():
        public_id = db.session.get_one(SignedPdf, signed.row_id).signature.estimate.public_id
    page = signed_in(acme, Role.OFFICE).page(f"/admin/estimates/{public_id}")
    assert page.link("Signed PDF") == signed.pdf_url
