"""Making one signed paper."""

from __future__ import annotations

import structlog
from flask import current_app

from pillar.config import Config
from pillar.database import reading
from pillar.extensions import db
from pillar.models.signed_pdf import SignedPdf
from pillar.services import estimate_mail, estimate_pdf
from pillar.tasks.messages import deliver_message
from pillar.tasks.registry import task
from pillar.typesetting import TypesettingFailed

log = structlog.get_logger()

# A paper that cannot be made is made when its cause is gone: after an update, after restoring a changed row. So it is
# never given up.
_AGAIN_SECONDS = 3600.0


@task("make-signed-pdf")
def make_signed_pdf(row_id: int) -> None:
    """Claim, commit, read, typeset with nothing held, store, commit. Any number of workers make one paper."""
    config: Config = current_app.config["PILLAR_CONFIG"]
    lease = SignedPdf.claim(db.session(), row_id, config.lease_seconds)
    db.session.commit()
    if lease is None:
        return
    with reading(db.session):
        paper = estimate_pdf.describe_signed(db.session.get_one(SignedPdf, row_id))
    pdf = _made(paper, row_id)
    row = SignedPdf.held(db.session(), row_id, lease)
    if row is None:
        log.warning("signed_pdf_lease_lost", row=row_id)
        return
    if pdf is None:
        row.first_tried_at = None
        row.postpone(_AGAIN_SECONDS)
    else:
        row.keep(pdf)
    # With the paper, or without one that cannot be made: the customer's copy waits no longer.
    copy_id = estimate_mail.release_copy(row.signature)
    db.session.commit()
    if copy_id is not None:
        deliver_message.later(row.tenant_id, copy_id)


def _made(paper: estimate_pdf.Paper, row_id: int) -> bytes | None:
    """The paper; None where it must not or cannot be made now."""
    if paper.values["tampered"]:
        # What was changed after the signature is not what was signed, so it gets no signed paper.
        log.error("signed_pdf_tampered", row=row_id)
        return None
    try:
        return paper.typeset()
    except TypesettingFailed as error:
        log.error("signed_pdf_failed", row=row_id, reason=str(error)[:300])  # noqa: TRY400 - the reason says it all
        return None
