"""The office looks at the portal as a customer sees it: said on every page, ended with one button (1.14)."""

from __future__ import annotations

from typing import Any

from flask import g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from pillar.extensions import db
from pillar.http import portal_sessions
from pillar.http.access import PUBLIC, needs
from pillar.http.portal_company import enter_portal
from pillar.http.scope import SAFE_METHODS
from pillar.portal.blueprint import bp


@bp.before_request
def only_look() -> ResponseReturnValue | None:
    """Nothing that the office sends from a customer's pages does anything, be it open to every visitor."""
    may_pass = request.method in SAFE_METHODS or request.endpoint == f"{bp.name}.{stop_looking.__name__}"
    if may_pass or not _is_viewing():
        return None
    return redirect(url_for("portal.looking", slug=(request.view_args or {})["slug"]), 303)


@bp.get("/looking")
@needs(PUBLIC)
def looking(slug: str) -> ResponseReturnValue:
    """Where whatever the office tries to send from a customer's page ends."""
    company = enter_portal(slug)
    if not _is_viewing():
        return redirect(url_for("portal.home", slug=slug), 303)
    return render_template("portal/looking.html", company=company)


@bp.post("/looking/end")
@needs(PUBLIC)
def stop_looking(slug: str) -> ResponseReturnValue:
    """Back to the office, to the customer whose portal it was."""
    enter_portal(slug)
    if not _is_viewing():
        return redirect(url_for("portal.home", slug=slug), 303)
    links = current_user.customer_links
    customer = links[0].customer.public_id if links else ""
    current_user.audit("portal.closed_as_customer")
    portal_sessions.stop_looking()
    db.session.commit()
    if not customer:
        return redirect(url_for("customers.index_view"), 303)
    return redirect(url_for("customers.details_view", id=customer), 303)


def _is_viewing() -> bool:
    person: Any = current_user
    return bool(person.is_authenticated) and g.signed_in.is_viewing
