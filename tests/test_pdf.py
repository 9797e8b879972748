"""Paper: the same words and cents as the page, signed papers made once, and nothing in them that is not true."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import qrcode
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pillar import qr_image, typesetting
from pillar.clock import now
from pillar.config import Config
from pillar.demo.logo import flame
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models import SignedPdf
from pillar.money import MAX_QUANTITY_THOUSANDTHS
from pillar.permissions import Role
from pillar.services import estimates as estimate_service
from pillar.services.companies import update_brand
from pillar.services.estimate_draft import LineInput, OptionInput
from pillar.services.logos import store_logo
from pillar.services.verification import violations
from pillar.tasks import signed_pdfs
from pillar.tasks.signed_pdfs import make_signed_pdf
from pillar.typesetting import TypesettingFailed
from tests.support import estimates as making
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.office import limits_on
from tests.support.papers import (
    STROKES,
    make_due,
    make_signed,
    overwrite,
    paper_row,
    work,
)
from tests.support.pdf import ReadPdf

# `make soak` multiplies what is tried at random.
FUZZ = int(os.environ.get("PILLAR_FUZZ", "1"))
AMOUNT = re.compile(r"−?\$[\d,]+\.\d\d")
# Nothing has a glyph for it: a code point that Unicode will never give away.
NO_GLYPH = "\U0001fffd"


def download(client: PillarClient, token: str) -> ReadPdf:
    answer = client.get(f"/quote/{token}/estimate.pdf")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert answer.mimetype == "application/pdf"
    return ReadPdf(answer.get_data())


# The offer


def test_an_offer_can_be_downloaded(acme: Company, client: PillarClient) -> None:
    token = making.make_sent(acme)
    page = client.page(f"/quote/{token}")
    answer = client.get(page.link("Download PDF"))
    number = answer.headers["Content-Disposition"].partition("filename=")[2].strip('"').removesuffix(".pdf")
    assert number.startswith("EST-")
    assert answer.headers["Cache-Control"] == "no-store"
    pdf = ReadPdf(answer.get_data())
    assert pdf.title == "Water heater replacement"
    assert pdf.is_accessible
    assert f"Estimate {number}. Ready to approve." in pdf.text
    assert f"{number} · Page 1 of 1" in pdf.text
    for words in (
        "Acme HVAC",
        "John Mitchell",
        "412 Alder Street",
        "Water heater replacement",
        "50 gallons, gas",
        "4 hr $120.00 $480.00",
        "Sales tax 7.25% $134.13",
        f"Total {making.TOTAL}",
        "Payment is due when the work is done.",
        "See it online",
    ):
        assert words in pdf.text
    assert "TAMPERED" not in pdf.text
    assert "Certificate" not in pdf.text


def test_a_draft_and_an_unknown_token_have_no_paper(acme: Company, client: PillarClient) -> None:
    with acme.scope() as tenant:
        token = making.draft(acme, tenant).public_token
        db.session.commit()
    assert client.get(f"/quote/{token}/estimate.pdf").status_code == 404
    assert client.get("/quote/AAAAAAAAAAAAAAAAAAAAAA/estimate.pdf").status_code == 404


def test_a_closed_offer_says_so(acme: Company, client: PillarClient) -> None:
    with acme.scope() as tenant:
        estimate = making.sent(acme, tenant)
        estimate_service.withdraw_estimate(estimate)
        token = estimate.public_token
        db.session.commit()
    assert re.search(r"Estimate EST-\S+\. Withdrawn\.", download(client, token).text)


def test_every_option_and_the_add_ons_stand_on_an_offer(acme: Company, client: PillarClient) -> None:
    token = making.make_sent(
        acme,
        lines=(),
        options=[
            OptionInput("Basic", [LineInput("Tank", 1000, 100_000)]),
            OptionInput("Premium", [LineInput("Tankless", 1000, 300_000)], True, discount_cents=10_000),
        ],
        add_ons=[
            LineInput("Drip pan", 1000, 4_500, is_taxable=False, is_preselected=True),
            LineInput("Water softener", 1000, 80_000, is_taxable=False),
        ],
    )
    text = download(client, token).text
    basic, premium = text.index("Basic"), text.index("Premium")
    # 1,000.00 + 7.25 % + 45.00; 3,000.00 - 100.00 + 7.25 % + 45.00.
    assert "Total $1,117.50" in text[basic:premium]
    assert "Discount −$100.00" in text[premium:]
    assert "Total $3,155.25" in text[premium:]
    assert text.count("Drip pan") == 2
    assert "Water softener 1 $800.00 $800.00" in text[text.index("Add-ons you can choose") :]


def test_the_deposit_stands_on_the_paper(acme: Company, client: PillarClient) -> None:
    assert (
        "Deposit due on approval $500.00"
        in download(client, making.make_sent(acme, deposit_cents=50_000)).text
    )


LINES = st.lists(
    st.builds(
        LineInput,
        description=st.just("Some work"),
        quantity_thousandths=st.integers(1, 50_000) | st.just(MAX_QUANTITY_THOUSANDTHS // 100_000),
        unit_price_cents=st.integers(0, 9_999_99),
        is_taxable=st.booleans(),
        unit=st.sampled_from(["", "hr", "ft"]),
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=12 * FUZZ, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES, rate=st.integers(0, 200_000), signs=st.booleans())
def test_page_and_paper_show_the_same_cents(
    acme: Company, client: PillarClient, lines: list[LineInput], rate: int, signs: bool
) -> None:
    values = {"lines": lines, "tax_rate_ppm": rate, "terms": ""}
    if signs:
        signed = make_signed(acme, client, **values)
        work(acme, signed)
        token = signed.token
    else:
        token = making.make_sent(acme, **values)
    page, pdf = client.page(f"/quote/{token}"), download(client, token)
    shown = " ".join([*page.texts(".lines td"), *page.texts(".totals dd")])
    assert Counter(AMOUNT.findall(pdf.text.partition("Certificate of signature")[0])) == Counter(
        AMOUNT.findall(shown)
    )
    quantities = [" ".join(words.split()) for words in page.texts(".lines td[data-price]")]
    for quantity in quantities:
        assert f" {quantity} $" in pdf.text


# Words that look like markup


@pytest.mark.parametrize(
    "words",
    [
        '#let x = 1; #image("/etc/passwd") #sys.inputs',
        "$x^2$ *bold* _soft_ `code` = heading",
        "<b>x</b><script>alert(1)</script>",
        "{{x}} {{ESTIMATE_LINK}} {% x %}",
        "\\ # [ ] @ref <label> // gone /* gone */ -- --- ... ~ 'a' \"b\"",
        "A" * 190,
        "Łukasz Żółć, Ñandú, Пётр, Γιώργος",
    ],
)
def test_names_are_text_and_nothing_else(acme: Company, client: PillarClient, words: str) -> None:
    lines = [LineInput(words, 1000, 12_345, scope=words)]
    token = making.make_sent(acme, title=words, lines=lines, message=words, terms=words, tax_rate_ppm=0)
    pdf = download(client, token)
    squeezed = "".join(pdf.text.split())
    assert squeezed.count("".join(words.split())) >= 5
    assert "Total $123.45" in pdf.text
    assert pdf.is_accessible


@pytest.mark.parametrize("words", ["שלום עולם", "مرحبا بالعالم", "山田太郎", "🧰🔥", f"Name {NO_GLYPH}"])
def test_scripts_without_a_typeface_still_give_a_paper(
    acme: Company, client: PillarClient, words: str
) -> None:
    """Which of them a machine has glyphs for is its affair; what nobody has falls back to a plain PDF."""
    pdf = download(client, making.make_sent(acme, title=words, terms=words))
    assert f"Total {making.TOTAL}" in pdf.text
    assert pdf.is_tagged
    assert pdf.is_accessible or words != "Name"
    if NO_GLYPH in words:
        assert not pdf.is_accessible


def test_long_words_stay_in_their_column(acme: Company, client: PillarClient) -> None:
    lines = [LineInput("W" * 500, 1000, 12_345, scope="M" * 2_000)] * 40
    pdf = download(client, making.make_sent(acme, lines=lines, message="x" * 10_000, tax_rate_ppm=0))
    assert "Total $4,938.00" in pdf.text
    assert len(pdf.pages) > 5
    assert f"Page {len(pdf.pages)} of {len(pdf.pages)}" in pdf.pages[-1]


def test_a_template_that_breaks_is_said(app: Flask) -> None:
    with pytest.raises(TypesettingFailed):
        typesetting.typeset("estimate", {}, at=now())


# The company's look


@pytest.mark.parametrize("color", ["#F5B70A", "#0b6b57", "#ffffff", "#000000"])
def test_logo_and_color_of_the_company(
    database: Bed, acme: Company, client: PillarClient, color: str
) -> None:
    config: Config = database.config
    with acme.scope() as tenant:
        key = store_logo(config.data_dir, tenant.public_id, flame(color))
        update_brand(tenant, primary_color=color, logo_key=key)
        db.session.commit()
    token = making.make_sent(acme)
    body = download(client, token).body
    assert b"/Alt(Logo of Acme HVAC)" in body
    (config.data_dir / "files" / acme.public_id / key).unlink()
    bare = download(client, token)
    assert b"/Alt(Logo" not in bare.body
    assert bare.text.startswith("A Acme HVAC"), "without its file the initial stands for it"


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
    set_clock("2026-02-05T15:32:00+00:00")
    signed = make_signed(acme, client, {"signer_name": "Margaret #Ellison"})
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
            "Created Thu, Feb 5, 2026 at 10:32 AM EST",
            "Sent to the customer Thu, Feb 5, 2026 at 10:32 AM EST",
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


def test_downloads_are_limited(database: Bed, acme: Company) -> None:
    token = making.make_sent(acme)
    with limits_on(database) as app:
        client: Any = app.test_client()
        answers = [client.get(f"/quote/{token}/estimate.pdf").status_code for _ in range(31)]
    assert answers == [200] * 30 + [429]


@pytest.mark.parametrize("text", ["https://portal.example.com/verify/abcdefghijklmnopqrstuv", "x", "ä" * 200])
def test_a_qr_code_has_every_module(text: str) -> None:
    code = qrcode.QRCode(border=2)
    code.add_data(text)
    rows = code.get_matrix()
    drawn = [[False] * len(rows) for _ in rows]
    for x, y, length in re.findall(r"M(\d+) (\d+)\.5h(\d+)", qr_image.svg(text)):
        for offset in range(int(length)):
            drawn[int(y)][int(x) + offset] = True
    assert drawn == rows
