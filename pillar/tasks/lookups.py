"""Answering a lookup: who asked is found here, where no visitor waits."""

from __future__ import annotations

from flask import current_app

from pillar.config import Config
from pillar.extensions import db
from pillar.models.portal import LookupRequest
from pillar.services import lookup_answers
from pillar.tasks.registry import task


@task("answer-lookup")
def answer_lookup(request_id: int) -> None:
    """Claim, commit, write the messages, commit. A second worker finds nothing left to do."""
    config: Config = current_app.config["PILLAR_CONFIG"]
    lease = LookupRequest.claim(db.session(), request_id, config.lease_seconds)
    db.session.commit()
    if lease is None or (request := LookupRequest.held(db.session(), request_id, lease)) is None:
        return
    lookup_answers.answer(request)
    request.finish()
    db.session.commit()
