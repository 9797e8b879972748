"""The shell around every page of a signed-in customer, and its front page."""

from __future__ import annotations

from typing import Any

from flask import g, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from pillar.http.access import CUSTOMER, needs
from pillar.http.headers import allow_own_worker
from pillar.portal.blueprint import bp
from pillar.portal.tabs import navigation
from pillar.services.app_icons import icon_key
from pillar.services.branding import CompanyProfile


@bp.get("/home")
@needs(CUSTOMER)
def dashboard(slug: str) -> ResponseReturnValue:  # noqa: ARG001 - bound by `enter_portal`
    """The permanent address of the first page: the first tab."""
    company: CompanyProfile = g.company
    return redirect(f"{company.portal_url}{navigation(company).tabs[0].path}", 303)


def show(template: str, tab: str, **values: Any) -> str:
    """A page inside the shell, under the tab with that path."""
    company: CompanyProfile = g.company
    if company.offers_app:
        allow_own_worker()
    return render_template(
        template,
        company=company,
        person=current_user,
        navigation=navigation(company),
        current_tab=tab,
        is_viewing=g.signed_in.is_viewing,
        icon_key=icon_key(company) if company.offers_app else "",
        **values,
    )
