"""After the time to undo is over, what people sent is not kept: files and rows of old imports go, the counts stay."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import delete, or_, select

from pillar import clock
from pillar.extensions import db
from pillar.models.imports import ImportBatch, ImportRow, ImportStatus
from pillar.models.tenant import Tenant
from pillar.services.imports.files import forget_file
from pillar.services.imports.running import UNDO_FOR
from pillar.tenancy import current_tenant_id

ROWS_AT_ONCE = 1_000
# Somebody's worker has these in hand.
_AT_WORK = (ImportStatus.CHECKING, ImportStatus.QUEUED, ImportStatus.RUNNING, ImportStatus.UNDOING)


def next_to_purge() -> ImportBatch | None:
    """An import of the bound company that nobody can undo or go on with."""
    too_old = clock.now() - UNDO_FOR
    query = select(ImportBatch).where(
        ImportBatch.purged_at.is_(None),
        ImportBatch.status.not_in(_AT_WORK),
        ImportBatch.updated_at < too_old,
        or_(ImportBatch.undo_until.is_(None), ImportBatch.undo_until < clock.now()),
    )
    return db.session.scalars(query.order_by(ImportBatch.id).limit(1)).one_or_none()


def purge_some(batch: ImportBatch, data_dir: Path) -> bool:
    """Delete the next rows of a batch, at last its file; True when it is done. The caller commits each time."""
    some = (
        select(ImportRow.id).where(ImportRow.batch_id == batch.id).order_by(ImportRow.n).limit(ROWS_AT_ONCE)
    )
    ids = list(db.session.scalars(some))
    if ids:
        db.session.execute(
            delete(ImportRow).where(ImportRow.id.in_(ids)), execution_options={"synchronize_session": False}
        )
    if len(ids) == ROWS_AT_ONCE:
        return False
    company = db.session.scalars(select(Tenant.public_id).where(Tenant.id == current_tenant_id())).one()
    forget_file(data_dir, company, batch.file_key)
    batch.samples = None
    batch.purged_at = clock.now()
    batch.audit("import.purged", file=batch.file_name)
    return True
