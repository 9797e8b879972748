"""Working through one spreadsheet, chunk by chunk, with a commit after each: dry run, import, undo."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import structlog
from flask import current_app

from pillar.config import Config
from pillar.database import reading
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.imports import ImportBatch, ImportStatus
from pillar.services.imports import running, undoing
from pillar.services.imports.dry_memory import DryMemory
from pillar.services.imports.files import memory_path
from pillar.services.imports.judging import judge, tidy_chunk
from pillar.services.imports.purging import next_to_purge, purge_some
from pillar.tasks.registry import BULK, task

log = structlog.get_logger()

# After this long another row of the outbox may have its turn; the batch is rung for again.
TURN_SECONDS = 20.0
MOST_ROWS = 500
_FIRST_ROWS, _FEWEST_ROWS = 100, 20
# SQLite has one writer: so long a chunk holds it, and then the office gets a turn.
_HOLD_SECONDS = 0.06
_MOST_STARTS_WITHOUT_PROGRESS = 8
_BROKEN = "Something in this file breaks the import, so it was stopped. What is in stays in."
_UNDO_BROKEN = "Something here cannot be undone, so it was stopped. The rest stays as it is."

Progress = Callable[[int], None]


class Pace:
    """How many rows go into one chunk, so that nobody waits long for it; and how long the others get then."""

    def __init__(self) -> None:
        self.rows = min(_FIRST_ROWS, MOST_ROWS)

    def took(self, seconds: float, rows: int) -> None:
        """Learn from one chunk, and let the others in."""
        fit = int(rows * _HOLD_SECONDS / max(seconds, 0.001))
        self.rows = min(MOST_ROWS, max(_FEWEST_ROWS, fit, self.rows // 2))
        if db.engine.dialect.name == "sqlite":
            time.sleep(min(seconds, _HOLD_SECONDS) / 4)


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
    on_progress: Progress = lambda _rows: None,
) -> None:
    """Do chunk after chunk of a claimed batch until it, the turn or the lease ends."""
    turn = _Turn(config, batch_id, token, turn_seconds, on_progress)
    with reading(db.session()):
        batch = db.session.get_one(ImportBatch, batch_id)
        status, attempts = batch.status, batch.attempts
    work = {ImportStatus.CHECKING: turn.check, ImportStatus.UNDOING: turn.undo}.get(status, turn.write)
    try:
        if attempts > _MOST_STARTS_WITHOUT_PROGRESS:
            raise RuleViolation(_UNDO_BROKEN if status is ImportStatus.UNDOING else _BROKEN)
        is_over = work()
    except RuleViolation as unreadable:
        failure = unreadable.message
        db.session.rollback()
        turn.end(lambda batch: running.give_up(batch, failure))
        return
    if is_over:
        turn.end(undoing.finish_undo if status is ImportStatus.UNDOING else running.finish)


def purge_old_imports(config: Config) -> None:
    """Files and rows of the bound company's imports that are past undoing; commits as it goes."""
    while (batch := next_to_purge()) is not None:
        while not purge_some(batch, config.data_dir):
            db.session.commit()
        db.session.commit()


class _Turn:
    """One worker's time with one batch."""

    def __init__(
        self, config: Config, batch_id: int, token: str, seconds: float | None, on_progress: Progress
    ) -> None:
        self._config = config
        self._batch_id = batch_id
        self._token = token
        self._until = None if seconds is None else time.monotonic() + seconds
        self._on_progress = on_progress
        self._pace = Pace()

    def write(self) -> bool:
        """Import the rest; True when all is in, False when another holds the batch or the turn is over."""
        with reading(db.session()):
            batch = db.session.get_one(ImportBatch, self._batch_id)
            table, done = running.open_file(batch, self._config.data_dir), batch.done_rows
        # Reading and tidying happen between the transactions.
        rows = table.rows(done)
        while chunk := tidy_chunk(table, rows, self._pace.rows):
            if not self._commit(partial(running.write_chunk, chunk=chunk), len(chunk)):
                return False
        return True

    def check(self) -> bool:
        """The rest of a dry run. What it read is looked up without the write lock; its verdicts are kept."""
        with reading(db.session()):
            batch = db.session.get_one(ImportBatch, self._batch_id)
            table, done, mode = running.open_file(batch, self._config.data_dir), batch.done_rows, batch.mode
        memory = DryMemory(memory_path(table.path))
        try:
            if not memory.stands_at(done):
                memory.clear()
                done = 0
                if not self._commit(running.restart, 0):
                    return False
            rows = table.rows(done)
            while chunk := tidy_chunk(table, rows, MOST_ROWS):
                memory.begin()
                with reading(db.session()):
                    judged = judge(chunk, mode, memory)
                done += len(chunk)
                memory.keep(done)
                if not self._commit(partial(running.write_verdicts, judged=judged), len(chunk)):
                    return False
        finally:
            memory.close()
        memory_path(table.path).unlink(missing_ok=True)
        return True

    def undo(self) -> bool:
        """Take the rest back."""
        left, above = True, None

        def chunk(batch: ImportBatch) -> None:
            nonlocal left, above
            rows = undoing.next_rows(batch, self._pace.rows, above)
            left = bool(rows)
            if rows:
                above = rows[-1].n
                undoing.undo_chunk(batch, rows)

        while left:
            if not self._commit(chunk, self._pace.rows):
                return False
        return True

    def end(self, do: Callable[[ImportBatch], None]) -> None:
        """The last word on the batch, if it is still ours."""
        if batch := running.hold(self._batch_id, self._token, self._config.lease_seconds):
            do(batch)
            db.session.commit()
        else:
            db.session.rollback()

    def _commit(self, do: Callable[[ImportBatch], object], rows: int) -> bool:
        """One chunk, wholly in; False when another worker holds the batch, or the turn is over."""
        batch = running.hold(self._batch_id, self._token, self._config.lease_seconds)
        started = time.monotonic()
        if batch is None:
            db.session.rollback()
            log.warning("import_lease_lost", batch=self._batch_id)
            return False
        do(batch)
        batch.attempts = 0
        db.session.commit()
        self._pace.took(time.monotonic() - started, max(rows, 1))
        self._on_progress(rows)
        if self._until is not None and time.monotonic() > self._until:
            self._let_go()
            return False
        return True

    def _let_go(self) -> None:
        if batch := running.hold(self._batch_id, self._token, self._config.lease_seconds):
            batch.lease_until, batch.lease_token = None, ""
            db.session.commit()
