"""Settings > Customer Portal: its address, its switches, a host name of one's own (1.2, 1.3, 1.5, 1.15, 9.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from flask import Response, abort, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_admin import expose
from markupsafe import Markup
from sqlalchemy.exc import IntegrityError
from wtforms import IntegerField
from wtforms.validators import Optional

from pillar import qr_image
from pillar.admin import navigation
from pillar.admin.forms import AdminForm, add_error
from pillar.admin.guard import StaffView
from pillar.database import reading
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.http import hosts
from pillar.http.forms import Between, LineField
from pillar.models.tenant import AppOffer, LastFour, Tenant
from pillar.permissions import Permission
from pillar.services import companies, host_names, links

_WRITE = Permission.SETTINGS_WRITE
_STANDS = {"1": True, "0": False}


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch of the page: a setting with two values. `toggles` is what it is called when it is read out."""

    name: str
    label: str
    toggles: str
    note: str
    on: Any = True
    off: Any = False

    def is_on(self, tenant: Tenant) -> bool:
        """How it stands."""
        return bool(getattr(tenant, self.name) == self.on)


PORTAL = Switch(
    "portal_enabled",
    "Customer portal",
    "Toggle customer portal",
    "When off, every link to it shows “portal not available” with your phone number.",
)
SIGNING_IN = (
    Switch(
        "signin_last4",
        "Last-four check",
        "Toggle last-four check",
        "Portal links that you send ask for the last four digits of the phone. Off: they offer a sign-in link.",
        LastFour.CHALLENGE,
        LastFour.OFF,
    ),
    Switch(
        "pwa",
        "Home screen app",
        "Toggle home screen app",
        "My profile offers to put the portal on the phone’s home screen, with your name and logo.",
        AppOffer.OFFER,
        AppOffer.OFF,
    ),
)
SWITCHES = {switch.name: switch for switch in (PORTAL, *SIGNING_IN)}


class HostForm(AdminForm):
    """A host name of the company's own."""

    custom_host = LineField(
        "Host name",
        most=253,
        description="Such as portal.example.com. Point it at this site in DNS first.",
    )


class LinkAgeForm(AdminForm):
    """How long links to documents work."""

    document_link_days = IntegerField(
        "Days that a link to an estimate works",
        [Optional(), Between(1, 3650, "Type a number of days from 1 to 3650, or nothing.")],
        description="Empty: until you take it back. Whoever opens an older one is offered a new one.",
    )


class PortalSettingsView(StaffView):
    """How customers get in."""

    icon = "link"
    needs: ClassVar = {
        "index": _WRITE,
        "switch": _WRITE,
        "qr_code": _WRITE,
        "link_age": _WRITE,
        "choose_host": _WRITE,
        "check_host": _WRITE,
    }

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Everything on one page."""
        return self._page(companies.current_company())

    @expose("/switch/<setting>", methods=("POST",))
    def switch(self, setting: str) -> ResponseReturnValue:
        """Save one switch; the form says how it shall stand, so that a second press changes nothing."""
        switch = SWITCHES.get(setting) or abort(404)
        is_on = _STANDS.get(request.form.get("on", ""))
        if is_on is None:
            raise RuleViolation("Use the switches on the page.")
        companies.update_portal(
            companies.current_company(), **{switch.name: switch.on if is_on else switch.off}
        )
        db.session.commit()
        flash(f"{switch.label} is {'on' if is_on else 'off'}.", "good")
        return redirect(f"{self.home_url()}#{switch.name}", 303)

    @expose("/qr.svg")
    def qr_code(self) -> ResponseReturnValue:
        """The code of the address, to print."""
        company = companies.current_company()
        image = Response(qr_image.svg(links.portal(company.slug)), mimetype="image/svg+xml")
        image.headers["Content-Disposition"] = f'attachment; filename="portal-{company.slug}.svg"'
        return image

    @expose("/link-age", methods=("POST",))
    def link_age(self) -> ResponseReturnValue:
        """Save how long links to documents work."""
        form, company = LinkAgeForm(), companies.current_company()
        if not form.validate_on_submit():
            return self._page(company, age=form), 422
        companies.update_portal(company, document_link_days=form.document_link_days.data)
        db.session.commit()
        flash("Saved.", "good")
        return redirect(self.home_url(), 303)

    @expose("/host", methods=("POST",))
    def choose_host(self) -> ResponseReturnValue:
        """Note the name; it counts once it is checked."""
        form, company = HostForm(), companies.current_company()
        try:
            if not form.validate_on_submit():
                return self._page(company, host=form), 422
            host_names.choose(company, form.custom_host.data or "")
            db.session.commit()
        except RuleViolation as refusal:
            return self._host_refused(form, refusal)
        except IntegrityError:
            return self._host_refused(form, RuleViolation(host_names.TAKEN, field="custom_host"))
        hosts.forget()
        flash("Saved. Check it once it is set up in DNS." if form.custom_host.data else "Removed.", "good")
        return redirect(self.home_url(), 303)

    @expose("/host/check", methods=("POST",))
    def check_host(self) -> ResponseReturnValue:
        """Look at the host from outside, with no transaction open meanwhile, and note what was found."""
        with reading(db.session):
            asked = host_names.question(companies.current_company())
        problem = host_names.ask(asked)
        is_good = host_names.record(companies.current_company(), asked, problem)
        db.session.commit()
        hosts.forget()
        if is_good:
            flash(f"{asked.host} works. Links to your customers use it from now on.", "good")
        else:
            flash(f"{asked.host} is not ready. {problem}", "bad")
        return redirect(self.home_url(), 303)

    def _host_refused(self, form: HostForm, refusal: RuleViolation) -> ResponseReturnValue:
        db.session.rollback()
        add_error(form, refusal)
        return self._page(companies.current_company(), host=form), 422

    def _page(self, company: Tenant, *, host: HostForm | None = None, age: LinkAgeForm | None = None) -> str:
        address = links.portal(company.slug)
        return self.render(
            "admin/settings/portal.html",
            heading="Customer portal",
            tenant=company,
            portal_switch=PORTAL,
            switches=SIGNING_IN,
            address=address,
            qr_svg=Markup(qr_image.svg(address)),  # noqa: S704 - ours
            host_form=host or HostForm(formdata=None, obj=company),
            age_form=age or LinkAgeForm(formdata=None, obj=company),
            wrong_form=host or age,
        )


def view() -> PortalSettingsView:
    """The view as it is added to the office."""
    return PortalSettingsView(
        name="Customer Portal",
        category=navigation.SETTINGS,
        endpoint="portal_settings",
        url="settings/portal",
    )
