"""Working through one spreadsheet, chunk by chunk, with a commit after each."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from flask import current_app

from pillar.config import Config
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.imports import ImportBatch
from pillar.services.imports import running
from pillar.tasks.registry import BULK, task

log = structlog.get_logger()

# After this long another row of the outbox may have its turn; the batch is rung for again.
TURN_SECONDS = 20.0
_MOST_STARTS_WITHOUT_PROGRESS = 8
_BROKEN = "Something in this file breaks the import, so it was stopped. What is in stays in."


@task("run-import", queue=BULK, time_limit=600)
def run_import(batch_id: int) -> None:
    """Claim a batch and go on where it stands. Killed, it is found again when its lease has run out."""
    config: Config = current_app.config["PILLAR_CONFIG"]
    token = ImportBatch.claim(db.session(), batch_id, config.lease_seconds)
    db.session.commit()
    if token is not None:
        work_through(config, batch_id, token, turn_seconds=TURN_SECONDS)


def work_through(
    config: Config,
    batch_id: int,
    token: str,
    *,
    turn_seconds: float | None = None,
    on_progress: Callable[[int], None] = lambda _rows: None,
) -> None:
    """Write chunk after chunk of a claimed batch until the file, the turn or the lease ends."""
    batch = db.session.get_one(ImportBatch, batch_id)
    started, done = time.monotonic(), batch.done_rows
    try:
        if batch.attempts > _MOST_STARTS_WITHOUT_PROGRESS:
            raise RuleViolation(_BROKEN)
        table = running.open_file(batch, config.data_dir)
        # Reading and tidying happen between the transactions.
        db.session.commit()
        for chunk in running.chunks(table, after=done):
            if not _write(config, batch_id, token, chunk):
                return
            on_progress(len(chunk))
            if turn_seconds is not None and time.monotonic() - started > turn_seconds:
                _let_go(config, batch_id, token)
                return
    except RuleViolation as unreadable:
        db.session.rollback()
        _end(config, batch_id, token, unreadable.message)
    else:
        _end(config, batch_id, token)


def _write(config: Config, batch_id: int, token: str, chunk: list[running.TidyRow]) -> bool:
    """One chunk, wholly in; False when another worker holds the batch."""
    batch = running.hold(batch_id, token, config.lease_seconds)
    if batch is None:
        db.session.rollback()
        log.warning("import_lease_lost", batch=batch_id)
        return False
    running.write_chunk(batch, chunk)
    batch.attempts = 0
    db.session.commit()
    return True


def _let_go(config: Config, batch_id: int, token: str) -> None:
    if batch := running.hold(batch_id, token, config.lease_seconds):
        batch.lease_until, batch.lease_token = None, ""
        db.session.commit()


def _end(config: Config, batch_id: int, token: str, failure: str = "") -> None:
    if batch := running.hold(batch_id, token, config.lease_seconds):
        running.give_up(batch, failure) if failure else running.finish(batch)
        db.session.commit()
