"""Accept, decline, a new revision and the end of its last day, all at once (2.10, 2.11).

One winner, and what is signed is what was shown. Twelve rounds in the suite, 300 under `make soak`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm.exc import StaleDataError

from pillar import clock
from pillar.errors import PillarError
from pillar.extensions import db
from pillar.models import Estimate, Job, Signature
from pillar.models.estimate import EstimateStatus
from pillar.models.estimate_replies import ReplyKind
from pillar.models.tenant import Tenant
from pillar.services import acceptance, estimates, replies
from pillar.services.acceptance import Signing
from pillar.services.verification import violations
from tests.support import estimates as making
from tests.support.cast import Company

ROUNDS = 300 if os.environ.get("PILLAR_SOAK") else 12
Act = Callable[[Tenant, int, Signing], object]


def accept(tenant: Tenant, estimate_id: int, signing: Signing) -> None:
    acceptance.accept_estimate(tenant, estimate_id, signing)


def decline(tenant: Tenant, estimate_id: int, signing: Signing) -> None:
    given = replies.ReplyInput(kind=ReplyKind.DECLINE, form_key="a" * 22, revision=signing.revision)
    replies.take_reply(tenant, estimate_id, given)


def revise(tenant: Tenant, estimate_id: int, _signing: Signing) -> None:
    estimate = db.session.scalars(select(Estimate).where(Estimate.id == estimate_id)).one()
    draft = estimates.start_revision(estimate)
    draft.change_note = "The price changed."
    draft.title = "Another title"
    db.session.flush()
    estimates.send_estimate(tenant, estimate)


def expire(tenant: Tenant, estimate_id: int, _signing: Signing) -> None:
    with clock.travel_to(clock.now() + timedelta(days=40)):
        estimates.expire_due(tenant)
    if db.session.get_one(Estimate, estimate_id).status is not EstimateStatus.EXPIRED:
        raise PillarError("It was not open")


ACTS: dict[str, Act] = {"accept": accept, "decline": decline, "revise": revise, "expire": expire}


def all_at_once(app: Flask, company: Company, estimate_id: int, signing: Signing) -> set[str]:
    """The names of the acts that went through."""
    together = Barrier(len(ACTS))

    def one(name: str) -> str:
        with app.app_context():
            together.wait(30)
            try:
                with company.scope() as tenant:
                    ACTS[name](tenant, estimate_id, signing)
                    db.session.commit()
            except (PillarError, SQLAlchemyError, StaleDataError):
                db.session.rollback()
                return ""
            return name

    with ThreadPoolExecutor(len(ACTS)) as pool:
        return set(pool.map(one, ACTS)) - {""}


@pytest.mark.scales
def test_one_winner_and_what_is_signed_is_what_was_shown(app: Flask, acme: Company) -> None:
    endings: Counter[EstimateStatus] = Counter()
    for _ in range(ROUNDS):
        estimate_id, signing = making.ready_to_sign(acme)
        done = all_at_once(app, acme, estimate_id, signing)
        db.session.rollback()
        with acme.scope():
            estimate = db.session.scalars(select(Estimate).where(Estimate.id == estimate_id)).one()
            signatures = db.session.scalars(
                select(Signature).where(Signature.estimate_id == estimate_id)
            ).all()
            jobs = db.session.scalars(select(Job).where(Job.estimate_id == estimate_id)).all()
            assert done, "somebody always wins"
            assert len(signatures) == len(jobs) == int("accept" in done)
            if "accept" in done:
                # Whoever else went through did so on an offer that was no longer open to them.
                assert done == {"accept"}
                assert estimate.status is EstimateStatus.ACCEPTED
                assert signatures[0].content_hash == signing.content_hash == estimate.revision.content_hash
            endings[estimate.status] += 1
        db.session.rollback()
    assert list(violations()) == []
    db.session.rollback()
    assert sum(endings.values()) == ROUNDS
