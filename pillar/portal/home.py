"""The portal's home and the company's logo."""

from __future__ import annotations

from flask import abort, current_app, render_template, send_file
from flask.typing import ResponseReturnValue

from pillar.http.access import PUBLIC, needs
from pillar.http.portal_company import enter_portal, refuse_when_off
from pillar.portal.blueprint import bp
from pillar.services.logos import logo_path

_FOREVER = "public, max-age=31536000, immutable"


@bp.get("")
@needs(PUBLIC)
def home(slug: str) -> ResponseReturnValue:
    """The signed-out home: who we are and how to reach us."""
    company = enter_portal(slug)
    refuse_when_off(company)
    return render_template("portal/home.html", company=company)


@bp.get("/logo/<name>")
@needs(PUBLIC)
def logo(slug: str, name: str) -> ResponseReturnValue:
    """The company's logo; a new one has a new name."""
    company = enter_portal(slug)
    if company.logo_url is None or not company.logo_url.endswith(f"/{name}"):
        abort(404)
    path = logo_path(current_app.config["PILLAR_CONFIG"].data_dir, company.public_id, name)
    if path is None:
        abort(404)
    response = send_file(path, mimetype="image/png")
    response.headers["Cache-Control"] = _FOREVER
    return response
