"""Settings > Brands: the name, the color and the logo that customers see (9.3)."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import current_app, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_wtf.file import FileField
from wtforms import BooleanField, StringField
from wtforms.widgets import ColorInput

from pillar import colour
from pillar.admin import navigation
from pillar.admin.forms import AdminForm, add_error
from pillar.admin.guard import StaffView
from pillar.config import Config
from pillar.database import reading
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.http.forms import LineField
from pillar.models.tenant import PLAIN_COLOR, Tenant
from pillar.permissions import Permission
from pillar.services import companies, logos
from pillar.text import initial


class BrandForm(AdminForm):
    """Empty fields fall back to the company's account."""

    display_name = LineField("Display name", description="Empty: the company's own name.")
    picked_color = StringField("Pick primary color", widget=ColorInput())
    primary_color = LineField("Or type it", most=7, description="Such as #1A73E8. Empty: Pillar's blue.")
    logo = FileField("Logo", description="A PNG, JPEG or WebP file of at most 1 MB.")
    remove_logo = BooleanField("Use no logo")

    def chosen_color(self, shown: str, saved: str) -> str:
        """Two controls for one color: the typed one counts if it was changed, else the picked one."""
        typed, picked = self.primary_color.data, (self.picked_color.data or "")
        return (
            picked if typed == saved and picked.lower() != shown.lower() and colour.is_hex(picked) else typed
        )


class BrandView(StaffView):
    """How the company looks to its customers."""

    icon = "star"
    needs: ClassVar = {"index": Permission.SETTINGS_WRITE}
    has_files = True

    @expose("/", methods=("GET", "POST"))
    def index(self) -> ResponseReturnValue:
        """The form, with what it looks like beside it."""
        company = companies.current_company()
        form = BrandForm(obj=company)
        if request.method == "GET":
            form.picked_color.data = company.primary_color or PLAIN_COLOR
            return self._page(form, company)
        color = form.chosen_color(company.primary_color or PLAIN_COLOR, company.primary_color)
        form.primary_color.data = color
        form.picked_color.data = color if colour.is_hex(color) else PLAIN_COLOR
        if color and not colour.is_hex(color):
            form.validate()
            add_error(form, RuleViolation("Type a color like #1A73E8.", field="primary_color"))
        elif form.validate() and (request.form.get("do") == "preview" or self._save(form, color)):
            if request.form.get("do") == "preview":
                return self._page(form, company)
            flash("Branding is saved. Customers see it with their next page.", "good")
            return redirect(self.home_url(), 303)
        return self._page(form, companies.current_company()), 422

    def _save(self, form: BrandForm, color: str) -> bool:
        try:
            changes: dict[str, Any] = {"display_name": form.display_name.data, "primary_color": color}
            if form.remove_logo.data:
                changes["logo_key"] = ""
            elif form.logo.data:
                changes["logo_key"] = _stored(form)
            companies.update_brand(companies.current_company(), **changes)
            db.session.commit()
        except RuleViolation as refusal:
            db.session.rollback()
            add_error(form, refusal)
            return False
        return True

    def _page(self, form: BrandForm, company: Tenant) -> str:
        color = form.primary_color.data if colour.is_hex(form.primary_color.data or "") else PLAIN_COLOR
        look = colour.tokens(color)
        name = form.display_name.data or company.name
        return self.render(
            "admin/settings/brand.html",
            heading="Brand",
            form=form,
            look=look,
            contrast=f"{colour.contrast(look.fill, look.on):.1f}",
            shown_name=name,
            shown_initial=initial(name),
        )


def _stored(form: BrandForm) -> str:
    """Re-encode and keep the upload, with no transaction open meanwhile."""
    config: Config = current_app.config["PILLAR_CONFIG"]
    company_id = companies.current_company().public_id
    with reading(db.session):
        return logos.store_logo(config.data_dir, company_id, form.logo.data.stream)


def view() -> BrandView:
    """The view as it is added to the office."""
    return BrandView(name="Brands", category=navigation.SETTINGS, endpoint="brand", url="settings/brand")
