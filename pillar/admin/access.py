"""The way in: password, second step, sign-out, a new password by mail: plain routes, no shell."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import (
    Blueprint,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.wrappers import Response
from wtforms import PasswordField

from pillar.admin.forms import AdminForm, add_error
from pillar.database import reading
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.http import sessions
from pillar.http.access import PUBLIC, needs
from pillar.http.errors import error_page
from pillar.http.forms import EmailField, Filled, LineField
from pillar.http.limits import STAFF_MAIL, STAFF_SIGN_IN, limiter
from pillar.http.scope import acting, client_address, enter_company
from pillar.models.staff import StaffStatus
from pillar.passwords import check_length, hash_password
from pillar.permissions import Permission
from pillar.services import heartbeats
from pillar.services import sign_in as proofs
from pillar.services import staff as people
from pillar.services.companies import settings_version

bp = Blueprint("admin_access", __name__, url_prefix="/admin")

HOME = "/admin/"
RESET_COOKIE = "pillar-reset"
RESET_COOKIE_LIFE = timedelta(hours=1)
_HALF = "half_signed_in"
_HALF_OF = "half_signed_in_as"
# One sentence for every reason, so that nobody learns which addresses exist or are disabled.
_REFUSED = "That email and password do not go together. Check both and try again."
_TOO_LATE = "That took longer than five minutes. Sign in again."
_USED_UP = (
    "The link in your message works once and for a limited time. Ask for a new one on the sign-in page."
)


class SignInForm(AdminForm):
    """The first step."""

    email = LineField("Email", most=254, is_required=True)
    password = PasswordField("Password", [Filled()])


class CodeForm(AdminForm):
    """The second step."""

    code = LineField("Code", most=60, is_required=True)


class ForgotForm(AdminForm):
    """Whom to mail a link."""

    email = EmailField("Email", is_required=True)


class NewPasswordForm(AdminForm):
    """A password, typed twice."""

    password = PasswordField("New password", [Filled()])
    again = PasswordField("The same again", [Filled()])

    def validate(self, extra_validators: Any = None) -> bool:
        """Long enough and twice the same."""
        if not super().validate(extra_validators):
            return False
        try:
            check_length(self.password.data)
            if self.again.data != self.password.data:
                raise RuleViolation("The two are not the same.", field="again")
        except RuleViolation as refusal:
            add_error(self, refusal)
            return False
        return True


@bp.route("/sign-in", methods=["GET", "POST"])
@needs(PUBLIC)
@limiter.limit(STAFF_SIGN_IN, methods=["POST"])
def sign_in() -> ResponseReturnValue:
    """E-mail and password."""
    next_path = own_page(request.args.get("next", ""))
    if request.method == "GET" and current_user.is_authenticated:
        return redirect(next_path, 303)
    form = SignInForm()
    if not form.validate_on_submit():
        return _page("admin/sign_in.html", "Sign in", form)
    with reading(db.session):
        candidate = proofs.find_candidate(form.email.data.lower())
        is_right = proofs.accepts(candidate, form.password.data)
    if not is_right or candidate is None:
        form.form_errors.append(_REFUSED)
        return _page("admin/sign_in.html", "Sign in", form)
    enter_company(candidate.tenant_id, candidate.settings_version)
    person = proofs.staff_of(candidate)
    if person.has_totp:
        session.clear()
        session[_HALF] = proofs.seal_half(candidate, next_path)
        session[_HALF_OF] = person.public_id
        return redirect(url_for(".code"), 303)
    return _let_in(person, next_path)


@bp.route("/sign-in/code", methods=["GET", "POST"])
@needs(PUBLIC)
@limiter.limit(STAFF_SIGN_IN, methods=["POST"])
@limiter.limit(STAFF_SIGN_IN, methods=["POST"], key_func=lambda: _whose_code())  # noqa: PLW0108 - defined below
def code() -> ResponseReturnValue:
    """A code from the authenticator app, or a recovery code."""
    half = proofs.open_half(session.get(_HALF, ""))
    if half is None:
        session.pop(_HALF, None)
        flash(_TOO_LATE, "wait")
        return redirect(url_for(".sign_in"), 303)
    enter_company(half.candidate.tenant_id, half.candidate.settings_version)
    form = CodeForm()
    if not form.validate_on_submit():
        return _page("admin/sign_in_code.html", "One more step", form)
    person = proofs.staff_of(half.candidate)
    g.actor = acting("staff", person.public_id)
    try:
        proofs.check_code(person, form.code.data)
    except RuleViolation as refusal:
        db.session.rollback()
        add_error(form, refusal)
        return _page("admin/sign_in_code.html", "One more step", form)
    return _let_in(person, half.next_path)


@bp.post("/sign-out")
@needs(Permission.OWN_ACCOUNT)
def sign_out() -> ResponseReturnValue:
    """End this browser's session."""
    current_user.audit("staff.signed_out")
    sessions.sign_out()
    db.session.commit()
    return redirect(url_for(".sign_in"), 303)


