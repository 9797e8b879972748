"""Which company's portal a request is for: by the slug in its address, on that company's host or on the common one."""

from __future__ import annotations

from flask import abort, g, make_response, render_template
from sqlalchemy import bindparam, select

from pillar.extensions import db
from pillar.http.scope import enter_company
from pillar.models.tenant import Tenant, TenantStatus
from pillar.services.branding import CompanyProfile

# Put together once: every page of every portal begins with it.
_BY_SLUG = select(Tenant.id, Tenant.settings_version, Tenant.status).where(Tenant.slug == bindparam("slug"))


def enter_portal(slug: str) -> CompanyProfile:
    """Bind the company of this portal address, once per request; 404 where there is none.

    One read: the company's id and the version of its settings; the rest is at hand. On another company's own host
    the address does not exist.
    """
    company: CompanyProfile | None = g.get("portal_company")
    if company is not None and company.slug == slug:
        return company
    row = db.session.execute(_BY_SLUG, {"slug": slug}).one_or_none()
    host_owner: int | None = g.get("host_tenant_id")
    if row is None or row.status is TenantStatus.CLOSED or host_owner not in (None, row.id):
        abort(404)
    g.portal_company = enter_company(row.id, row.settings_version)
    return g.portal_company


def refuse_when_off(company: CompanyProfile) -> None:
    """A portal that is switched off answers every page alike (1.3)."""
    if not company.portal_enabled:
        abort(make_response(render_template("portal/unavailable.html", company=company), 503))


def open_portal(slug: str) -> CompanyProfile:
    """Bind the company of a page for visitors, unless its portal is off."""
    company = enter_portal(slug)
    refuse_when_off(company)
    return company
