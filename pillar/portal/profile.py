"""My profile: who we think you are, your password, where you are signed in (1.4, 1.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import flash, g, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.validators import EqualTo, ValidationError

from pillar import clock, passwords
from pillar.database import reading
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.http import portal_sessions
from pillar.http.access import CUSTOMER, needs
from pillar.http.forms import Filled
from pillar.http.limits import CUSTOMER_PASSWORD, limiter
from pillar.models.portal import PortalSession
from pillar.portal.blueprint import bp
from pillar.portal.devices import described
from pillar.portal.signed_in import show
from pillar.services import portal_passwords
from pillar.services.portal_customers import customers_of, places_of

# Whoever came in this recently has just shown who they are: a forgotten password is replaced that way.
FRESH = timedelta(minutes=15)
_SHOWN_DEVICES = 20
_WRONG_PASSWORD = "That is not your password."  # noqa: S105 - a sentence


class PasswordForm(FlaskForm):
    """A new password, typed twice, and the old one where it is asked for."""

    current = PasswordField("Your password now")
    password = PasswordField("New password", [Filled()])
    again = PasswordField(
        "The same again", [Filled(), EqualTo("password", message="The two are not the same.")]
    )

    def validate_password(self, field: PasswordField) -> None:
        """Long enough, and not too long to be a password."""
        try:
            passwords.check_length(field.data or "")
        except RuleViolation as refusal:
            raise ValidationError(refusal.message) from None


class RemovalForm(FlaskForm):
    """The password, before it goes."""

    current = PasswordField("Your password now")


@dataclass(frozen=True, slots=True)
class Device:
    """A browser in which the person is signed in."""

    name: str
    last_seen_at: datetime
    is_this: bool


@bp.get("/profile")
@needs(CUSTOMER)
def profile(slug: str) -> str:  # noqa: ARG001 - bound by `enter_portal`
    """What we know, how to sign in, where you are signed in."""
    return _page()


@bp.post("/profile/password")
@needs(CUSTOMER)
@limiter.limit(CUSTOMER_PASSWORD, key_func=lambda: f"portal-password:{current_user.get_id()}")
def change_password(slug: str) -> ResponseReturnValue:
    """Set or change the password. Every other browser is signed out."""
    form = PasswordForm()
    if not form.validate_on_submit() or not _is_proven(form):
        return _page(form), 422
    with reading(db.session):
        hashed = passwords.hash_password(form.password.data or "")
    portal_passwords.set_password(current_user, hashed)
    return _saved(slug, "Your password is saved. Every other browser is signed out.")


@bp.post("/profile/password/remove")
@needs(CUSTOMER)
@limiter.limit(CUSTOMER_PASSWORD, key_func=lambda: f"portal-password:{current_user.get_id()}")
def remove_password(slug: str) -> ResponseReturnValue:
    """Back to links alone. Every other browser is signed out."""
    form = RemovalForm()
    if not form.validate_on_submit() or not _is_proven(form):
        return _page(removal=form), 422
    portal_passwords.remove_password(current_user)
    return _saved(slug, "Your password is gone. We send you a link when you sign in.")


@bp.post("/sign-out")
@needs(CUSTOMER)
def sign_out(slug: str) -> ResponseReturnValue:
    """End this browser's session."""
    portal_sessions.sign_out()
    db.session.commit()
    flash("You are signed out.", "good")
    return redirect(url_for(".home", slug=slug), 303)


@bp.post("/sign-out-everywhere")
@needs(CUSTOMER)
def sign_out_everywhere(slug: str) -> ResponseReturnValue:
    """End every session of this person, this one too."""
    portal_sessions.end_other_sessions(current_user)
    current_user.audit("contact.signed_out_everywhere")
    portal_sessions.sign_out()
    db.session.commit()
    flash("You are signed out on all devices.", "good")
    return redirect(url_for(".home", slug=slug), 303)


def _saved(slug: str, sentence: str) -> ResponseReturnValue:
    portal_sessions.end_other_sessions(current_user)
    db.session.commit()
    flash(sentence, "good")
    return redirect(url_for(".profile", slug=slug), 303)


def _is_proven(form: PasswordForm | RemovalForm) -> bool:
    """Whether this is the person and not somebody who found the browser open."""
    if not _must_prove(portal_sessions.sessions_of(current_user)):
        return True
    stored = current_user.password_hash
    with reading(db.session):
        is_right = passwords.verify(stored, form.current.data or "")
    if not is_right:
        form.current.errors = [*form.current.errors, _WRONG_PASSWORD]
    return is_right


def _must_prove(sessions: Sequence[PortalSession]) -> bool:
    mine = next((each for each in sessions if each.token_hash == g.signed_in.token_hash), None)
    is_fresh = mine is not None and clock.now() - mine.created_at < FRESH
    return bool(current_user.password_hash) and not is_fresh


def _page(form: PasswordForm | None = None, removal: RemovalForm | None = None) -> str:
    sessions = portal_sessions.sessions_of(current_user)
    customers = customers_of(current_user)
    values: dict[str, Any] = {
        "form": form or PasswordForm(formdata=None),
        "removal": removal or RemovalForm(formdata=None),
        "is_changing": form is not None,
        "is_removing": removal is not None,
        "must_prove": _must_prove(sessions),
        "places": places_of(customers),
        "devices": [_device(each) for each in sessions[:_SHOWN_DEVICES]],
    }
    return show("portal/profile.html", tab="/profile", **values)


def _device(row: PortalSession) -> Device:
    return Device(described(row.user_agent), row.last_seen_at, row.token_hash == g.signed_in.token_hash)
