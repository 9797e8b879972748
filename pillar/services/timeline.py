"""What happened between a company and one customer, newest first (7.1).

One query for each kind of thing, each for one page's worth at most: a page costs the same after twenty years. A page
begins at a moment, so that nothing is shown twice or left out when something is added meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import contains_eager, defer, joinedload
from sqlalchemy.sql import Select

from pillar.extensions import db
from pillar.models.customer import Customer, InternalNote
from pillar.models.estimate import Estimate
from pillar.models.estimate_replies import EstimateReply, EstimateView
from pillar.models.estimate_revision import EstimateRevision
from pillar.models.job import Job
from pillar.models.message import Message
from pillar.models.phone_call import PhoneCall
from pillar.models.signature import Signature

PAGE = 30
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CURSOR = re.compile(r"(\d{1,17})-(\d{1,3})")


class Kind(StrEnum):
    """What may stand in a timeline. At one moment the later ones of this list come first."""

    SENT = "sent"
    MESSAGE = "message"
    VIEWED = "viewed"
    REPLY = "reply"
    SIGNED = "signed"
    JOB = "job"
    CALL = "call"
    NOTE = "note"


DOCUMENTS = frozenset({Kind.SENT, Kind.VIEWED, Kind.REPLY, Kind.SIGNED, Kind.JOB})
_ORDER = {kind: number for number, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened; `row` is the model's."""

    at: datetime
    kind: Kind
    row: Any


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: at this moment, after so many of its things."""

    at: datetime
    skip: int

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // _MICROSECOND}-{self.skip}"


@dataclass(frozen=True, slots=True)
class Page:
    """The moments of a page and where the next, older one begins."""

    moments: list[Moment]
    older: Cursor | None


def read_cursor(text: str) -> Cursor | None:
    """A cursor as it stands in an address; None for anything else, which is the newest page."""
    found = _CURSOR.fullmatch(text)
    if found is None:
        return None
    try:
        return Cursor(_EPOCH + int(found[1]) * _MICROSECOND, int(found[2]))
    except OverflowError:
        return None


def page_of(
    customer: Customer, kinds: Collection[Kind], start: Cursor | None = None, size: int = PAGE
) -> Page:
    """One page of the timeline, of these kinds."""
    skip = start.skip if start else 0
    most = size + skip + 1
    found: list[Moment] = []
    for kind in kinds:
        query, at, key = _SOURCES[kind](customer)
        if start is not None:
            query = query.where(at <= start.at)
        query = query.order_by(at.desc(), key.desc()).limit(most)
        found += (Moment(getattr(row, at.key), kind, row) for row in db.session.scalars(query).unique())
    found.sort(key=lambda each: (each.at, _ORDER[each.kind], each.row.id), reverse=True)
    shown = found[skip : skip + size]
    return Page(shown, _next(found, skip + size, shown) if len(found) > skip + size else None)


def _next(found: list[Moment], end: int, shown: Iterable[Moment]) -> Cursor:
    last = list(shown)[-1].at
    return Cursor(last, sum(1 for each in found[:end] if each.at == last))


_Source = tuple[Select[Any], Any, Any]


def _messages(customer: Customer) -> _Source:
    texts = (Message.body_html, Message.body_sealed)
    query = select(Message).where(Message.customer_id == customer.id).options(*map(defer, texts))
    return query, Message.created_at, Message.id


def _calls(customer: Customer) -> _Source:
    query = select(PhoneCall).where(PhoneCall.customer_id == customer.id, PhoneCall.deleted_at.is_(None))
    return query, PhoneCall.at, PhoneCall.id


def _notes(customer: Customer) -> _Source:
    query = select(InternalNote).where(
        InternalNote.customer_id == customer.id, InternalNote.deleted_at.is_(None)
    )
    return query, InternalNote.created_at, InternalNote.id


def _jobs(customer: Customer) -> _Source:
    query = select(Job).where(Job.customer_id == customer.id, Job.deleted_at.is_(None))
    return query.options(joinedload(Job.estimate)), Job.created_at, Job.id


def _of_estimates(model: Any, customer: Customer) -> Select[Any]:
    query = select(model).join(Estimate, Estimate.id == model.estimate_id)
    return query.where(Estimate.customer_id == customer.id, Estimate.deleted_at.is_(None))


def _sent(customer: Customer) -> _Source:
    query = _of_estimates(EstimateRevision, customer).where(EstimateRevision.sent_at.is_not(None))
    query = query.options(contains_eager(EstimateRevision.estimate), defer(EstimateRevision.document))
    return query, EstimateRevision.sent_at, EstimateRevision.id


def _viewed(customer: Customer) -> _Source:
    return _of_estimates(EstimateView, customer), EstimateView.at, EstimateView.id


def _replies(customer: Customer) -> _Source:
    query = _of_estimates(EstimateReply, customer).options(contains_eager(EstimateReply.estimate))
    return query, EstimateReply.at, EstimateReply.id


def _signed(customer: Customer) -> _Source:
    query = _of_estimates(Signature, customer).options(contains_eager(Signature.estimate))
    return query, Signature.signed_at, Signature.id


_SOURCES: dict[Kind, Callable[[Customer], _Source]] = {
    Kind.SENT: _sent,
    Kind.MESSAGE: _messages,
    Kind.VIEWED: _viewed,
    Kind.REPLY: _replies,
    Kind.SIGNED: _signed,
    Kind.JOB: _jobs,
    Kind.CALL: _calls,
    Kind.NOTE: _notes,
}
