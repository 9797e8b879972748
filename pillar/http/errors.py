"""Every error is a page that says what to do next, in the company's look where one is known."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

import structlog
from flask import Flask, g, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from pillar.errors import DocumentChanged, InvalidTransition, NotFound, RuleViolation
from pillar.extensions import db

# Of these we never say again what was typed, not even to the browser it came from.
_SECRET_FIELDS = frozenset({"csrf_token", "password", "own_password", "current", "again", "code", "seed"})
# What a status needs beside its page: which methods there are, how long to wait.
_KEPT_HEADERS = ("Allow", "Retry-After")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Action:
    """A button or link on an error page."""

    label: str
    href: str
    primary: bool = False


_PAGES: dict[int, tuple[str, str]] = {
    400: ("We could not read that", "Go back, check what you typed and send it again."),
    401: ("Sign in first", "This page is for people who signed in."),
    403: ("This page is not open to you", "Ask an admin of your company if you need it."),
    404: (
        "We can't find that page",
        "If you typed the address, check it. If you tapped a link in a message, it may be from an older job.",
    ),
    405: ("That does not work here", "Open the page again from its link and use the buttons on it."),
    409: (
        "This changed in the meantime",
        "Open the page again to see how it stands now, then go on from there.",
    ),
    410: ("This link has expired", "Private links stop working after a while. Nothing is lost."),
    413: ("That is too large", "Send something smaller: a text of at most a few pages."),
    415: ("We could not read that", "Open the page again and use the form on it."),
    422: ("That did not work", "Go back, check what you typed and send it again."),
    429: ("Too many tries", "Wait a minute, then try again. Nothing is lost."),
    500: (
        "Something went wrong on our side",
        "It was not you, and nothing was charged. Try again in a few minutes.",
    ),
    503: ("We can't save right now", "Nothing was lost or half done. Try again in a minute."),
}
STALE_FORM = (
    "This page was open for a long time, so we could not tell that it was you. "
    "Go back, reload it and send it again."
)


def error_page(code: int, sentence: str = "", title: str = "") -> ResponseReturnValue:
    """Render the page for a status code, with a better sentence where there is one."""
    is_ours = code >= HTTPStatus.INTERNAL_SERVER_ERROR
    stock_title, stock_sentence = _PAGES.get(code, _PAGES[500 if is_ours else 400])
    company = g.get("company")
    body = render_template(
        "public/error.html",
        company=company,
        code=code,
        title=title or stock_title,
        sentence=sentence or stock_sentence,
        actions=_actions(code),
        resend=_resend(code),
    )
    return body, code


def _actions(code: int) -> list[Action]:
    if request.path.startswith("/admin"):
        return [Action("Go to the dashboard", "/admin/", primary=True)]
    company = g.get("company")
    actions = []
    if company is not None and code != HTTPStatus.SERVICE_UNAVAILABLE:
        actions.append(Action("Go to the portal", company.portal_url, primary=True))
    if company is not None and company.phone_href:
        actions.append(Action("Call us", company.phone_href))
    return actions


def _resend(code: int) -> list[tuple[str, str]]:
    """What was typed, to send again with one press, when only our side was in the way."""
    if code != HTTPStatus.SERVICE_UNAVAILABLE or request.method != "POST":
        return []
    return [(name, value) for name, value in request.form.items(multi=True) if name not in _SECRET_FIELDS]


def init_app(app: Flask) -> None:
    """One handler for each kind of error."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(CSRFError, lambda _error: error_page(400, STALE_FORM))
    app.register_error_handler(NotFound, lambda _error: error_page(404))
    app.register_error_handler(RuleViolation, _rule)
    for kind in (InvalidTransition, DocumentChanged, StaleDataError):
        app.register_error_handler(kind, _changed)
    app.register_error_handler(IntegrityError, _conflict)
    app.register_error_handler(DataError, lambda _error: _rolled_back(422))
    app.register_error_handler(OperationalError, _unavailable)
    app.register_error_handler(Exception, _broken)


def _rolled_back(code: int, sentence: str = "") -> ResponseReturnValue:
    db.session.rollback()
    return error_page(code, sentence)


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return error
    sentence = error.description if error.code == HTTPStatus.UNPROCESSABLE_ENTITY else None
    response = make_response(error_page(error.code, sentence or ""))
    for name, value in error.get_headers():
        if name in _KEPT_HEADERS:
            response.headers[name] = value
    return response


def _rule(error: RuleViolation) -> ResponseReturnValue:
    return _rolled_back(422, error.message)


def _changed(_error: Exception) -> ResponseReturnValue:
    return _rolled_back(409)


def _conflict(error: IntegrityError) -> ResponseReturnValue:
    # PostgreSQL's message quotes the row, and with it what somebody typed.
    diagnosis = getattr(error.orig, "diag", None)
    log.warning("integrity_error", constraint=diagnosis.constraint_name if diagnosis else str(error.orig))
    return _rolled_back(409)


def _unavailable(error: OperationalError) -> ResponseReturnValue:
    log.error("database_unavailable", error=str(error.orig))
    return _rolled_back(503)


def _broken(error: Exception) -> ResponseReturnValue:
    # The engine's `hide_parameters` keeps what a person typed out of SQLAlchemy's messages.
    log.error("unhandled_error", endpoint=request.endpoint, exc_info=error)
    return _rolled_back(500)
