"""The portal on a phone's home screen: manifest, icons, worker (1.15). The manifest answers whatever the setting."""

from __future__ import annotations

import json

from flask import Response, abort, current_app, request, url_for
from flask.typing import ResponseReturnValue

from pillar.http.access import CUSTOMER, PUBLIC, needs
from pillar.http.assets import asset
from pillar.http.portal_company import enter_portal
from pillar.portal.blueprint import bp
from pillar.portal.signed_in import show
from pillar.services.app_icons import SIDES, icon, icon_key

_FOREVER = "public, max-age=31536000, immutable"
_PAGE_GREY = "#f6f7f6"
_SHORT_NAME = 24
# What the worker itself may do: fetch from here.
_WORKER_POLICY = "default-src 'none'; connect-src 'self'"
_WORKER, _LAST_WORKER = "worker.js", "worker_end.js"


@bp.get("/manifest.webmanifest")
@needs(PUBLIC)
def manifest(slug: str) -> Response:
    """What a phone needs to know to keep the portal as an app of its own."""
    company = enter_portal(slug)
    scope = f"{company.portal_url}/"
    about = {
        "id": scope,
        "name": company.name,
        "short_name": company.name[:_SHORT_NAME].strip(),
        "lang": "en-US",
        "start_url": url_for(".dashboard", slug=slug),
        "scope": scope,
        "display": "standalone",
        "theme_color": company.brand_color,
        "background_color": _PAGE_GREY,
        "icons": [
            {
                "src": url_for(".app_icon", slug=slug, name=f"{icon_key(company)}-{side}.png"),
                "sizes": f"{side}x{side}",
                "type": "image/png",
                "purpose": purpose,
            }
            for side in SIDES[1:]
            for purpose in ("any", "maskable")
        ],
    }
    return Response(json.dumps(about, ensure_ascii=False), mimetype="application/manifest+json")


@bp.get("/icon/<name>")
@needs(PUBLIC)
def app_icon(slug: str, name: str) -> Response:
    """The company's icon in one of its sizes; a new picture has a new address."""
    company = enter_portal(slug)
    sides = {f"{icon_key(company)}-{side}.png": side for side in SIDES}
    if name not in sides:
        abort(404)
    body = icon(current_app.config["PILLAR_CONFIG"].data_dir, company, sides[name])
    return Response(body, mimetype="image/png", headers={"Cache-Control": _FOREVER})


@bp.get("/worker.js")
@needs(PUBLIC)
def worker(slug: str) -> Response:
    """The script that keeps static files at hand. Where it is no longer offered, browsers that have it drop it."""
    company = enter_portal(slug)
    if not company.offers_app and "Service-Worker" not in request.headers:
        abort(404)
    found = asset(_WORKER if company.offers_app else _LAST_WORKER)
    if found is None:
        abort(404)
    return Response(
        found.body, mimetype="text/javascript", headers={"Content-Security-Policy": _WORKER_POLICY}
    )


@bp.get("/app")
@needs(CUSTOMER)
def app_steps(slug: str) -> ResponseReturnValue:
    """How to put the portal on a home screen."""
    if not enter_portal(slug).offers_app:
        abort(404)
    return show("portal/app.html", tab="/profile")
