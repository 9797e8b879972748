"""Settings > Phone Numbers: the number that texts come from, and how far its registration is (9.4)."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_admin import expose
from wtforms import PasswordField, RadioField
from wtforms.validators import Regexp

from pillar.admin import navigation
from pillar.admin.forms import AdminForm, add_error
from pillar.admin.guard import StaffView
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.http.forms import Filled, LineField, PhoneField
from pillar.models.phone_number import PhoneNumber, Registration
from pillar.permissions import Permission
from pillar.services import links, phone_numbers, texting
from pillar.services.phone_numbers import SenderInput

_REGISTRATIONS = [
    (Registration.NONE, "Not registered yet"),
    (Registration.SUBMITTED, "Sent in, waiting for the carriers"),
    (Registration.APPROVED, "Approved: texts can be sent"),
    (Registration.REJECTED, "Rejected"),
]
_SERVICE = r"^(MG[0-9a-fA-F]{32})?$"
_ACCOUNT = r"^(AC[0-9a-fA-F]{32})?$"


class SenderForm(AdminForm):
    """The company's sending number."""

    number = PhoneField("Number that texts come from", is_required=True)
    registration = RadioField(
        "Registration with the carriers",
        coerce=Registration,
        choices=_REGISTRATIONS,
        default=Registration.NONE,
        validators=[Filled("Choose one.")],
    )
    messaging_service = LineField(
        "Messaging service",
        most=40,
        validators=[Regexp(_SERVICE, message="It starts with MG and has 34 letters and digits.")],
        description="Only if your number is in one. It starts with MG.",
    )
    account_sid = LineField(
        "Account of your own",
        most=40,
        validators=[Regexp(_ACCOUNT, message="It starts with AC and has 34 letters and digits.")],
        description="Only if the number is in a Twilio account of your own. It starts with AC.",
    )
    auth_token = PasswordField(
        "Its auth token",
        description="Kept encrypted and never shown again. Leave it empty to keep the one we have.",
    )


class PhoneNumbersView(StaffView):
    """One number a company."""

    icon = "phone"
    needs: ClassVar = {"index": Permission.SETTINGS_WRITE, "remove": Permission.SETTINGS_WRITE}

    @expose("/", methods=("GET", "POST"))
    def index(self) -> ResponseReturnValue:
        """The number and what stands in the way of texting from it."""
        sender = phone_numbers.current_sender()
        form = SenderForm(data=_shown(sender))
        if not form.validate_on_submit():
            return self._page(form, sender), 422 if request.method == "POST" else 200
        try:
            phone_numbers.save_sender(_content(form))
        except RuleViolation as refusal:
            db.session.rollback()
            add_error(form, refusal)
            return self._page(form, phone_numbers.current_sender()), 422
        db.session.commit()
        flash("The number is saved.", "good")
        return redirect(self.home_url(), 303)

    @expose("/remove", methods=("POST",))
    def remove(self) -> ResponseReturnValue:
        """Text no more."""
        sender = phone_numbers.current_sender()
        if sender is not None:
            phone_numbers.remove_sender(sender)
            db.session.commit()
            flash("The number is removed. No texts are sent any more.", "good")
        return redirect(self.home_url(), 303)

    def _page(self, form: SenderForm, sender: PhoneNumber | None) -> str:
        return self.render(
            "admin/settings/phone_numbers.html",
            form=form,
            sender=sender,
            obstacle=texting.why_no_sender(sender),
            is_phone=texting.is_phone(),
            webhook_url=links.absolute("/webhooks/twilio/sms"),
        )


def _shown(sender: PhoneNumber | None) -> dict[str, Any]:
    if sender is None:
        return {}
    return {
        "number": sender.shown,
        "registration": sender.registration,
        "messaging_service": sender.messaging_service,
        "account_sid": sender.account_sid,
    }


def _content(form: SenderForm) -> SenderInput:
    return SenderInput(
        number=form.number.data or "",
        registration=form.registration.data,
        messaging_service=form.messaging_service.data or "",
        account_sid=form.account_sid.data or "",
        auth_token=form.auth_token.data or "",
    )


def view() -> PhoneNumbersView:
    """The view as it is added to the office."""
    return PhoneNumbersView(
        name="Phone Numbers",
        category=navigation.SETTINGS,
        endpoint="phone_numbers",
        url="settings/phone-numbers",
    )
