"""Who looked at an estimate: counted from a page that was on screen, never for the office or for scanners (2.6)."""

from __future__ import annotations

import re

from sqlalchemy import ColumnElement, and_, exists, select

from pillar.extensions import db
from pillar.models.estimate import Estimate, EstimateStatus
from pillar.models.estimate_replies import Device, EstimateView

# Programs that open links by themselves, by the words they use for themselves.
_SCANNER = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|scan|preview|prefetch|monitor|validator|facebookexternalhit|"
    r"curl/|wget/|python|java/|go-http|okhttp|libwww|safelinks|proofpoint|mimecast|barracuda",
    re.IGNORECASE,
)
_TABLET = re.compile(r"ipad|tablet|kindle|silk/|android(?!.*mobile)", re.IGNORECASE)
_PHONE = re.compile(r"mobile|iphone|ipod|android", re.IGNORECASE)


def count_view(estimate: Estimate, user_agent: str) -> EstimateView | None:
    """Keep that somebody looked; None for a program."""
    if is_scanner(user_agent):
        return None
    seen_before = select(EstimateView.id).where(
        EstimateView.estimate_id == estimate.id, EstimateView.revision_n == estimate.current_revision
    )
    view = EstimateView(
        estimate_id=estimate.id,
        revision_n=estimate.current_revision,
        kind=estimate.kind,
        device=device_of(user_agent),
    )
    if db.session.scalars(seen_before.limit(1)).one_or_none() is None:
        # The first look at a revision is part of its story, and of its certificate; the rest is a list.
        estimate.audit("estimate.viewed", number=estimate.number, revision=estimate.current_revision)
    db.session.add(view)
    return view


def is_scanner(user_agent: str) -> bool:
    """Whether this is a program that opens links by itself; one that says nothing is."""
    return not user_agent or _SCANNER.search(user_agent) is not None


def device_of(user_agent: str) -> Device:
    """Phone, tablet or computer."""
    if _TABLET.search(user_agent):
        return Device.TABLET
    return Device.PHONE if _PHONE.search(user_agent) else Device.COMPUTER


def views_of(estimate: Estimate, limit: int = 200) -> list[EstimateView]:
    """The looks at it, newest first."""
    query = select(EstimateView).where(EstimateView.estimate_id == estimate.id)
    return list(
        db.session.scalars(query.order_by(EstimateView.at.desc(), EstimateView.id.desc()).limit(limit))
    )


def is_viewed(estimate: Estimate) -> bool:
    """Whether what was sent was looked at and waits for an answer: `viewed` is derived, no status (2.15)."""
    return estimate.id in viewed_among([estimate])


def was_viewed() -> ColumnElement[bool]:
    """The same as a condition, for a list of estimates."""
    seen = exists().where(EstimateView.estimate_id == Estimate.id, EstimateView.at >= Estimate.sent_at)
    return and_(Estimate.status == EstimateStatus.SENT, seen)


def viewed_among(some: list[Estimate]) -> set[int]:
    """Row ids of those that are sent and were looked at since, in one query."""
    if not some:
        return set()
    query = select(Estimate.id).where(Estimate.id.in_([each.id for each in some]), was_viewed())
    return set(db.session.scalars(query))
