"""Settings > Staff: who works here, what they may do, and shutting them out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from flask import flash, redirect
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_login import current_user
from wtforms import PasswordField

from pillar import passwords
from pillar.admin import formatters, navigation
from pillar.admin.base import RowAction, SavedView, StaffModelView
from pillar.admin.forms import AdminForm, add_error
from pillar.admin.security import WRONG_PASSWORD
from pillar.database import reading
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.http.forms import ChecksField, EmailField, Filled, LineField
from pillar.models.staff import StaffStatus, StaffUser
from pillar.permissions import Permission, Role
from pillar.services import staff as people

S = StaffStatus
ROLE_WORDS = {
    Role.ADMIN: "Admin: everything, settings and staff too",
    Role.MANAGER: "Manager: all but settings, branding and staff",
    Role.OFFICE: "Office: customers, estimates, jobs and messages",
    Role.TECHNICIAN: "Technician: their own visits",
    Role.ACCOUNTANT: "Accountant: reads customers and money",
}
_CONFIRM = "Roles decide who sees what, so we ask for your own password."


class RolesForm(AdminForm):
    """Name and roles. Whoever gives roles proves again who they are (SAFETY: step-up)."""

    name = LineField("Name", is_required=True)
    roles = ChecksField(
        "Roles",
        [Filled("Choose at least one role.")],
        choices=[(role.value, words) for role, words in ROLE_WORDS.items()],
    )
    own_password = PasswordField("Your password", [Filled()], description=_CONFIRM)

    def validate(self, extra_validators: Any = None) -> bool:
        """Everything filled in, then the password: outside any write transaction."""
        if not super().validate(extra_validators):
            return False
        with reading(db.session):
            is_right = passwords.verify(current_user.password_hash, self.own_password.data)
        if not is_right:
            add_error(self, RuleViolation(WRONG_PASSWORD, field="own_password"))
        return is_right


class InviteForm(RolesForm):
    """Who is invited, and where the link goes."""

    email = EmailField("Email", is_required=True)


class StaffMembersView(StaffModelView):
    """The people of the office."""

    icon = "people"
    can_create = can_edit = True
    needs: ClassVar = {
        "index_view": Permission.STAFF_READ,
        "create_view": Permission.STAFF_WRITE,
        "edit_view": Permission.STAFF_WRITE,
        "disable": Permission.STAFF_WRITE,
        "enable": Permission.STAFF_WRITE,
        "send_link": Permission.STAFF_WRITE,
    }
    column_list = ("name", "roles", "status", "second_step")
    column_labels: ClassVar = {"second_step": "Second step"}
    column_sortable_list = ("name",)
    column_default_sort = "name"
    column_formatters: ClassVar = {
        "roles": lambda _view, _context, row, _name: ", ".join(role.capitalize() for role in row.roles),
        "status": formatters.status(formatters.STAFF_LOOKS),
        "second_step": lambda _view, _context, row, _name: "On" if row.has_totp else "Off",
    }
    phone_columns = ("status",)
    saved_views = (
        SavedView("all", "Everybody", lambda query: query),
        SavedView("active", "Active", lambda query: query.where(StaffUser.status == S.ACTIVE)),
        SavedView("disabled", "Disabled", lambda query: query.where(StaffUser.status == S.DISABLED)),
    )
    form_sections = (("", ("name", "email", "roles", "own_password")),)
    create_label = "Invite someone"
    create_button = "Send the invitation"
    edit_template = "admin/staff/edit.html"

    def row_note(self, row: StaffUser) -> str:
        """Their address, under the name."""
        return row.email

    def row_url(self, row: StaffUser) -> str:
        """The form is the page of a person."""
        return self.get_url(".edit_view", id=row.public_id) if self.permits("edit_view") else ""

    def row_actions(self, row: StaffUser) -> Sequence[RowAction]:
        """What can be done from the list."""
        if not self.permits("edit_view"):
            return ()
        actions = [RowAction("Edit", self.row_url(row), "pencil")]
        if row.status is S.DISABLED:
            actions.append(
                RowAction("Let in again", self.get_url(".enable", id=row.public_id), "key", is_post=True)
            )
        else:
            link = self.get_url(".send_link", id=row.public_id)
            actions.append(RowAction("Send a password link", link, "mail", is_post=True))
        return actions

    def create_form(self, obj: Any = None) -> InviteForm:  # noqa: ARG002 - Flask-Admin's signature
        """An invitation."""
        return InviteForm()

    def edit_form(self, obj: Any = None) -> RolesForm:
        """A person's name and roles."""
        return RolesForm(obj=obj)

    def create(self, form: Any) -> StaffUser:
        """Invite."""
        return people.invite_staff(email=form.email.data, name=form.name.data, roles=form.roles.data)

    def update(self, form: Any, model: StaffUser) -> None:
        """Change name and roles."""
        people.rename_staff(model, form.name.data)
        people.change_roles(model, form.roles.data)

    def said_on(self, what: str, model: StaffUser) -> str:
        """An invitation is sent rather than saved."""
        return f"{model.name} is {'invited' if model.status is S.INVITED else what}."

    def get_save_return_url(self, model: Any, is_created: bool = False) -> str:  # noqa: ARG002, FBT001, FBT002
        """Back to the list."""
        return self.home_url()

    @expose("/<id>/disable", methods=("POST",))
    def disable(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as in the base
        """Shut a person out, now."""
        return self._do(id, people.disable_staff, "{} can no longer sign in.")

    @expose("/<id>/enable", methods=("POST",))
    def enable(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as in the base
        """Let a person in again."""
        return self._do(id, people.enable_staff, "{} can sign in again.")

    @expose("/<id>/link", methods=("POST",))
    def send_link(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as in the base
        """Mail a person the link with which they set a password."""
        return self._do(id, people.send_link, "A link is on its way to {}.")

    def _do(self, public_id: str, act: Any, said: str) -> ResponseReturnValue:
        person = self.one_or_404(public_id)
        name = person.name
        try:
            act(person)
            db.session.commit()
        except RuleViolation as refusal:
            db.session.rollback()
            flash(refusal.message, "bad")
        else:
            flash(said.format(name), "good")
        return redirect(self.home_url(), 303)


def view() -> StaffMembersView:
    """The view for `pillar.admin.init_app`."""
    return StaffMembersView(
        StaffUser, name="Staff", category=navigation.SETTINGS, endpoint="staff", url="staff"
    )
