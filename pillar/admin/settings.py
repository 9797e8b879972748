"""Settings > Account: the company's own particulars, what stands on its estimates, how its people sign in."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

from flask import flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_admin import expose
from wtforms import BooleanField, HiddenField, IntegerField, RadioField, SelectField

from pillar.admin import navigation
from pillar.admin.forms import AdminForm, add_error
from pillar.admin.guard import StaffView
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.http.forms import Between, EmailField, Filled, LineField, PhoneField, RateField, TextField
from pillar.models.tenant import OnAcceptance
from pillar.money import TaxRounding
from pillar.permissions import Permission
from pillar.services import companies

CHANGED = "Someone else saved these settings while you were typing. Compare with yours, then save again."
_HOME_ZONES = {
    "America/New_York": "Eastern (New York)",
    "America/Chicago": "Central (Chicago)",
    "America/Denver": "Mountain (Denver)",
    "America/Phoenix": "Mountain without summer time (Phoenix)",
    "America/Los_Angeles": "Pacific (Los Angeles)",
    "America/Anchorage": "Alaska (Anchorage)",
    "Pacific/Honolulu": "Hawaii (Honolulu)",
}
_REGIONS = ("Africa/", "America/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")


@lru_cache(maxsize=1)
def zone_choices() -> dict[str, list[tuple[str, str]]]:
    """The zones at home first, then all others by name."""
    others = sorted(
        zone for zone in companies.time_zones() if zone.startswith(_REGIONS) and zone not in _HOME_ZONES
    )
    return {
        "United States": list(_HOME_ZONES.items()),
        "Everywhere else": [(zone, zone.replace("_", " ")) for zone in others],
    }


class CompanyForm(AdminForm):
    """The company's account."""

    seen_version = HiddenField()
    name = LineField("Company name", is_required=True)
    phone_e164 = PhoneField("Phone", description="Customers tap it to call you.")
    email = EmailField("Email", description="Answers to your messages arrive here.")
    street = LineField("Street")
    city = LineField("City", most=100)
    state = LineField("State", most=50)
    postal_code = LineField("ZIP code", most=20)
    hours = LineField("Hours", description="Such as Mon to Fri, 8 AM to 5 PM.")
    time_zone = SelectField("Time zone", choices=zone_choices, validators=[Filled()])
    tax_label = LineField("Tax name", most=60, is_required=True)
    tax_rate_ppm = RateField("Tax rate in percent", is_required=True)
    tax_rounding = RadioField(
        "Tax is rounded",
        coerce=TaxRounding,
        choices=[(TaxRounding.DOCUMENT, "Once for the whole estimate"), (TaxRounding.LINE, "On each line")],
        validators=[Filled("Choose one.")],
    )
    estimate_valid_days = IntegerField(
        "Days an estimate is good for",
        [Filled(), Between(1, 365, "Type a number of days from 1 to 365.")],
    )
    default_terms = TextField("Terms on new estimates", most=20_000)
    on_acceptance = RadioField(
        "When a customer approves",
        coerce=OnAcceptance,
        choices=[
            (OnAcceptance.CREATE_JOB, "Make the job at once"),
            (OnAcceptance.OFFICE_CONVERTS, "Wait until the office makes the job"),
        ],
        validators=[Filled("Choose one.")],
    )
    requires_totp = BooleanField("Everybody signs in with a second step")

    def changes(self) -> dict[str, Any]:
        """What `companies.update_settings` takes."""
        return {name: field.data for name, field in self._fields.items() if name in companies.SETTINGS}


class CompanyView(StaffView):
    """The company's account."""

    icon = "sliders"
    needs: ClassVar = {"index": Permission.SETTINGS_WRITE}
    sections: ClassVar = (
        (
            "Company",
            ("name", "phone_e164", "email", "street", "city", "state", "postal_code", "hours", "time_zone"),
        ),
        ("Taxes", ("tax_label", "tax_rate_ppm", "tax_rounding")),
        ("Estimates", ("estimate_valid_days", "default_terms", "on_acceptance")),
        ("Signing in", ("requires_totp",)),
    )

    @expose("/", methods=("GET", "POST"))
    def index(self) -> ResponseReturnValue:
        """Everything on one page."""
        company = companies.current_company()
        form = CompanyForm(obj=company)
        is_fine = form.validate_on_submit()
        version = str(company.settings_version)
        is_stale = request.method == "POST" and form.seen_version.data != version
        # The next press of the button means: having seen this.
        form.seen_version.data = version
        if is_fine and is_stale:
            form.form_errors.append(CHANGED)
            return self._page(form), 409
        if not is_fine:
            return self._page(form), 422 if request.method == "POST" else 200
        try:
            companies.update_settings(company, **form.changes())
        except RuleViolation as refusal:
            db.session.rollback()
            add_error(form, refusal)
            return self._page(form), 422
        db.session.commit()
        flash("The account is saved.", "good")
        return redirect(self.home_url(), 303)

    def _page(self, form: CompanyForm) -> str:
        return self.render("admin/settings/company.html", form=form)


def view() -> CompanyView:
    """The view as it is added to the office."""
    return CompanyView(
        name="Account", category=navigation.SETTINGS, endpoint="company", url="settings/company"
    )
