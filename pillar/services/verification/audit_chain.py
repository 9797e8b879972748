"""The audit trail, link by link."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from pillar.canonical import content_hash
from pillar.extensions import db
from pillar.models.audit import GENESIS, AuditDetails, AuditEvent, AuditHead

_CHUNK = 1_000


def broken_links() -> Iterator[str]:
    """Events whose hash, predecessor, position or details do not fit, and a head that does not meet the end."""
    last_hash, n = GENESIS, 0
    query = select(AuditEvent, AuditDetails.body).outerjoin(
        AuditDetails, AuditDetails.event_id == AuditEvent.id
    )
    rows = db.session.execute(query.order_by(AuditEvent.n).execution_options(yield_per=_CHUNK))
    event: AuditEvent
    body: str | None
    for event, body in rows:
        n += 1
        name = f"audit_event {event.n} ({event.action} {event.entity})"
        if event.n != n or event.prev_hash != last_hash:
            yield f"{name}: does not follow the link before it"
            n = event.n
        if event.digest() != event.hash:
            yield f"{name}: changed after it was written"
        if not _details_fit(event, body):
            yield f"{name}: its details were changed"
        last_hash = event.hash
    head = db.session.scalars(select(AuditHead)).one_or_none()
    if head is None or (head.length, head.last_hash) != (n, last_hash):
        yield "audit_head: does not meet the last event"


def _details_fit(event: AuditEvent, body: str | None) -> bool:
    """Erased personal details are gone as a row; those that are there must be the ones that were written."""
    return body is None or content_hash(body) == event.details_digest
