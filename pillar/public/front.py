"""The installation's own front page: it leads staff to the office and customers to their company's address."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from pillar.http.access import PUBLIC, needs

bp = Blueprint("front", __name__)


@bp.get("/")
@needs(PUBLIC)
def welcome() -> ResponseReturnValue:
    """A plain page; it names no company."""
    return render_template("public/welcome.html", company=None)


@bp.get("/robots.txt")
@needs(PUBLIC)
def robots() -> ResponseReturnValue:
    """Private links and the office are no business of search engines."""
    body = "User-agent: *\nDisallow: /\n"
    return body, 200, {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "public, max-age=86400"}
