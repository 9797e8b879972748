"""Every status makes only the moves of its table, and nothing that was sent or signed changes by any way."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from pillar import clock
from pillar.errors import InvalidTransition, RuleViolation
from pillar.extensions import db
from pillar.models import (
    Customer,
    Estimate,
    EstimateAddOn,
    EstimateLine,
    EstimateOption,
    EstimateRevision,
    ImportBatch,
    Job,
    Message,
    Signature,
    StaffUser,
    Tenant,
)
from pillar.models.signature import SignatureMethod
from pillar.services.acceptance import Signing, accept_estimate
from tests.support import estimates as making
from tests.support.cast import Company

# Model: status -> where it may go (DOMAIN: Entities, statuses, moves). What is not named ends there.
MOVES: dict[type[Any], dict[str, str]] = {
    Estimate: {
        "draft": "sent",
        "sent": "changes_requested accepted declined expired withdrawn superseded",
        "changes_requested": "sent accepted declined expired withdrawn superseded",
        "declined": "sent",
        "expired": "sent",
        "accepted": "cancelled",
        "withdrawn": "",
        "superseded": "",
        "cancelled": "",
    },
    Job: {
        "unscheduled": "scheduled in_progress on_hold cancelled",
        "scheduled": "unscheduled in_progress on_hold cancelled",
        "in_progress": "completed on_hold cancelled",
        "on_hold": "unscheduled scheduled in_progress cancelled",
        "completed": "invoiced closed",
        "invoiced": "closed",
        "closed": "",
        "cancelled": "",
    },
    Message: {
        "queued": "sending failed suppressed held",
        "held": "queued suppressed failed",
        "sending": "queued sent delivered unknown failed bounced suppressed",
        "unknown": "queued sent delivered opened bounced failed",
        "sent": "delivered opened bounced failed",
        "delivered": "opened",
        "opened": "",
        "bounced": "",
        "failed": "queued",
        "suppressed": "",
    },
    StaffUser: {"invited": "active disabled", "active": "disabled", "disabled": "active"},
    Customer: {"active": "inactive", "inactive": "active"},
    ImportBatch: {
        "mapping": "checking failed",
        "checking": "checked failed",
        "checked": "checking queued failed",
        "queued": "running done failed",
        "running": "done failed",
        "done": "undoing",
        "failed": "undoing",
        "undoing": "undone failed",
        "undone": "",
    },
    Tenant: {
        "onboarding": "active closed",
        "active": "suspended closed",
        "suspended": "active closed",
        "closed": "",
    },
}


def statuses(model: type[Any]) -> type[StrEnum]:
    kind: type[StrEnum] = model.status.type.enum_class
    return kind


CASES = [
    pytest.param(model, before, after, id=f"{model.__name__}-{before}-{after}")
    for model in MOVES
    for before in statuses(model)
    for after in statuses(model)
]


@pytest.mark.parametrize("model", MOVES, ids=lambda model: model.__name__)
def test_every_status_is_in_the_table(model: type[Any]) -> None:
    assert set(MOVES[model]) == {status.value for status in statuses(model)}


@pytest.mark.parametrize(("model", "before", "after"), CASES)
def test_a_status_makes_the_moves_of_its_table_only(
    model: type[Any], before: StrEnum, after: StrEnum
) -> None:
    thing = model(status=before)
    allowed = after.value in MOVES[model][before.value].split()
    assert thing.may_become(after) is allowed
    if allowed or after is before:
        thing.status = after
        assert thing.status is after
        return
    with pytest.raises(InvalidTransition) as refused:
        thing.status = after
    assert (refused.value.current, refused.value.wanted) == (before, after)
    assert thing.status is before


def test_what_is_no_status_is_refused(acme: Company) -> None:
    with acme.scope() as tenant:
        estimate = making.sent(acme, tenant)
        with pytest.raises(InvalidTransition):
            estimate.status = "approved"  # type: ignore[assignment]


@pytest.fixture
def sent(acme: Company) -> str:
    """A sent estimate."""
    with acme.scope() as tenant:
        public_id = making.sent(acme, tenant).public_id
        db.session.commit()
    return public_id


def read(public_id: str) -> Estimate:
    return db.session.scalars(select(Estimate).where(Estimate.public_id == public_id)).one()


def _line(estimate: Estimate) -> EstimateLine:
    return estimate.revision.options[0].lines[0]


def _new_line() -> EstimateLine:
    return EstimateLine(description="Slipped in", unit_price_cents=1, quantity_thousandths=1000)


def _other_draft_option(estimate: Estimate) -> EstimateOption:
    """An option of a draft revision of the same estimate, stored."""
    option = EstimateOption(position=1)
    db.session.add(EstimateRevision(estimate=estimate, n=2, options=[option]))
    db.session.flush()
    return option


def _move_line_away(estimate: Estimate) -> None:
    target = _other_draft_option(estimate)
    _line(estimate).option = target


def _move_line_away_by_key(estimate: Estimate) -> None:
    target = _other_draft_option(estimate)
    line = _line(estimate)
    db.session.expire(line)
    line.option_id = target.id


def _move_line_here_by_key(estimate: Estimate) -> None:
    target = _other_draft_option(estimate)
    line = _new_line()
    target.lines.append(line)
    db.session.flush()
    line.option_id = estimate.revision.options[0].id


def _move_option_away(estimate: Estimate) -> None:
    draft = _other_draft_option(estimate).revision
    estimate.revision.options[0].revision = draft


def _unread_document(estimate: Estimate) -> None:
    revision = estimate.revision
    db.session.expire(revision)
    revision.document = '{"total":1}'


def _freeze_again(estimate: Estimate) -> None:
    revision = estimate.revision
    revision.document = None
    revision.freeze({"total": 1})


CHANGES: dict[str, Callable[[Estimate], object]] = {
    "its title": lambda e: setattr(e.revision, "title", "Other"),
    "its total": lambda e: setattr(e.revision, "total_cents", 1),
    "its number in the row": lambda e: setattr(e.revision, "n", 7),
    "its document": lambda e: setattr(e.revision, "document", "{}"),
    "its document, unread": _unread_document,
    "no document": lambda e: setattr(e.revision, "document", None),
    "its hash": lambda e: setattr(e.revision, "content_hash", "0" * 64),
    "frozen again": _freeze_again,
    "another estimate": lambda e: setattr(e.revision, "estimate_id", e.id + 1),
    "deleted": lambda e: db.session.delete(e.revision),
    "option label": lambda e: setattr(e.revision.options[0], "label", "Premium"),
    "option discount": lambda e: setattr(e.revision.options[0], "discount_cents", 5),
    "option deleted": lambda e: db.session.delete(e.revision.options[0]),
    "option taken out": lambda e: e.revision.options.clear(),
    "option moved": _move_option_away,
    "option added": lambda e: e.revision.options.append(EstimateOption(position=2)),
    "option added by key": lambda e: db.session.add(EstimateOption(position=2, revision_id=e.revision.id)),
    "line text": lambda e: setattr(_line(e), "description", "Other"),
    "line price": lambda e: setattr(_line(e), "unit_price_cents", 1),
    "line deleted": lambda e: db.session.delete(_line(e)),
    "lines taken out": lambda e: e.revision.options[0].lines.clear(),
    "line moved": _move_line_away,
    "line moved by key": _move_line_away_by_key,
    "line moved in by key": _move_line_here_by_key,
    "line added": lambda e: e.revision.options[0].lines.append(_new_line()),
    "line added by key": lambda e: db.session.add(
        EstimateLine(description="In", unit_price_cents=1, option_id=e.revision.options[0].id)
    ),
    "add-on added": lambda e: e.revision.add_ons.append(
        EstimateAddOn(description="In", unit_price_cents=1, quantity_thousandths=1000)
    ),
    "bulk update of revisions": lambda _: db.session.execute(update(EstimateRevision).values(title="x")),
    "bulk update of lines": lambda _e: db.session.execute(update(EstimateLine).values(unit_price_cents=1)),
    "bulk update of options": lambda _e: db.session.execute(update(EstimateOption).values(label="x")),
    "bulk delete of lines": lambda _e: db.session.execute(delete(EstimateLine)),
    "bulk delete of revisions": lambda _e: db.session.execute(delete(EstimateRevision)),
    "bulk insert of lines": lambda e: db.session.execute(
        insert(EstimateLine),
        [{"description": "In", "unit_price_cents": 1, "option_id": e.revision.options[0].id}],
    ),
    "query update": lambda _e: db.session.query(EstimateLine).update({"unit_price_cents": 1}),
    "query delete": lambda _e: db.session.query(EstimateOption).delete(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_nothing_that_was_sent_changes(
    acme: Company, sent: str, change: Callable[[Estimate], object]
) -> None:
    with acme.scope():
        estimate = read(sent)
        with pytest.raises(RuleViolation):
            _apply(change, estimate)
        db.session.rollback()
        estimate = read(sent)
        assert estimate.revision.is_genuine
        assert [line.description for line in estimate.revision.options[0].lines] == [
            line.description for line in making.LINES
        ]


def _apply(change: Callable[[Any], object], thing: Any) -> None:
    change(thing)
    db.session.flush()


def test_a_draft_changes_freely_and_freezing_is_the_last_change(acme: Company) -> None:
    with acme.scope() as tenant:
        estimate = making.draft(acme, tenant)
        _line(estimate).unit_price_cents = 5
        estimate.revision.options[0].lines.append(_new_line())
        db.session.flush()
        db.session.delete(_line(estimate))
        db.session.flush()
        db.session.expire_all()
        estimate.revision.freeze({"total": 1})
        db.session.flush()
        with pytest.raises(RuleViolation, match="sent already"):
            estimate.revision.freeze({"total": 2})
        db.session.rollback()


def test_a_line_does_not_slip_in_beside_the_freezing(acme: Company) -> None:
    with acme.scope() as tenant:
        estimate = making.draft(acme, tenant)
        db.session.flush()
        estimate.revision.freeze({"total": 1})
        _line(estimate).unit_price_cents = 5
        with pytest.raises(RuleViolation):
            db.session.flush()
        db.session.rollback()


def test_the_estimate_itself_and_new_revisions_go_on(acme: Company, sent: str) -> None:
    with acme.scope():
        estimate = read(sent)
        estimate.valid_until = clock.today("UTC")
        _other_draft_option(estimate).lines.append(_new_line())
        db.session.commit()


SIGNATURE_CHANGES: dict[str, Callable[[Signature], object]] = {
    "name": lambda s: setattr(s, "signer_name", "Somebody Else"),
    "amount": lambda s: setattr(s, "total_cents", 1),
    "picture": lambda s: setattr(s, "image_png", b""),
    "deleted": db.session.delete,
    "bulk update": lambda _s: db.session.execute(update(Signature).values(signer_name="x")),
    "bulk delete": lambda _s: db.session.execute(delete(Signature)),
}


@pytest.mark.parametrize("change", SIGNATURE_CHANGES.values(), ids=list(SIGNATURE_CHANGES))
def test_a_signature_never_changes(acme: Company, sent: str, change: Callable[[Signature], object]) -> None:
    with acme.scope() as tenant:
        estimate = read(sent)
        revision = estimate.revision
        signing = Signing(
            revision=revision.n,
            content_hash=revision.content_hash,
            method=SignatureMethod.TYPE,
            signer_name="John Mitchell",
            ip="198.51.100.24",
            user_agent="test",
        )
        signature = accept_estimate(tenant, estimate.id, signing)
        db.session.flush()
        with pytest.raises(RuleViolation):
            _apply(change, signature)
        db.session.rollback()
