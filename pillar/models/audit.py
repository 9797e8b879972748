"""The audit trail: append-only, chained by hash per tenant (9.6).

`row.audit(...)` only notes the event on the session. `write_chain` turns the notes into rows as the very last thing
before a commit, so that the chain's head, which every writer of a company needs, is locked for the shortest time.
Personal values stand beside the chain, which holds only their digest: erasing them leaves the chain whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import g
from sqlalchemy import ForeignKeyConstraint, Index, String, Text, UniqueConstraint, event, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column, object_session

from pillar import clock
from pillar.canonical import canonical_json, content_hash
from pillar.extensions import Model
from pillar.models.base import Identified, TenantOwned, UtcDateTime
from pillar.tenancy import FencedSession, current_tenant_id, using_tenant

_NOTES = "audit_notes"
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. `kind` is staff, contact, link, system or provider; `name` a public id or a word."""

    kind: str = "system"
    name: str = ""
    ip: str = ""
    user_agent: str = ""


SYSTEM = Actor()


@dataclass(frozen=True, slots=True)
class _Note:
    tenant_id: int
    actor: Actor
    action: str
    entity: str
    details: dict[str, Any]
    at: datetime = field(default_factory=clock.now)


class AuditHead(TenantOwned, Model):
    """The end of one tenant's chain: its length and last hash."""

    __tablename__ = "audit_head"
    tenant_id: Mapped[int] = mapped_column(primary_key=True)
    length: Mapped[int] = mapped_column(default=0)
    last_hash: Mapped[str] = mapped_column(String(64), default=GENESIS)

    __table_args__ = (ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),)


class AuditEvent(Identified, TenantOwned, Model):
    """One link of the chain. Never changed, never deleted."""

    __tablename__ = "audit_event"
    n: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_kind: Mapped[str] = mapped_column(String(20))
    actor: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(80))
    entity: Mapped[str] = mapped_column(String(80))
    details_digest: Mapped[str] = mapped_column(String(64))
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))

    __table_args__ = (
        UniqueConstraint("tenant_id", "n"),
        UniqueConstraint("tenant_id", "id"),
        Index(None, "tenant_id", "entity"),
    )

    def digest(self) -> str:
        """What `hash` must be, from the other columns."""
        return content_hash(
            canonical_json(
                [
                    self.tenant_id,
                    self.n,
                    self.at.isoformat(),
                    self.actor_kind,
                    self.actor,
                    self.action,
                    self.entity,
                    self.details_digest,
                    self.prev_hash,
                ]
            )
        )


class AuditDetails(TenantOwned, Model):
    """The personal half of an event: before and after, address and browser. May be erased."""

    __tablename__ = "audit_details"
    event_id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str] = mapped_column(Text)

    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "event_id"], ["audit_event.tenant_id", "audit_event.id"]),
    )


class Audited:
    """Models that leave an audit event for what is done to them."""

    def audit(self, action: str, **details: Any) -> None:
        """Note an event about this row; it is written with the transaction's commit."""
        session = object_session(self)
        if session is None:
            raise RuntimeError("Add the row to the session before auditing it")
        note_event(session, action, entity_of(self), **details)


def entity_of(row: Any) -> str:
    """How the trail names a row: `estimate:<public id>`."""
    return f"{row.__tablename__}:{row.public_id}"


def note_event(session: Session, action: str, entity: str, **details: Any) -> None:
    """Note an event of the bound tenant, by whoever acts now (`g.actor`)."""
    actor = g.get("actor") or SYSTEM
    notes = session.info.setdefault(_NOTES, [])
    notes.append(_Note(current_tenant_id(), actor, action, entity, details))


@event.listens_for(FencedSession, "before_commit")
def _write_chains(session: Session) -> None:
    if session.in_nested_transaction() or not session.info.get(_NOTES):
        return
    session.flush()
    notes: list[_Note] = session.info.pop(_NOTES)
    for tenant_id in sorted({note.tenant_id for note in notes}):
        ours = [note for note in notes if note.tenant_id == tenant_id]
        if g.get("tenant_scope") == tenant_id:
            _append(session, ours)
        else:
            with using_tenant(session, tenant_id):
                _append(session, ours)


@event.listens_for(FencedSession, "after_soft_rollback")
def _forget_notes(session: Session, previous: Any) -> None:
    # A failed flush inside a savepoint ends a transaction that is neither nested nor the outermost.
    if previous.parent is None:
        session.info.pop(_NOTES, None)


def _append(session: Session, notes: Iterable[_Note]) -> None:
    """Lock the head by writing it, then add the links after it."""
    session.execute(
        update(AuditHead).values(length=AuditHead.length), execution_options={"synchronize_session": False}
    )
    length, last_hash = session.execute(select(AuditHead.length, AuditHead.last_hash)).one()
    for note in notes:
        length += 1
        body = canonical_json({**note.details, "ip": note.actor.ip, "user_agent": note.actor.user_agent})
        link = AuditEvent(
            tenant_id=note.tenant_id,
            n=length,
            at=note.at,
            actor_kind=note.actor.kind,
            actor=note.actor.name,
            action=note.action,
            entity=note.entity,
            details_digest=content_hash(body),
            prev_hash=last_hash,
        )
        link.hash = last_hash = link.digest()
        session.add(link)
        session.flush()
        session.add(AuditDetails(event_id=link.id, body=body))
    session.execute(
        update(AuditHead).values(length=length, last_hash=last_hash),
        execution_options={"synchronize_session": False},
    )
    session.flush()
