"""It is really you: the password again, within the last ten minutes, before what cannot be taken back (SAFETY).

`@step_up.required()` stands below `@expose(…)` or `@bp.route(…)`. Whoever did not confirm lately is asked first:
a page opens again afterwards, a form is there again to be sent.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, ParamSpec
from urllib.parse import urlsplit

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select, update
from wtforms import PasswordField

from pillar import clock, passwords
from pillar.admin.access import bp, own_page
from pillar.admin.forms import AdminForm, add_error
from pillar.admin.security import WRONG_PASSWORD
from pillar.database import reading
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.http.access import needs
from pillar.http.forms import Filled, LineField
from pillar.http.limits import STAFF_SIGN_IN, limiter
from pillar.http.scope import SAFE_METHODS
from pillar.models.staff import SignInSession
from pillar.permissions import Permission
from pillar.services import sign_in as proofs

STEP_UP_LIFE = timedelta(minutes=10)
_SEND_AGAIN = "Thank you. Now press the button once more."

P = ParamSpec("P")


class ConfirmForm(AdminForm):
    """The password, and the code where the second step is on."""

    password = PasswordField("Your password", [Filled()])
    code = LineField("Code from your authenticator app", most=60)


def required() -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, ResponseReturnValue]]:
    """Mark a view that asks for the password first, unless this browser gave it within ten minutes."""

    def mark(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
        @wraps(view)
        def asked_first(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            return view(*args, **kwargs) if is_confirmed() else _to_confirm()

        return asked_first

    return mark


def is_confirmed() -> bool:
    """Whether this browser's person gave the password within the last ten minutes."""
    query = select(SignInSession.stepped_up_at).where(SignInSession.token_hash == g.signed_in.token_hash)
    at = db.session.scalar(query)
    return at is not None and clock.now() - STEP_UP_LIFE < at <= clock.now()


@bp.route("/confirm", methods=["GET", "POST"])
@needs(Permission.OWN_ACCOUNT)
@limiter.limit(STAFF_SIGN_IN, methods=["POST"], key_func=lambda: f"confirm:{current_user.get_id()}")
def confirm() -> ResponseReturnValue:
    """Ask for the password, note the time on the session's row, and go on to the page that asked."""
    form: Any = ConfirmForm()
    if not current_user.has_totp:
        del form.code
    if not form.validate_on_submit():
        return _page(form)
    with reading(db.session):
        is_right = passwords.verify(current_user.password_hash, form.password.data)
    try:
        if not is_right:
            raise RuleViolation(WRONG_PASSWORD, field="password")
        if current_user.has_totp:
            proofs.check_code(current_user, form.code.data)
    except RuleViolation as refusal:
        db.session.rollback()
        add_error(form, refusal)
        return _page(form)
    _note()
    if "again" in request.args:
        flash(_SEND_AGAIN, "good")
    return redirect(own_page(request.args.get("next", "")), 303)


def _note() -> None:
    db.session.execute(
        update(SignInSession)
        .where(SignInSession.token_hash == g.signed_in.token_hash)
        .values(stepped_up_at=clock.now()),
        execution_options={"synchronize_session": False},
    )
    current_user.audit("staff.confirmed")
    db.session.commit()


def _to_confirm() -> ResponseReturnValue:
    if request.method in SAFE_METHODS:
        return redirect(url_for("admin_access.confirm", next=request.full_path.rstrip("?")), 303)
    return redirect(url_for("admin_access.confirm", next=_page_of_the_form(), again=1), 303)


def _page_of_the_form() -> str:
    """Where the form was: it says so itself in `url`, else the browser does."""
    came_from = urlsplit(request.referrer or "")
    query = f"?{came_from.query}" if came_from.query else ""
    return own_page(request.form.get("url", "") or f"{came_from.path}{query}")


def _page(form: AdminForm) -> ResponseReturnValue:
    page = render_template(
        "admin/confirm.html",
        title="Confirm that it is you",
        company=g.company,
        form=form,
        back=own_page(""),
    )
    return page, 422 if request.method == "POST" else 200
