"""Applying what a vendor told us, each event in one transaction with its effect."""

from __future__ import annotations

import structlog
from flask import current_app, g
from sqlalchemy.exc import OperationalError

from pillar.config import Config
from pillar.extensions import db
from pillar.models.audit import Actor
from pillar.models.webhook_event import WebhookEvent, WebhookOutcome
from pillar.services import webhook_effects
from pillar.tasks.registry import HOOKS, task

log = structlog.get_logger()


# Before the post: a STOP that waits behind a thousand texts would come too late for them.
@task("apply-webhook", queue=HOOKS)
def apply_webhook(row_id: int) -> None:
    """Claim, commit, apply, commit. What breaks is kept with its error and tried again for a day."""
    config: Config = current_app.config["PILLAR_CONFIG"]
    lease = WebhookEvent.claim(db.session(), row_id, config.lease_seconds)
    db.session.commit()
    if lease is None:
        return
    try:
        if (event := WebhookEvent.held(db.session(), row_id, lease)) is None:
            return
        g.actor = Actor("provider", event.provider.value)
        webhook_effects.apply(event)
        db.session.commit()
    except OperationalError:
        # The database is away or locked; the lease brings it back.
        raise
    except Exception as error:
        log.exception("webhook_broke", row=row_id)
        db.session.rollback()
        _keep_error(row_id, lease, error)


def _keep_error(row_id: int, lease: str, error: Exception) -> None:
    event = WebhookEvent.held(db.session(), row_id, lease)
    if event is None:
        return
    event.outcome, event.note = WebhookOutcome.FAILED, type(error).__name__
    event.postpone()
    db.session.commit()
