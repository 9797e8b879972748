"""Names that would like to be something else stay names: on the page, in the mail, on paper, in the CSV."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import Estimate, Message
from pillar.services.customers import CustomerInput, update_customer
from pillar.spreadsheet_cells import safe_cell
from pillar.text import clean_line
from tests.support import estimates as making
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.papers import download

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
    token = _send_to(acme, name)
    shown = _stored_name(acme)
    assert "\r" not in shown
    assert "\n" not in shown
    assert "\u202e" not in shown

    page = client.page(f"/quote/{token}", status=200)
    assert "<script>alert" not in page.html
    assert shown in " ".join(page.soup.get_text(" ").split())

    mail = _mail_about(acme, token)
    assert "\n" not in mail.subject
    assert "<script>alert" not in mail.body_html
    assert f"/quote/{token}" in mail.body_text
    assert clean_line(name)[:120].strip() in mail.subject

    paper = download(client, token)
    assert "".join(shown.split()) in "".join(paper.text.split())

    assert not safe_cell(shown).startswith(("=", "+", "-", "@", "\t", "\r"))


def _send_to(company: Company, name: str) -> str:
    with company.scope() as tenant:
        customer = company.customer_row()
        update_customer(customer, CustomerInput(display_name=name))
        token = making.sent(company, tenant, title=clean_line(name)[:120]).public_token
        db.session.commit()
        return token


def _stored_name(company: Company) -> str:
    with company.scope():
        name = company.customer_row().display_name
        db.session.rollback()
        return name


def _mail_about(company: Company, token: str) -> Message:
    with company.scope():
        estimate = db.session.scalars(select(Estimate).where(Estimate.public_token == token)).one()
        mail = db.session.scalars(
            select(Message).where(Message.about == f"estimate:{estimate.public_id}")
        ).one()
        db.session.expunge(mail)
        db.session.rollback()
        return mail
