"""What a text says: one segment of plain letters, the company first, the way out last (DESIGN: Texts)."""

from __future__ import annotations

from typing import Any

import pytest

from pillar import gsm7
from pillar.extensions import db
from pillar.models.message import FailureCategory, MessageStatus
from pillar.services.texts import Reader, compose_text, render_text
from tests.support.cast import Company
from tests.support.texts import JOHN, FakeSms

S = MessageStatus


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("Müller’s “Heating” – Café…", 'Müller\'s "Heating" - Café...'),
        ("Łódź Çelik & Søn", "Lodz Çelik & Søn"),
        ("{A}[b]|c~^€5", "(A)(b)/c-EUR5"),
        ("Ice 🧊 Air™\n\tCo", "Ice Air Co"),
        ("Paul\u202eCRLF\r\nBcc: x", "PaulCRLF Bcc: x"),
        ("日本 空調", ""),
    ],
)
def test_what_has_no_letter_is_replaced_or_left_out(typed: str, plain: str) -> None:
    assert gsm7.plain(typed) == plain
    assert gsm7.is_plain(gsm7.plain(typed))


def rendered(company: Company, name: str, **values: Any) -> str:
    with company.scope() as tenant:
        tenant.display_name = name
        db.session.flush()
        words = render_text(
            "estimate_sent",
            {"link": "https://portal.example/quote/" + "a" * 22, "valid_until_short": "Apr 9"} | values,
        )
        db.session.rollback()
    return words


def test_the_text_says_who_what_until_when_where_and_how_to_stop(acme: Company, sms: FakeSms) -> None:
    assert rendered(acme, "Northgate") == (
        "Northgate: your estimate is ready, good until Apr 9. See it: "
        "https://portal.example/quote/aaaaaaaaaaaaaaaaaaaaaa Reply STOP to opt out."
    )


@pytest.mark.parametrize(
    "name",
    [
        "Northgate Heating, Cooling and Plumbing",
        "Northgate Heating, Cooling, Plumbing and Electrical Contractors of Montgomery County",
        "N" * 200,
        "日本 空調",
        "<script>alert(1)</script>{{ESTIMATE_LINK}}{{ link }}",
        "Evil\u202e Reply\nline two",
    ],
)
@pytest.mark.parametrize(
    "host", ["https://p.example", "https://portal.northgate-heating-and-cooling.example.com"]
)
def test_one_segment_whatever_the_name(acme: Company, sms: FakeSms, name: str, host: str) -> None:
    link = f"{host}/quote/{'_-aZ9' * 4}zz"
    words = rendered(acme, name, link=link, valid_until_short="Sep 30, 2027")
    assert len(words) <= 160
    assert gsm7.is_plain(words)
    assert link in words.split()
    assert words.count("/quote/") == 1
    assert words.endswith(" Reply STOP to opt out.")
    assert not words.startswith(":")


def test_an_address_that_leaves_no_room_is_told(acme: Company, sms: FakeSms) -> None:
    with acme.scope():
        message = compose_text(
            "estimate_sent", Reader(JOHN), dedupe_key="x", context={"link": "https://x.example/" + "y" * 150}
        )
        assert (message.status, message.failure_category) == (S.FAILED, FailureCategory.TEMPLATE)
        assert "too long" in message.failure_detail
        db.session.rollback()


def test_writing_a_text_twice_gives_one(acme: Company, sms: FakeSms) -> None:
    with acme.scope():
        first = compose_text("texts_help", Reader(JOHN, "John"), dedupe_key="help")
        assert compose_text("texts_help", Reader(JOHN), dedupe_key="help") is first
        bad = compose_text("texts_help", Reader("call me"), dedupe_key="bad")
        assert (bad.status, bad.failure_category) == (S.FAILED, FailureCategory.ADDRESS)
        assert bad.due_at is None
        db.session.rollback()
