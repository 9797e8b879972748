"""Bringing spreadsheets in, as the worker does it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import g
from sqlalchemy import func, select

from pillar.config import Config
from pillar.extensions import db
from pillar.models import ImportBatch
from pillar.models.imports import UpdateMode
from pillar.services.imports import running
from pillar.services.imports.files import receive_file
from pillar.tasks import imports as task
from tests.support.cast import Company

SAMPLE = Path(__file__).parents[1] / "samples" / "libraries.csv"
SAMPLE_ROWS = 100


@contextmanager
def writing_in(company: Company) -> Iterator[Any]:
    """A test that writes takes the lock as a POST does."""
    before, g.reads_only = g.reads_only, False
    db.session.rollback()
    try:
        with company.scope() as tenant:
            yield tenant
    finally:
        db.session.rollback()
        g.reads_only = before


def bring_in(
    config: Config,
    company: Company,
    body: bytes,
    *,
    rows_at_most: int | None = None,
    mode: UpdateMode = UpdateMode.FILL,
) -> ImportBatch:
    """Send a file and work through it as the worker does; the batch as it stands then."""
    received = receive_file(config.data_dir, company.public_id, io.BytesIO(body))
    batch = running.start_import("list.csv", received.key, received.rows, "Ann", mode=mode)
    batch_id = batch.id
    db.session.commit()
    work(config, batch_id, rows_at_most=rows_at_most)
    return db.session.get_one(ImportBatch, batch_id)


def work(config: Config, batch_id: int, *, rows_at_most: int | None = None) -> None:
    """Claim a batch and work through it; with `rows_at_most` it dies on the way."""
    token = ImportBatch.claim(db.session(), batch_id, config.lease_seconds)
    db.session.commit()
    assert token

    class KilledError(Exception):
        pass

    done = 0

    def on_progress(rows: int) -> None:
        nonlocal done
        done += rows
        if rows_at_most is not None and done >= rows_at_most:
            raise KilledError

    try:
        task.work_through(config, batch_id, token, on_progress=on_progress)
    except KilledError:
        db.session.rollback()


def counts(batch: ImportBatch) -> tuple[str, int, int, int, int]:
    """Status, rows done, new, here already, rejected."""
    return (batch.status, batch.done_rows, batch.created_rows, batch.duplicate_rows, batch.rejected_rows)


def count(model: Any) -> int:
    """How many rows of a model the bound company has."""
    return db.session.scalar(select(func.count(model.id))) or 0


def table(*lines: str) -> bytes:
    """A CSV file of these lines."""
    return "\r\n".join(lines).encode()
