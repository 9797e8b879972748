"""Default deny: every endpoint says what it needs, one place enforces it, an unmarked one is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from flask import Flask, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from pillar.http import portal_sessions
from pillar.permissions import Permission

PUBLIC: Final = "public"
# A page of the portal for a customer who signed in there.
CUSTOMER: Final = "customer"
_REGISTRY = "pillar.needs"

Need = Permission | str
View = TypeVar("View", bound=Callable[..., Any])


def needs(need: Need) -> Callable[[View], View]:
    """Mark a view with the permission it takes, `CUSTOMER` or `PUBLIC`. Marking does nothing by itself."""

    def mark(view: View) -> View:
        view.needs = need  # type: ignore[attr-defined]
        return view

    return mark


def register(app: Flask, endpoint: str, need: Need) -> None:
    """Say what an endpoint needs when its function cannot carry the mark (Flask-Admin's views)."""
    app.extensions.setdefault(_REGISTRY, {})[endpoint] = need


def need_of(app: Flask, endpoint: str) -> Need | None:
    """What an endpoint needs; None means it was never said, so nobody gets in."""
    registered: dict[str, Need] = app.extensions.get(_REGISTRY, {})
    if endpoint in registered:
        return registered[endpoint]
    return getattr(app.view_functions.get(endpoint), "needs", None)


def enforce() -> ResponseReturnValue | None:
    """Before every request: let in, send to sign-in, or refuse."""
    if request.endpoint is None:
        return None
    need = need_of(current_app, request.endpoint)
    if need == PUBLIC:
        return None
    if need is None:
        abort(404)
    user: Any = current_user
    if need == CUSTOMER:
        return portal_sessions.admit(user if user.is_authenticated else None)
    if not user.is_authenticated:
        return _to_sign_in()
    if not user.may(need):
        abort(403)
    return None


def _to_sign_in() -> ResponseReturnValue:
    wanted = request.full_path if request.method == "GET" else None
    return redirect(url_for("admin_access.sign_in", next=wanted), 303)
