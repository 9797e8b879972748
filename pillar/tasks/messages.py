"""Delivering one message."""

from __future__ import annotations

import time

import structlog
from flask import current_app
from sqlalchemy.exc import OperationalError

from pillar.config import Config
from pillar.extensions import db
from pillar.models.message import Message
from pillar.services import delivery
from pillar.tasks.registry import task

log = structlog.get_logger()

_TRIES, _PAUSE_SECONDS = 3, 1.0


@task("deliver-message")
def deliver_message(message_id: int) -> None:
    """Claim, commit, hand over, record, commit. Any number of workers may try; one gets the claim."""
    config: Config = current_app.config["PILLAR_CONFIG"]
    # While the lease is ours nobody else writes this row, so it need not be read again to be recorded.
    db.session().expire_on_commit = False
    message = Message.take(db.session(), message_id, config.lease_seconds)
    if message is None:
        return
    lease = message.lease_token
    mail = delivery.prepare(message)
    db.session.commit()
    if mail is None:
        return
    outcome = delivery.hand_over(mail)
    for tries_left in reversed(range(_TRIES)):
        try:
            _record(message, lease, outcome)
        except OperationalError:
            # Giving up here would send it a second time when the lease has run out.
            db.session.rollback()
            if not tries_left:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _record(message: Message, lease: str, outcome: delivery.Outcome) -> None:
    if not Message.is_held(db.session(), message.id, lease):
        log.warning("message_lease_lost", message=message.id)
        return
    delivery.record(message, outcome)
    db.session.commit()
