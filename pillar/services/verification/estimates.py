"""What must hold for estimates and the documents that were sent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import or_, select

from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.audit import AuditDetails, AuditEvent, entity_of
from pillar.models.estimate import Estimate, EstimateStatus
from pillar.models.estimate_revision import EstimateRevision
from pillar.money import line_amount
from pillar.offer import choose

_CHUNK = 500
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuleViolation)


def changed_documents() -> Iterator[str]:
    """Sent revisions whose stored document no longer has its hash (shown as TAMPERED)."""
    was_sent = or_(
        EstimateRevision.sent_at.is_not(None),
        EstimateRevision.document.is_not(None),
        EstimateRevision.content_hash != "",
        # What the customer is shown now, whatever its own row claims.
        (EstimateRevision.n == Estimate.current_revision) & (Estimate.status != EstimateStatus.DRAFT),
    )
    query = (
        select(EstimateRevision, Estimate)
        .join(Estimate, Estimate.id == EstimateRevision.estimate_id)
        .where(was_sent)
        .order_by(EstimateRevision.id)
    )
    for revision, estimate in db.session.execute(query.execution_options(yield_per=_CHUNK)):
        if not revision.is_genuine or revision.sent_at is None:
            yield f"{_name(revision, estimate)}: TAMPERED, the document does not have its hash"


def sent_otherwise_than_noted() -> Iterator[str]:
    """Revisions whose hash is not the one in the event of their sending: document and hash changed together."""
    hashes = {
        (entity_of(estimate), n): (content_hash, estimate.number)
        for estimate, n, content_hash in db.session.execute(
            select(Estimate, EstimateRevision.n, EstimateRevision.content_hash)
            .join(EstimateRevision, EstimateRevision.estimate_id == Estimate.id)
            .execution_options(yield_per=_CHUNK)
        )
    }
    query = (
        select(AuditEvent.entity, AuditDetails.body)
        .join(AuditDetails, AuditDetails.event_id == AuditEvent.id)
        .where(AuditEvent.action == "estimate.sent")
        .order_by(AuditEvent.n)
    )
    for entity, body in db.session.execute(query):
        noted = _details(body)
        stored, number = hashes.get((entity, noted.get("revision", 0)), (None, entity))
        if stored != noted.get("hash"):
            yield f"estimate {number}: TAMPERED, revision {noted.get('revision')} is not what was sent"


def wrong_totals() -> Iterator[str]:
    """Rows and documents whose sums do not add up or do not agree."""
    query = (
        select(EstimateRevision, Estimate)
        .join(Estimate, Estimate.id == EstimateRevision.estimate_id)
        .order_by(EstimateRevision.id)
    )
    for revision, estimate in db.session.execute(query.execution_options(yield_per=_CHUNK)):
        name = _name(revision, estimate)
        sums = revision.subtotal_cents - revision.discount_cents + revision.tax_cents
        if sums != revision.total_cents:
            yield f"{name}: its sums do not add up"
        if revision.document is not None:
            yield from _of_document(name, revision)


def _of_document(name: str, revision: EstimateRevision) -> Iterator[str]:
    try:
        document = revision.content
        shown = choose(document, addon_keys=()).total_cents
        for option in document["options"]:
            yield from _of_option(f"{name}: option {option['key']}", document, option)
    except UNREADABLE:
        yield f"{name}: its document cannot be read"
        return
    if shown != revision.total_cents:
        yield f"{name}: the row and the document have different totals"


def _of_option(name: str, document: Mapping[str, Any], option: Mapping[str, Any]) -> Iterator[str]:
    lines = option["lines"]
    amounts = [line_amount(line["quantity_thousandths"], line["unit_price_cents"]) for line in lines]
    if [line["amount_cents"] for line in lines] != amounts or sum(amounts) != option["subtotal_cents"]:
        yield f"{name}: its lines do not add up"
    total = option["subtotal_cents"] - option["discount_cents"] + option["tax_cents"]
    priced = choose(document, option["key"], ()).totals
    if (priced.tax_cents, priced.total_cents, total) != (
        option["tax_cents"],
        option["total_cents"],
        option["total_cents"],
    ):
        yield f"{name} does not add up"


def _name(revision: EstimateRevision, estimate: Estimate) -> str:
    return f"estimate_revision {revision.id} ({estimate.number or estimate.public_id}, {revision.n})"


def _details(body: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
