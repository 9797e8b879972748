"""Signed estimates and their papers, as a worker makes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import g
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import Signature, SignedPdf
from pillar.tasks.signed_pdfs import make_signed_pdf
from tests.support import estimates
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.pdf import ReadPdf

# A wave from one side of the pad to the other.
STROKES = json.dumps(
    {"width": 400, "height": 150, "strokes": [[[20 + 4 * x, 75 + 10 * (x % 8 - 4)] for x in range(90)]]}
)


@dataclass(frozen=True)
class SignedEstimate:
    """What the customer holds."""

    token: str
    certificate_id: str
    row_id: int

    @property
    def pdf_url(self) -> str:
        """Where its paper is."""
        return f"/quote/{self.token}/estimate.pdf"

    @property
    def verify_url(self) -> str:
        """Where anybody may have it checked."""
        return f"/verify/{self.certificate_id}"


def make_signed(
    company: Company, client: PillarClient, signing: Mapping[str, Any] | None = None, **overrides: Any
) -> SignedEstimate:
    """Send an estimate and sign it as a person does. No worker has made the paper yet."""
    return sign(company, client, estimates.make_sent(company, **overrides), **(signing or {}))


def sign(company: Company, client: PillarClient, token: str, **typed: Any) -> SignedEstimate:
    """Sign an estimate that was sent."""
    answer = estimates.approve(client, token, **typed)
    assert answer.status == 303, answer
    with company.scope():
        signature = db.session.scalars(select(Signature).order_by(Signature.id.desc()).limit(1)).one()
        row = db.session.scalars(select(SignedPdf).where(SignedPdf.signature_id == signature.id)).one()
        return SignedEstimate(token, signature.certificate_id, row.id)


def work(company: Company, signed: SignedEstimate) -> SignedPdf:
    """Let a worker try, and read the row."""
    db.session.rollback()
    reads_only, g.reads_only = g.get("reads_only", False), False
    assert make_signed_pdf.run(company.tenant_id, signed.row_id)
    g.reads_only = reads_only
    return paper_row(company, signed)


def paper_row(company: Company, signed: SignedEstimate) -> SignedPdf:
    """The row as it is stored now, with its bytes."""
    db.session.rollback()
    db.session.expunge_all()
    with company.scope():
        row = db.session.get_one(SignedPdf, signed.row_id)
        assert row.pdf is None or row.is_made
        db.session.expunge(row)
        return row


def overwrite(statement: str, **values: Any) -> None:
    """Change the database as somebody could who has its password: past every rule of ours."""
    db.session.rollback()
    reads_only, g.reads_only = g.get("reads_only", False), False
    with db.engine.begin() as connection:
        changed = connection.execute(sa.text(statement), values)
        assert changed.rowcount > 0
    g.reads_only = reads_only


def make_due(signed: SignedEstimate) -> None:
    """Let the pause before the next try be over, and every lease run out."""
    overwrite(
        "UPDATE signed_pdf SET due_at = '2001-01-01 00:00:00', lease_until = NULL WHERE id = :id",
        id=signed.row_id,
    )


def download(client: PillarClient, token: str) -> ReadPdf:
    """The paper of a private link, as a browser gets it."""
    answer = client.get(f"/quote/{token}/estimate.pdf")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert answer.mimetype == "application/pdf"
    return ReadPdf(answer.get_data())
