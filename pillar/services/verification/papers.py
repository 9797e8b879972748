"""Signed papers against their hashes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import undefer

from pillar.extensions import db
from pillar.models.signature import Signature
from pillar.models.signed_pdf import SignedPdf

_CHUNK = 50


def changed_papers() -> Iterator[str]:
    """Signed PDFs that no longer have their hash, and signatures for which none was ever asked."""
    query = (
        select(Signature.certificate_id, SignedPdf)
        .outerjoin(SignedPdf, SignedPdf.signature_id == Signature.id)
        .options(undefer(SignedPdf.pdf))
        .order_by(Signature.id)
    )
    for row in db.session.execute(query.execution_options(yield_per=_CHUNK)):
        certificate_id, paper = row[0], cast("SignedPdf | None", row[1])
        if paper is None:
            yield f"signature {certificate_id}: no signed PDF was asked for"
        elif paper.is_made and not paper.is_genuine:
            yield f"signed_pdf {paper.id}: TAMPERED, the PDF of certificate {certificate_id} does not have its hash"
        elif not paper.is_made and (paper.due_at is None or paper.pdf is not None or paper.sha256):
            yield f"signed_pdf {paper.id}: was never made, and nobody will make it"