@bp.route("/forgot", methods=["GET", "POST"])
@needs(PUBLIC)
@limiter.limit(STAFF_MAIL, methods=["POST"])
def forgot() -> ResponseReturnValue:
    """Ask for a link to set a new password; the same page for known and unknown addresses."""
    if request.method == "GET" and "sent" in request.args:
        can_send = heartbeats.can_send(db.session())
        title = "Check your email" if can_send else "Email has to wait"
        return render_template("admin/forgot_sent.html", title=title, company=None, can_send=can_send)
    form = ForgotForm()
    if not form.validate_on_submit():
        return _page("admin/forgot.html", "Choose a new password", form)
    candidate = proofs.find_candidate(form.email.data)
    if candidate is not None and candidate.may_set_password:
        enter_company(candidate.tenant_id, candidate.settings_version)
        people.send_link(proofs.staff_of(candidate))
        db.session.commit()
    return redirect(url_for(".forgot", sent=1), 303)


@bp.get("/reset/<token:token>")
@needs(PUBLIC)
def take_token(token: str) -> ResponseReturnValue:
    """Move the token from the address, where logs and screens see it, into a cookie. Spends nothing."""
    response = redirect(url_for(".reset"), 303)
    sessions.set_cookie(response, RESET_COOKIE, token, RESET_COOKIE_LIFE)
    return response


@bp.route("/reset", methods=["GET", "POST"])
@needs(PUBLIC)
@limiter.limit(STAFF_SIGN_IN, methods=["POST"])
def reset() -> ResponseReturnValue:
    """Set a password with a mailed link."""
    token = request.cookies.get(sessions.cookie_name(RESET_COOKIE), "")
    if not token or not people.is_good_token(token):
        return error_page(410, _USED_UP)
    form = NewPasswordForm()
    if not form.validate_on_submit():
        return _page("admin/reset.html", "Choose a password", form)
    with reading(db.session):
        hashed = hash_password(form.password.data)
    tenant_id = people.redeem_token(token)
    if tenant_id is None:
        return error_page(410, _USED_UP)
    if not _set_password(tenant_id, token, hashed):
        return error_page(410, _USED_UP)
    session.clear()
    flash("Your password is saved. Sign in with it.", "good")
    response = redirect(url_for(".sign_in"), 303)
    sessions.drop_cookie(response, RESET_COOKIE)
    return response


def own_page(target: str) -> str:
    """The target if it is a page of the office, else its first page: no redirect leaves the site."""
    is_ours = target.startswith(HOME) and target.isprintable() and not set(target) & set("\\#")
    return target if is_ours and "//" not in target and "/.." not in target else HOME


def _let_in(person: Any, next_path: str) -> Response:
    sessions.sign_in(person)
    person.audit("staff.signed_in", second_step=person.has_totp)
    db.session.commit()
    return redirect(next_path, 303)


def _set_password(tenant_id: int, token: str, hashed: str) -> bool:
    enter_company(tenant_id, settings_version(tenant_id))
    person = people.person_of_token(token)
    if person.status is StaffStatus.DISABLED:
        db.session.rollback()
        return False
    g.actor = acting("staff", person.public_id)
    people.set_password(person, hashed)
    db.session.commit()
    return True


def _page(template: str, title: str, form: AdminForm) -> ResponseReturnValue:
    page = render_template(template, title=title, company=g.get("company"), form=form)
    return make_response(page, 422 if request.method == "POST" else 200)


def _whose_code() -> str:
    """Guesses count for the person too: many clients together get no more tries than one."""
    return f"code:{session.get(_HALF_OF) or client_address()}"
