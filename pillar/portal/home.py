"""The portal's home and the company's logo."""

from __future__ import annotations

from flask import Blueprint, abort, current_app, render_template, send_file
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from pillar.extensions import db
from pillar.http.access import PUBLIC, needs
from pillar.http.scope import enter_company
from pillar.models.tenant import Tenant, TenantStatus
from pillar.services.branding import CompanyProfile
from pillar.services.logos import logo_path

bp = Blueprint("portal", __name__, url_prefix="/portal/<slug:slug>")
_FOREVER = "public, max-age=31536000, immutable"


@bp.get("")
@needs(PUBLIC)
def home(slug: str) -> ResponseReturnValue:
    """The signed-out home: who we are and how to reach us."""
    company = _company_or_404(slug)
    if not company.portal_enabled:
        return render_template("portal/unavailable.html", company=company), 503
    return render_template("portal/home.html", company=company)


@bp.get("/logo/<name>")
@needs(PUBLIC)
def logo(slug: str, name: str) -> ResponseReturnValue:
    """The company's logo; a new one has a new name."""
    company = _company_or_404(slug)
    if company.logo_url is None or not company.logo_url.endswith(f"/{name}"):
        abort(404)
    path = logo_path(current_app.config["PILLAR_CONFIG"].data_dir, company.public_id, name)
    if path is None:
        abort(404)
    response = send_file(path, mimetype="image/png")
    response.headers["Cache-Control"] = _FOREVER
    return response


def _company_or_404(slug: str) -> CompanyProfile:
    """One read: the company's id and the version of its settings; the rest is at hand."""
    row = db.session.execute(
        select(Tenant.id, Tenant.settings_version, Tenant.status).where(Tenant.slug == slug)
    ).one_or_none()
    if row is None or row.status is TenantStatus.CLOSED:
        abort(404)
    return enter_company(row.id, row.settings_version)
