"""What must hold between estimates, their signatures and their jobs."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, or_, select
from sqlalchemy.orm import undefer

from pillar.canonical import content_hash
from pillar.extensions import db
from pillar.models.estimate import SIGNED, Estimate
from pillar.models.estimate_revision import EstimateRevision
from pillar.models.job import Job
from pillar.models.signature import Signature
from pillar.services.evidence import signature_fits
from pillar.services.verification.estimates import UNREADABLE

_CHUNK = 500


def signatures_of_other_content() -> Iterator[str]:
    """Signatures whose hashes, choice or total are not those of the revision they name."""
    query = (
        select(Signature, EstimateRevision, Estimate)
        .join(EstimateRevision, EstimateRevision.id == Signature.revision_id)
        .join(Estimate, Estimate.id == Signature.estimate_id)
        .order_by(Signature.id)
        .options(undefer(Signature.choice))
        .execution_options(yield_per=_CHUNK)
    )
    for signature, revision, estimate in db.session.execute(query):
        name = f"signature {signature.certificate_id} ({estimate.number})"
        if not _covers(signature, revision):
            yield f"{name}: TAMPERED, it does not cover what is stored now"
        if revision.estimate_id != estimate.id or revision.n != estimate.current_revision:
            yield f"{name}: is not on the current revision"
        if estimate.total_cents != signature.total_cents:
            yield f"{name}: the estimate has another total"


def accepted_without_signature() -> Iterator[str]:
    """Accepted estimates without exactly one signature, and signatures on what was never accepted."""
    count = func.count(Signature.id)
    query = (
        select(Estimate.public_id, Estimate.number, Estimate.status, count)
        .outerjoin(Signature, Signature.estimate_id == Estimate.id)
        .where(or_(Estimate.status.in_(SIGNED), Signature.id.is_not(None)))
        .group_by(Estimate.id, Estimate.public_id, Estimate.number, Estimate.status)
        .order_by(Estimate.id)
    )
    for public_id, number, status, signatures in db.session.execute(query):
        if signatures != int(status in SIGNED):
            yield f"estimate {number or public_id}: {status.value}, with {signatures} signatures"


def jobs_without_acceptance() -> Iterator[str]:
    """Jobs made from an estimate that nobody accepted, for another amount, or for the second time."""
    query = select(Job.number, Job.contract_total_cents, Estimate).join(
        Estimate, Estimate.id == Job.estimate_id
    )
    seen: dict[int, str] = {}
    for job, contract, estimate in db.session.execute(query.order_by(Job.id)):
        if estimate.status not in SIGNED:
            yield f"job {job}: its estimate {estimate.number} is {estimate.status.value}"
        if contract != estimate.total_cents:
            yield f"job {job}: its contract total is not that of {estimate.number}"
        if estimate.id in seen:
            yield f"job {job}: {estimate.number} has job {seen[estimate.id]} already"
        seen[estimate.id] = job


def _covers(signature: Signature, revision: EstimateRevision) -> bool:
    try:
        document = revision.content
        is_same_choice = content_hash(signature.choice) == signature.choice_hash
        is_same_terms = content_hash(document["terms"]) == signature.terms_hash
    except UNREADABLE:
        return False
    return is_same_choice and is_same_terms and signature_fits(signature, revision, document)
