"""The installation's own front page: it leads staff to the office and customers to their company's address."""

from __future__ import annotations

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pillar.host_names import name_of
from pillar.http.access import PUBLIC, needs
from pillar.services import host_names

bp = Blueprint("front", __name__)


@bp.get("/")
@needs(PUBLIC)
def welcome() -> ResponseReturnValue:
    """A plain page; it names no company. On a company's own host the portal is the front page (1.2)."""
    if slug := g.get("host_slug"):
        return redirect(url_for("portal.home", slug=slug), 303)
    return render_template("public/welcome.html", company=None)


@bp.get("/.well-known/pillar-host/<token:company>")
@needs(PUBLIC)
def answer_for_host(company: str) -> ResponseReturnValue:
    """Our answer on a host that a company wants to use, and nowhere else: this is how it is verified."""
    host = name_of(request.host)
    if not host_names.may_answer(host, company):
        abort(404)
    return host_names.answer_for(host, company), 200, {"Content-Type": "text/plain; charset=utf-8"}


@bp.get("/robots.txt")
@needs(PUBLIC)
def robots() -> ResponseReturnValue:
    """Private links and the office are no business of search engines."""
    body = "User-agent: *\nDisallow: /\n"
    return body, 200, {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "public, max-age=86400"}
