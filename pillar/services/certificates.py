"""Whether a signature still covers what it was given for, and what its certificate tells anybody who holds it (2.9)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from pillar import dates
from pillar.extensions import db
from pillar.models.estimate import EstimateStatus
from pillar.models.estimate_revision import EstimateRevision
from pillar.models.signature import Signature
from pillar.models.signed_pdf import SignedPdf
from pillar.models.tenant import Tenant
from pillar.money import money
from pillar.services import evidence
from pillar.tenancy import across_tenants


class Verdict(StrEnum):
    """The four answers of `/verify`."""

    GENUINE = "genuine"
    SUPERSEDED = "superseded"
    TAMPERED = "tampered"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Certificate:
    """The public facts of a signature: what somebody with the paper in hand may compare. Nothing else."""

    verdict: Verdict
    number: str = ""
    title: str = ""
    total_text: str = ""
    signer_name: str = ""
    signed_at_text: str = ""
    certificate_id: str = ""
    content_hash: str = ""
    pdf_hash: str = ""


@dataclass(frozen=True, slots=True)
class StoredPdf:
    """The signed paper as it is stored. Made and without bytes: somebody changed them."""

    is_made: bool
    pdf: bytes | None


UNKNOWN = Certificate(Verdict.UNKNOWN)


def find(session: Session, certificate_id: str) -> tuple[int, int, int] | None:
    """(tenant id, its settings version, signature id) behind a certificate id; one indexed look-up."""
    with across_tenants(session, "a certificate id names its company"):
        row = session.execute(
            select(Signature.tenant_id, Tenant.settings_version, Signature.id)
            .join(Tenant, Tenant.id == Signature.tenant_id)
            .where(Signature.certificate_id == certificate_id)
        ).one_or_none()
    return (row[0], row[1], row[2]) if row else None


def examine(signature: Signature) -> Certificate:
    """Hash everything again and say how the document stands."""
    revision = signature.revision
    paper = signed_pdf_of(signature)
    return Certificate(
        verdict=_verdict(signature, revision, paper),
        number=signature.estimate.number or "",
        title=revision.title,
        total_text=money(signature.total_cents),
        signer_name=signature.signer_name,
        signed_at_text=dates.signature_time(signature.signed_at, signature.time_zone),
        certificate_id=signature.certificate_id,
        content_hash=signature.content_hash,
        pdf_hash=paper.sha256 if paper else "",
    )


def ask_for_pdf(signature: Signature) -> None:
    """Have a worker make the signed paper, once; in the transaction of the signature."""
    db.session.add(SignedPdf(signature=signature))


def signed_pdf_of(signature: Signature) -> SignedPdf | None:
    """The row of its signed paper, without the bytes."""
    query = select(SignedPdf).where(SignedPdf.signature_id == signature.id)
    return db.session.scalars(query).one_or_none()


def stored_pdf(signature: Signature) -> StoredPdf | None:
    """The signed paper's bytes, hashed again; None for a signature that never asked for one."""
    row = signed_pdf_of(signature)
    if row is None:
        return None
    return StoredPdf(is_made=row.is_made, pdf=row.pdf if row.is_made and row.is_genuine else None)


def _verdict(signature: Signature, revision: EstimateRevision, paper: SignedPdf | None) -> Verdict:
    estimate = signature.estimate
    if not revision.is_genuine or not evidence.signature_fits(signature, revision, revision.content):
        return Verdict.TAMPERED
    if paper is not None and paper.is_made and not paper.is_genuine:
        return Verdict.TAMPERED
    if estimate.status is not EstimateStatus.ACCEPTED or estimate.current_revision != revision.n:
        return Verdict.SUPERSEDED
    return Verdict.GENUINE
