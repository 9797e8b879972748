"""What was sent and what was signed never changes: refused on every way that the session knows (10, 2.10).

The frozen document is the truth and its hash shows any change; this keeps our own code from trying.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import ORMExecuteState, Session

from pillar.errors import RuleViolation
from pillar.models.estimate_revision import EstimateAddOn, EstimateLine, EstimateOption, EstimateRevision
from pillar.models.signature import Signature
from pillar.tenancy import FencedSession

_PARTS = (EstimateOption, EstimateLine, EstimateAddOn)
FIXED = (EstimateRevision, *_PARTS, Signature)
_TABLES = frozenset(model.__tablename__ for model in FIXED)
_SENT = "A sent revision cannot change. Make a new revision."
_SIGNED = "A signature cannot change."


@event.listens_for(FencedSession, "do_orm_execute")
def _no_change_in_bulk(state: ORMExecuteState) -> None:
    """A statement passes the objects by, so nobody could look first at what it would change."""
    table = getattr(state.statement, "table", None)
    if not state.is_select and getattr(table, "name", "") in _TABLES:
        raise RuleViolation(_SENT)


@event.listens_for(FencedSession, "before_flush")
def _no_change_of_objects(session: Session, _context: Any, _instances: Any) -> None:
    changed = [row for row in session.dirty if session.is_modified(row, include_collections=False)]
    for row in (*changed, *session.deleted):
        if isinstance(row, Signature):
            raise RuleViolation(_SIGNED)
        if isinstance(row, EstimateRevision) and _was_sent(row):
            raise RuleViolation(_SENT)
    for row in (*session.new, *changed, *session.deleted):
        if isinstance(row, _PARTS) and any(map(_is_sent, _revisions(session, row))):
            raise RuleViolation(_SENT)


def _was_sent(revision: EstimateRevision) -> bool:
    """Whether the stored row has its document: only the change that gives it one may pass."""
    before = inspect(revision).attrs.document.load_history()
    return any(text is not None for text in (*(before.unchanged or ()), *(before.deleted or ())))


def _is_sent(revision: EstimateRevision) -> bool:
    return revision.document is not None or _was_sent(revision)


def _revisions(session: Session, part: Any) -> Iterator[EstimateRevision]:
    """The revisions that a part belongs to and those that it is taken from."""
    if isinstance(part, EstimateLine):
        for option in _parents(session, part, "option", EstimateOption):
            yield from _revisions(session, option)
    else:
        yield from _parents(session, part, "revision", EstimateRevision)


def _parents(session: Session, part: Any, name: str, model: type[Any]) -> Iterator[Any]:
    """Now and before, by object and by key: either may be set without the other."""
    attributes = inspect(part).attrs
    yield from (parent for parent in attributes[name].load_history().sum() if parent is not None)
    for key in attributes[f"{name}_id"].load_history().sum():
        parent = session.get(model, key) if key is not None else None
        if parent is not None:
            yield parent
