"""`pillar import`: customers from a spreadsheet, here and now."""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from flask import current_app, g
from sqlalchemy import select

from pillar import clock, create_app
from pillar.config import Config
from pillar.database import reading
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.audit import Actor
from pillar.models.imports import ImportBatch, ImportStatus, UpdateMode, Verdict
from pillar.models.tenant import Tenant
from pillar.services.imports import running
from pillar.services.imports.dry_memory import DryMemory
from pillar.services.imports.files import Received, file_path, forget_file, memory_path, receive_file
from pillar.services.imports.judging import judge, tidy_chunk
from pillar.services.imports.origins import guess
from pillar.services.imports.tables import check_columns, open_table
from pillar.tasks.imports import MOST_ROWS, work_through
from pillar.tenancy import bind_tenant
from pillar.tokens import public_id

_STARTED_BY = "pillar import"
_TRIED = "tried"


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option(
    "--company", "slug", default="", help="The company's portal address; needed when there are several."
)
@click.option("--dry-run", is_flag=True, help="Only count what would happen.")
@click.option(
    "--overwrite", is_flag=True, help="Replace what customers have; without it only gaps are filled."
)
def import_customers(*, file: Path, slug: str, dry_run: bool, overwrite: bool) -> None:
    """Import customers from a CSV file or an Excel workbook. The last line is the counts as JSON."""
    mode = UpdateMode.OVERWRITE if overwrite else UpdateMode.FILL
    with create_app().app_context():
        try:
            company = _enter(slug)
            counts = _try_out(file, mode) if dry_run else _bring_in(file, company, mode)
        except RuleViolation as refusal:
            raise click.ClickException(refusal.message) from None
        print(json.dumps({str(verdict): counts.get(verdict, 0) for verdict in Verdict}))


def _enter(slug: str) -> str:
    """Bind the company; its public id."""
    query = select(Tenant.id, Tenant.public_id, Tenant.slug).order_by(Tenant.slug)
    with reading(db.session):
        rows = db.session.execute(query.where(Tenant.slug == slug) if slug else query.limit(10)).all()
    if slug and not rows:
        raise RuleViolation(f"There is no company with the portal address {slug}.")
    if len(rows) != 1:
        raise RuleViolation(f"Say which company: --company {'|'.join(row.slug for row in rows) or 'SLUG'}")
    bind_tenant(db.session(), rows[0].id)
    g.actor = Actor("system", _STARTED_BY)
    found: str = rows[0].public_id
    return found


def _bring_in(file: Path, company: str, mode: UpdateMode) -> Counter[Verdict]:
    config: Config = current_app.config["PILLAR_CONFIG"]
    received, columns = _receive(config.data_dir, company, file)
    batch = running.start_import(file.name, received.key, received.rows, _STARTED_BY, columns, mode)
    # Claimed from the start, so that no worker takes it; if this process dies, one does when the lease is over.
    batch.heads, batch.origin = received.heads, guess(received.heads)[0]
    batch.lease_token = token = public_id()
    batch.lease_until = clock.real_now() + timedelta(seconds=config.lease_seconds)
    batch_id = batch.id
    db.session.commit()
    _with_bar(
        received.rows, lambda on_progress: work_through(config, batch_id, token, on_progress=on_progress)
    )
    batch = db.session.get_one(ImportBatch, batch_id)
    if batch.status is ImportStatus.FAILED:
        raise RuleViolation(batch.failure)
    return Counter(
        {
            Verdict.CREATE: batch.created_rows,
            Verdict.UPDATE: batch.updated_rows,
            Verdict.DUPLICATE: batch.duplicate_rows,
            Verdict.REJECT: batch.rejected_rows,
        }
    )


def _try_out(file: Path, mode: UpdateMode) -> Counter[Verdict]:
    """Every verdict, and nothing written."""
    counts: Counter[Verdict] = Counter()
    with tempfile.TemporaryDirectory(prefix="pillar-import-") as folder:
        received, columns = _receive(Path(folder), _TRIED, file)
        path = file_path(Path(folder), _TRIED, received.key) or file
        table, memory = open_table(path, columns), DryMemory(memory_path(path))

        def judge_all(on_progress: Callable[[int], None]) -> None:
            rows, done = table.rows(), 0
            while chunk := tidy_chunk(table, rows, MOST_ROWS):
                memory.begin()
                with reading(db.session):
                    counts.update(judged.verdict for judged in judge(chunk, mode, memory))
                done += len(chunk)
                memory.keep(done)
                on_progress(len(chunk))

        _with_bar(received.rows, judge_all)
        memory.close()
    return counts


def _receive(data_dir: Path, company: str, file: Path) -> tuple[Received, list[str]]:
    """The file, read once, and what its columns are: as the office chose them before, else as we guess."""
    with file.open("rb") as stream:
        received = receive_file(data_dir, company, stream)
    with reading(db.session):
        columns = running.remembered_columns(received.heads)
    try:
        check_columns(received.heads, columns)
    except RuleViolation:
        forget_file(data_dir, company, received.key)
        raise
    return received, columns


def _with_bar(total: int, work: Callable[[Callable[[int], None]], Any]) -> None:
    # On standard error: the counts are all that a script reads.
    with click.progressbar(length=total, label="Importing", file=sys.stderr) as bar:
        work(bar.update)
