"""Addresses below a portal that nothing has: the company's own page for it, with its phone number."""

from __future__ import annotations

from flask import abort
from flask.typing import ResponseReturnValue

from pillar.http.access import PUBLIC, needs
from pillar.http.portal_company import open_portal
from pillar.portal.blueprint import bp


@bp.get("/<path:nothing>")
@needs(PUBLIC)
def nothing_here(slug: str, nothing: str) -> ResponseReturnValue:  # noqa: ARG001 - any address at all
    """Bind the company, so that the page for 404 is in its look; with the portal off say that instead (1.3)."""
    open_portal(slug)
    abort(404)
