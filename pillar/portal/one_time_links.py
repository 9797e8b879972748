"""`/sign-in/<token>`: takes the token out of the address, where logs and screens see it, and spends nothing."""

from __future__ import annotations

import re

from flask import Blueprint, g, redirect, request
from flask.typing import ResponseReturnValue

from pillar.http.access import PUBLIC, needs
from pillar.http.errors import error_page
from pillar.http.sessions import set_cookie
from pillar.models.portal import LOOKUP_LIFE
from pillar.models.tenant import SLUG
from pillar.portal.asking import LINK_COOKIE
from pillar.services import one_time_links

bp = Blueprint("one_time_links", __name__)

_EXPIRED = "Private links stop working after a while. Open your company's portal to ask for a new one."


@bp.get("/sign-in/<token:token>")
@needs(PUBLIC)
def take_token(token: str) -> ResponseReturnValue:
    """Lead good, used and unknown links alike to the company's page, which says how it stands."""
    slug = _slug(token)
    if not slug:
        return error_page(410, _EXPIRED, "This link has expired")
    response = redirect(f"/portal/{slug}/sign-in/link", 303)
    set_cookie(response, LINK_COOKIE, token, LOOKUP_LIFE)
    return response


def _slug(token: str) -> str:
    """Whose link it is: by its row, or, when that is gone, by what the link itself says."""
    host_owner: int | None = g.get("host_tenant_id")
    found = one_time_links.company_of(token)
    if found is not None and host_owner in (None, found[0]):
        return found[1]
    said = g.get("host_slug") or request.args.get("at", "")
    return said if re.fullmatch(SLUG, said) else ""
