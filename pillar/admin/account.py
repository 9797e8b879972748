"""A person's own page: name, alerts, password."""

from __future__ import annotations

from typing import ClassVar

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_login import current_user
from wtforms import BooleanField, PasswordField

from pillar import passwords
from pillar.admin.access import NewPasswordForm
from pillar.admin.forms import AdminForm, add_error
from pillar.admin.guard import StaffView
from pillar.admin.security import WRONG_PASSWORD
from pillar.database import reading
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.http import sessions
from pillar.http.forms import Filled, LineField
from pillar.http.limits import STAFF_SIGN_IN, limiter
from pillar.permissions import Permission
from pillar.services import staff as people


class AccountForm(AdminForm):
    """What a person may change of themselves."""

    name = LineField("Name", is_required=True)
    alerts_in_app = BooleanField("Alerts in Pillar")
    alerts_by_email = BooleanField("Alerts by email")


class PasswordForm(NewPasswordForm):
    """A new password; the old one first."""

    current = PasswordField("Current password", [Filled()])


class AccountView(StaffView):
    """Name, alerts and password of whoever asks. In the person's menu, not in the navigation."""

    needs: ClassVar = {"index": Permission.OWN_ACCOUNT, "password": Permission.OWN_ACCOUNT}

    @expose("/", methods=("GET", "POST"))
    def index(self) -> ResponseReturnValue:
        """Name and alerts."""
        form = AccountForm(obj=current_user)
        if not form.validate_on_submit():
            return self._page(form, PasswordForm())
        people.rename_staff(current_user, form.name.data)
        people.change_alerts(current_user, in_app=form.alerts_in_app.data, by_email=form.alerts_by_email.data)
        db.session.commit()
        flash("Your account is saved.", "good")
        return redirect(self.home_url(), 303)

    @expose("/password", methods=("GET", "POST"))
    @limiter.limit(STAFF_SIGN_IN, methods=["POST"], key_func=lambda: f"password:{current_user.get_id()}")
    def password(self) -> ResponseReturnValue:
        """A new password; every other browser is signed out."""
        if request.method == "GET":
            return redirect(self.home_url(), 303)
        form = PasswordForm()
        if not form.validate_on_submit():
            return self._page(_saved_account(), form)
        with reading(db.session):
            is_right = passwords.verify(current_user.password_hash, form.current.data)
            hashed = passwords.hash_password(form.password.data) if is_right else ""
        if not is_right:
            add_error(form, RuleViolation(WRONG_PASSWORD, field="current"))
            return self._page(_saved_account(), form)
        people.set_password(current_user, hashed)
        sessions.sign_in(current_user)
        db.session.commit()
        flash("Your password is changed. Every other browser is signed out.", "good")
        return redirect(self.home_url(), 303)

    def _page(self, form: AdminForm, password_form: AdminForm) -> ResponseReturnValue:
        page = self.render(
            "admin/account/index.html",
            heading="Your account",
            form=form,
            password_form=password_form,
            has_totp=current_user.has_totp,
        )
        return page, 422 if request.method == "POST" else 200


def _saved_account() -> AccountForm:
    """The other form of the page, as it is stored and not as this request would fill it."""
    return AccountForm(formdata={}, obj=current_user)


def view() -> AccountView:
    """The view for `pillar.admin.init_app`."""
    return AccountView(name="Your account", endpoint="account", url="account")
