"""The second step of signing in: set up, recovery codes, turned off. Without the office's shell."""

from __future__ import annotations

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from markupsafe import Markup
from wtforms import HiddenField, PasswordField

from pillar import passwords, qr_image
from pillar.admin.access import bp
from pillar.admin.forms import AdminForm, add_error
from pillar.database import reading
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.http.access import needs
from pillar.http.forms import Filled, LineField
from pillar.http.limits import STAFF_SIGN_IN, limiter
from pillar.http.sessions import SignedIn
from pillar.permissions import Permission
from pillar.services import sign_in as proofs

WRONG_PASSWORD = "That is not your password."  # noqa: S105 - a sentence
_REQUIRED = "Set up the second step first. Your company asks for it."
_OPEN_BEFORE = frozenset({"admin_access.security", "admin_access.sign_out", "admin_access.sign_in"})


class SetUpForm(AdminForm):
    """The first code of the app proves that it works; the seed travels sealed in the form."""

    seed = HiddenField()
    code = LineField("Six digits from the app", most=20, is_required=True)


class ChangeForm(AdminForm):
    """The password again, before the second step gets weaker."""

    password = PasswordField("Your password", [Filled()])


@bp.route("/security", methods=["GET", "POST"])
@needs(Permission.OWN_ACCOUNT)
@limiter.limit(STAFF_SIGN_IN, methods=["POST"], key_func=lambda: f"security:{current_user.get_id()}")
def security() -> ResponseReturnValue:
    """The person's second step."""
    return _change() if current_user.has_totp else _set_up()


def require_second_step() -> ResponseReturnValue | None:
    """Before every request of somebody of the office: where codes are asked for, they come first."""
    signed_in = g.get("signed_in")
    if not isinstance(signed_in, SignedIn) or request.endpoint in _OPEN_BEFORE:
        return None
    if not proofs.needs_totp(current_user, company_requires=signed_in.company_requires_totp):
        return None
    flash(_REQUIRED, "wait")
    return redirect(url_for("admin_access.security"), 303)


def _set_up() -> ResponseReturnValue:
    form = SetUpForm()
    seed = proofs.open_setup(current_user, form.seed.data or "")
    if seed is None:
        is_stale, seed = request.method == "POST", proofs.new_seed()
        form.seed.data = proofs.seal_setup(current_user, seed)
        if is_stale:
            form.form_errors.append("That code was for an older picture. Scan the new one.")
            return _page(form, seed)
    if not form.validate_on_submit():
        return _page(form, seed)
    try:
        codes = proofs.turn_totp_on(current_user, seed, form.code.data)
    except RuleViolation as refusal:
        db.session.rollback()
        add_error(form, refusal)
        return _page(form, seed)
    db.session.commit()
    return _show(codes)


def _change() -> ResponseReturnValue:
    form = ChangeForm()
    if not form.validate_on_submit():
        return _page(form)
    with reading(db.session):
        is_right = passwords.verify(current_user.password_hash, form.password.data)
    if not is_right:
        add_error(form, RuleViolation(WRONG_PASSWORD, field="password"))
        return _page(form)
    if request.form.get("do") == "turn_off":
        proofs.turn_totp_off(current_user)
        db.session.commit()
        flash("The second step is off.", "good")
        return redirect(url_for(".security"), 303)
    codes = proofs.new_recovery_codes(current_user)
    db.session.commit()
    return _show(codes)


def _page(form: AdminForm, seed: str = "") -> ResponseReturnValue:
    page = render_template(
        "admin/security.html",
        title="Sign-in and security",
        company=g.company,
        form=form,
        is_on=not seed,
        secret=seed,
        qr_svg=Markup(qr_image.svg(proofs.setup_address(current_user, seed))) if seed else "",  # noqa: S704 - ours
        codes_left=0 if seed else proofs.codes_left(current_user),
    )
    return page, 422 if request.method == "POST" else 200


def _show(codes: list[str]) -> str:
    return render_template(
        "admin/recovery_codes.html", title="Your recovery codes", company=g.company, codes=codes
    )
