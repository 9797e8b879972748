"""The portal's home with the Proposals form, and the company's logo (1.8, 1.9)."""

from __future__ import annotations

from flask import abort, current_app, render_template, send_file
from flask.typing import ResponseReturnValue

from pillar.http.access import PUBLIC, needs
from pillar.http.portal_company import enter_portal, open_portal
from pillar.models.portal import LookupPurpose
from pillar.portal import asking
from pillar.portal.blueprint import bp
from pillar.portal.sign_in import TYPE_SOMETHING, typed_address
from pillar.services import lookups
from pillar.services.branding import CompanyProfile
from pillar.services.logos import logo_path

_FOREVER = "public, max-age=31536000, immutable"


@bp.get("")
@needs(PUBLIC)
def home(slug: str) -> ResponseReturnValue:
    """The signed-out home: what a customer may want, the proposals first."""
    return _page(open_portal(slug))


@bp.get("/proposals")
@needs(PUBLIC)
def proposals(slug: str) -> ResponseReturnValue:
    """The same form at an address of its own."""
    return _page(open_portal(slug))


@bp.post("/proposals")
@needs(PUBLIC)
def ask_for_proposals(slug: str) -> ResponseReturnValue:
    """Send links to what was typed, if any live estimate is for it."""
    company = open_portal(slug)
    shown = typed_address()
    if not shown:
        return _page(company, error=TYPE_SOMETHING), 422
    sent = asking.send(LookupPurpose.PROPOSALS, lookups.understand(shown), shown)
    return sent or _page(company, shown=shown, is_down=True)


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


def _page(company: CompanyProfile, *, shown: str = "", error: str = "", is_down: bool = False) -> str:
    return render_template(
        "portal/home.html",
        company=company,
        shown=shown,
        error=error,
        is_down=is_down,
        current_tab="proposals",
    )
