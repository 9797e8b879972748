"""The list of estimates: its tabs, and the status with `viewed`, which is derived and no status of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import g
from markupsafe import Markup
from sqlalchemy.sql import Select

from pillar.admin.formatters import ESTIMATE_LOOKS, Look, pill
from pillar.admin.listing import SavedView
from pillar.models.estimate import Estimate, EstimateStatus
from pillar.services import views

S = EstimateStatus
VIEWED = Look("info", "eye", "Viewed")


def _with(status: EstimateStatus) -> Any:
    def narrow(query: Select[Any]) -> Select[Any]:
        return query.where(Estimate.status == status)

    return narrow


SAVED_VIEWS = (
    SavedView("all", "All", lambda query: query),
    SavedView("draft", "Draft", _with(S.DRAFT)),
    SavedView("open", "Waiting for the customer", _with(S.SENT)),
    SavedView("viewed", "Viewed", lambda query: query.where(views.was_viewed())),
    SavedView("changes", "Changes requested", _with(S.CHANGES_REQUESTED)),
    SavedView("approved", "Approved", _with(S.ACCEPTED)),
    SavedView("declined", "Declined", _with(S.DECLINED)),
    SavedView("expired", "Expired", _with(S.EXPIRED)),
    SavedView("withdrawn", "Withdrawn", _with(S.WITHDRAWN)),
)


def note_viewed(rows: Sequence[Estimate]) -> None:
    """Ask once which rows of the page were looked at."""
    g.viewed_estimates = views.viewed_among(list(rows))


def status_pill(_view: Any, _context: Any, row: Estimate, _name: str) -> Markup:
    """The status as a pill."""
    return pill(look_of(row, is_viewed=row.id in g.get("viewed_estimates", ())))


def look_of(estimate: Estimate, *, is_viewed: bool) -> Look:
    """How an estimate's status is shown."""
    return VIEWED if is_viewed else ESTIMATE_LOOKS[estimate.status]
