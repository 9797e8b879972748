"""Paper: the same words and cents as the page, signed papers made once, and nothing in them that is not true."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
import qrcode
from flask import Flask

from pillar import qr_image, typesetting
from pillar.clock import now
from pillar.config import Config
from pillar.demo.logo import flame
from pillar.extensions import db
from pillar.services import estimates as estimate_service
from pillar.services.companies import update_brand
from pillar.services.estimate_draft import LineInput, OptionInput
from pillar.services.logos import store_logo
from pillar.typesetting import TypesettingFailed
from tests.support import choices
from tests.support import estimates as making
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.office import limits_on
from tests.support.pages import Page
from tests.support.papers import download
from tests.support.pdf import ReadPdf

AMOUNT = re.compile(r"−?\$[\d,]+\.\d\d")
# Nothing has a glyph for it: a code point that Unicode will never give away.
NO_GLYPH = "\U0001fffd"


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


def test_an_offers_paper_follows_the_choice(acme: Company, client: PillarClient) -> None:
    token = choices.make(acme)
    page = choices.choose(client, token, option="1", addon=[choices.SENSOR, choices.HAUL])
    assert page.link("Download PDF") == f"/quote/{token}/estimate.pdf?option=1&addon=1&addon=2"
    pdf = ReadPdf(client.get(page.link("Download PDF")).get_data())
    assert ", Basic option. Ready to approve." in pdf.text
    assert Counter(AMOUNT.findall(pdf.text.partition("Other options")[0])) == Counter(_shown(page))
    others = "Other options Option Total Standard Our pick for you $1,837.00 Premium $2,803.70"
    assert others in pdf.text
    assert "Add-ons you can choose" not in pdf.text
    alone = ReadPdf(client.get(f"/quote/{token}/estimate.pdf?option=2").get_data())
    assert f"Total {choices.STANDARD}" in alone.text
    assert (
        "Leak sensor With shut-off 1 $200.00 $200.00"
        in alone.text[alone.text.index("Add-ons you can choose") :]
    )
    # What a newer revision no longer has: the page says so.
    stale = client.get(f"/quote/{token}/estimate.pdf?option=9&csrf_token=x")
    assert (stale.status_code, stale.location) == (303, f"/quote/{token}?option=9")


def test_the_deposit_stands_on_the_paper(acme: Company, client: PillarClient) -> None:
    assert (
        "Deposit due on approval $500.00"
        in download(client, making.make_sent(acme, deposit_cents=50_000)).text
    )


def _shown(page: Page) -> list[str]:
    """The amounts of what the page says is included."""
    card = page.one("[data-live=included]")
    cells = [tag.get_text(" ") for tag in card.select(".lines td, .totals dd")]
    deposit = [tag.get_text().split()[0] for tag in card.select("p.soft.small")]
    return AMOUNT.findall(" ".join([*cells, *deposit]))


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


# Around it


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
