"""Estimates: the list a signed-in customer follows (2.15)."""

from __future__ import annotations

from collections.abc import Sequence

from flask import g, request
from flask_login import current_user

from pillar.http.access import CUSTOMER, needs
from pillar.portal.blueprint import bp
from pillar.portal.signed_in import show
from pillar.services.portal_estimates import EstimateRow, Position, page_of_estimates


@bp.get("/estimates")
@needs(CUSTOMER)
def estimates(slug: str) -> str:  # noqa: ARG001 - bound by `enter_portal`
    """Everything that was sent, what can be approved first."""
    after = Position.read(request.args.get("after", ""))
    page = page_of_estimates(current_user, g.company.time_zone, after)
    return show(
        "portal/estimates.html",
        tab="/estimates",
        sections=_sections(page.rows),
        has_customers=len({row.customer for row in page.rows}) > 1,
        has_places=len({(row.customer, row.place) for row in page.rows})
        > len({row.customer for row in page.rows}),
        next_position=page.next_position,
        is_first_page=after is None,
    )


def _sections(rows: Sequence[EstimateRow]) -> list[tuple[str, list[EstimateRow]]]:
    """What waits for the customer, then the rest, each under its heading; an empty one is left out."""
    waiting = [row for row in rows if row.needs_customer]
    others = [row for row in rows if not row.needs_customer]
    named = [("For you to approve", waiting), ("Other estimates" if waiting else "Your estimates", others)]
    return [(heading, some) for heading, some in named if some]
