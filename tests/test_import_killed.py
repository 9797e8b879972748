"""`kill -9` in the middle of an import: every row is in once (SAFETY: Transactions)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import func, select

from pillar.extensions import db
from pillar.models import Customer, ImportBatch
from pillar.models.imports import ImportStatus
from pillar.services.imports import undoing
from tests.support.cast import Company
from tests.support.imports import writing_in
from tests.support.machine import wait_until
from tests.support.processes import Processes

# Enough that the kill comes in the middle; the full size is for `make soak`.
ROWS = 4_000 if os.environ.get("PILLAR_SOAK") else 1_500


@pytest.mark.scales
def test_a_worker_that_is_killed_loses_and_repeats_nothing(
    acme: Company, processes: Processes, tmp_path: Path
) -> None:
    file = tmp_path / "big.csv"
    lines = (f"{n},Customer {n},9375{n:06},{n} OAK STREET,DAYTON,OH,45402" for n in range(ROWS))
    file.write_text("ID,Name,Phone,Street,City,State,ZIP\n" + "\n".join(lines))
    short = {"PILLAR_LEASE_SECONDS": "2"}
    command = processes.start("import", str(file), "--company", acme.slug, **short)
    wait_until(lambda: _batch(acme)[1] >= 500, within=60, what="the first chunk is in")
    command.kill()
    status, done = _batch(acme)
    assert status is ImportStatus.RUNNING
    assert done < ROWS
    processes.worker(**short)
    processes.scheduler(**short)
    wait_until(
        lambda: _batch(acme)[0] is ImportStatus.DONE, within=120, what="another process ends the import"
    )
    with acme.scope():
        imported = select(Customer.external_id).where(Customer.external_id != "")
        assert db.session.scalar(select(func.count()).select_from(imported.subquery())) == ROWS
        assert len(set(db.session.scalars(imported))) == ROWS
        batch = db.session.scalars(select(ImportBatch)).one()
        assert (batch.done_rows, batch.created_rows, batch.duplicate_rows) == (ROWS, ROWS, 0)


@pytest.mark.scales
def test_a_worker_that_is_killed_in_an_undo_takes_everything_back_once(
    acme: Company, processes: Processes, tmp_path: Path
) -> None:
    file = tmp_path / "big.csv"
    file.write_text("ID,Name,City\n" + "\n".join(f"{n},Customer {n},DAYTON" for n in range(ROWS)))
    short = {"PILLAR_LEASE_SECONDS": "2"}
    processes.start("import", str(file), "--company", acme.slug, **short)
    wait_until(lambda: _batch(acme)[0] is ImportStatus.DONE, within=120, what="the file is in")
    with writing_in(acme):
        undoing.ask_undo(db.session.scalars(select(ImportBatch)).one())
        db.session.commit()
    worker = processes.worker(**short)
    scheduler = processes.scheduler(**short)
    wait_until(lambda: _undone(acme) > 0, within=60, what="the first rows are taken back")
    worker.kill()
    scheduler.kill()
    assert _undone(acme) < ROWS
    processes.worker(**short)
    processes.scheduler(**short)
    wait_until(lambda: _batch(acme)[0] is ImportStatus.UNDONE, within=120, what="another process ends it")
    with acme.scope():
        assert db.session.scalar(select(func.count(Customer.id))) == 1
        batch = db.session.scalars(select(ImportBatch)).one()
        assert (batch.undone_rows, batch.kept_rows) == (ROWS, 0)


def _undone(company: Company) -> int:
    with company.scope():
        db.session.rollback()
        found = db.session.scalar(select(ImportBatch.undone_rows)) or 0
        db.session.rollback()
    return found


def _batch(company: Company) -> tuple[ImportStatus | None, int]:
    with company.scope():
        db.session.rollback()
        found = db.session.execute(select(ImportBatch.status, ImportBatch.done_rows)).one_or_none()
        db.session.rollback()
    return (found[0], found[1]) if found else (None, 0)
