"""`pillar import`: customers from a spreadsheet, here and now."""

from __future__ import annotations

import json
import sys
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
from pillar.models.imports import ImportBatch, ImportStatus, Verdict
from pillar.models.tenant import Tenant
from pillar.services.imports import running
from pillar.services.imports.matching import Sign
from pillar.services.imports.reading import check_table
from pillar.tasks.imports import work_through
from pillar.tenancy import bind_tenant
from pillar.tokens import public_id

_STARTED_BY = "pillar import"


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option(
    "--company", "slug", default="", help="The company's portal address; needed when there are several."
)
@click.option("--dry-run", is_flag=True, help="Only count what would happen.")
def import_customers(*, file: Path, slug: str, dry_run: bool) -> None:
    """Import customers from a CSV file. The last line is the counts as JSON."""
    with create_app().app_context():
        try:
            company = _enter(slug)
            counts = _try_out(file) if dry_run else _bring_in(file, company)
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


def _bring_in(file: Path, company: str) -> Counter[Verdict]:
    config: Config = current_app.config["PILLAR_CONFIG"]
    with file.open("rb") as stream:
        key, total = running.receive_file(config.data_dir, company, stream)
    batch = running.start_import(file.name, key, total, _STARTED_BY)
    # Claimed from the start, so that no worker takes it; if this process dies, one does when the lease is over.
    batch.lease_token = token = public_id()
    batch.lease_until = clock.real_now() + timedelta(seconds=config.lease_seconds)
    batch_id = batch.id
    db.session.commit()
    _with_bar(total, lambda on_progress: work_through(config, batch_id, token, on_progress=on_progress))
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


def _try_out(file: Path) -> Counter[Verdict]:
    """Every verdict, and nothing written."""
    table, total = check_table(file)
    counts: Counter[Verdict] = Counter()
    seen: set[Sign] = set()

    def judge_all(on_progress: Callable[[int], None]) -> None:
        for chunk in running.chunks(table):
            with reading(db.session):
                counts.update(judged.verdict for judged in running.judge(chunk, seen))
            on_progress(len(chunk))

    _with_bar(total, judge_all)
    return counts


def _with_bar(total: int, work: Callable[[Callable[[int], None]], Any]) -> None:
    # On standard error: the counts are all that a script reads.
    with click.progressbar(length=total, label="Importing", file=sys.stderr) as bar:
        work(bar.update)
