"""Joins outbox rows to the queue: what a transaction wrote is rung for after its commit, never without one.

Services only write rows and never import tasks. A Redis that does not answer costs a request half a second at
most, and for the next seconds nothing: the sweep (`pillar.tasks.sweep`) finds the rows.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Flask, current_app
from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from pillar import clock
from pillar.config import Config
from pillar.models.imports import ImportBatch
from pillar.models.message import Message
from pillar.models.outbox import OutboxRow
from pillar.models.portal import LookupRequest
from pillar.models.signed_pdf import SignedPdf
from pillar.models.webhook_event import WebhookEvent
from pillar.tasks.doorbell import Call, Doorbell
from pillar.tasks.imports import run_import
from pillar.tasks.lookups import answer_lookup
from pillar.tasks.messages import deliver_message
from pillar.tasks.registry import DOORBELL, Task, doorbell
from pillar.tasks.signed_pdfs import make_signed_pdf
from pillar.tasks.webhooks import apply_webhook
from pillar.tenancy import FencedSession

# Which task does the work of which row.
TASKS: dict[type[OutboxRow], Task] = {
    # First, also where the scheduler works without a queue.
    WebhookEvent: apply_webhook,
    # Before the messages that it writes.
    LookupRequest: answer_lookup,
    Message: deliver_message,
    SignedPdf: make_signed_pdf,
    ImportBatch: run_import,
}

_WAITING = "outbox_calls"


def init_app(app: Flask, config: Config) -> None:
    """Give the application its doorbell."""
    app.extensions[DOORBELL] = Doorbell(config.redis_url)


@event.listens_for(FencedSession, "after_flush")
def _note(session: Session, _context: Any) -> None:
    """Remember by id what became due: after the commit a row must not be read any more."""
    waiting: dict[Call, OutboxRow] = session.info.setdefault(_WAITING, {})
    now = clock.real_now()
    for row in (*session.new, *session.dirty):
        if isinstance(row, OutboxRow) and _is_waiting(row, now):
            waiting[TASKS[type(row)].call(row.tenant_id, row.id)] = row


def _is_waiting(row: OutboxRow, now: datetime) -> bool:
    return row.due_at is not None and row.due_at <= now and row.lease_until is None


@event.listens_for(FencedSession, "after_commit")
def _ring(session: Session) -> None:
    if session.in_nested_transaction():
        return
    if waiting := session.info.pop(_WAITING, None):
        doorbell(current_app).ring(waiting)


@event.listens_for(FencedSession, "after_soft_rollback")
def _forget(session: Session, previous: Any) -> None:
    # A failed flush inside a savepoint ends a transaction that is neither nested nor the outermost.
    if previous.parent is None:
        session.info.pop(_WAITING, None)
        return
    # Only what the savepoint had written is gone with it.
    waiting = session.info.get(_WAITING, {})
    session.info[_WAITING] = {call: row for call, row in waiting.items() if inspect(row).persistent}
