"""Names that would like to be something else stay names: on the page, in mail and text, on paper, in the CSV."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from pillar.extensions import db
from pillar.gsm7 import SEGMENT, is_plain, plain
from pillar.models import Estimate, Message
from pillar.models.message import Channel
from pillar.services import estimates
from pillar.services.customers import CustomerInput, update_customer
from pillar.spreadsheet_cells import safe_cell
from pillar.text import clean_line
from tests.support import estimates as making
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.papers import download
from tests.support.texts import give_sender

NAMES = {
    "markup": "<script>alert(1)</script>",
    "tag": "{{ESTIMATE_LINK}} {{ 7*7 }} {% raw %}",
    "header": "Ann\r\nBcc: everybody@rival.example",
    "turned round": "Ann \u202eevil\u2066 Lee",
    "formula": '=HYPERLINK("https://rival.example")',
    "typst": "#let x = 1; $y$ *bold* @ref",
    "long": "Long " * 39 + "Name",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_hostile_name_is_only_a_name(app: Flask, acme: Company, client: PillarClient, name: str) -> None:
    give_sender(acme)
    token = _send_to(acme, name)
    shown = _stored_name(acme)
    assert "\r" not in shown
    assert "\n" not in shown
    assert "\u202e" not in shown

    page = client.page(f"/quote/{token}", status=200)
    assert "<script>alert" not in page.html
    assert shown in " ".join(page.soup.get_text(" ").split())

    mail, text = _messages_about(acme, token)
    assert "\n" not in mail.subject
    assert "<script>alert" not in mail.body_html
    assert f"/quote/{token}" in mail.body_text
    assert clean_line(name)[:120].strip() in mail.subject

    # A text says whose it is, so the company bears the name as well.
    assert is_plain(text.body_text)
    assert len(text.body_text) <= SEGMENT
    assert text.body_text.startswith(plain(clean_line(name))[:20].rstrip(" ,.-&"))
    assert text.body_text.endswith("Reply STOP to opt out.")
    assert text.body_text.count(f"/quote/{token}") == 1
    assert " 49 " not in text.body_text

    paper = download(client, token)
    assert "".join(shown.split()) in "".join(paper.text.split())

    assert not safe_cell(shown).startswith(("=", "+", "-", "@", "\t", "\r"))


def _send_to(company: Company, name: str) -> str:
    with company.scope() as tenant:
        customer = company.customer_row()
        update_customer(customer, CustomerInput(display_name=name))
        tenant.display_name, tenant.settings_version = clean_line(name)[:120], tenant.settings_version + 1
        estimate = making.draft(company, tenant, title=clean_line(name)[:120])
        estimates.send_estimate(tenant, estimate, (Channel.EMAIL, Channel.SMS))
        token = estimate.public_token
        db.session.commit()
        return token


def _stored_name(company: Company) -> str:
    with company.scope():
        name = company.customer_row().display_name
        db.session.rollback()
        return name


def _messages_about(company: Company, token: str) -> list[Message]:
    """The mail and the text."""
    with company.scope():
        estimate = db.session.scalars(select(Estimate).where(Estimate.public_token == token)).one()
        about = select(Message).where(Message.about == f"estimate:{estimate.public_id}").order_by(Message.id)
        sent = list(db.session.scalars(about))
        db.session.expunge_all()
        db.session.rollback()
        assert [message.channel for message in sent] == [Channel.EMAIL, Channel.SMS]
        return sent
