"""Who is asking and in which company: resolved once per request."""

from __future__ import annotations

from flask import Flask, abort, current_app, g, request

from pillar.extensions import db
from pillar.models.audit import Actor
from pillar.services.branding import CompanyProfile, profile
from pillar.tenancy import bind_tenant

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
USER_AGENT_LIMIT = 300
LONG_FORM_BYTES = 4 * 1024 * 1024
_LONG_FORMS = "pillar.long_forms"


def begin_request() -> None:
    """Reads take no write lock (SQLite); who acts is filled in when known."""
    g.reads_only = request.method in SAFE_METHODS
    if request.endpoint in current_app.extensions.get(_LONG_FORMS, ()):
        # Here, because checking the CSRF token reads the form, long before its view is called.
        request.max_content_length = request.max_form_memory_size = LONG_FORM_BYTES
    g.actor = acting("visitor", "")


def allow_long_form(app: Flask, endpoint: str) -> None:
    """Say that a form has many fields of free text: too much of it is answered beside the field, not by 413."""
    app.extensions.setdefault(_LONG_FORMS, set()).add(endpoint)


def acting(kind: str, name: str) -> Actor:
    """The actor of this request, for the audit trail."""
    return Actor(kind, name, client_address(), user_agent())


def client_address() -> str:
    """The client's address as seen through exactly `TRUSTED_PROXIES` hops (ProxyFix)."""
    return (request.remote_addr or "")[:45]


def user_agent() -> str:
    """The browser's own description, cut and printable."""
    raw = request.headers.get("User-Agent", "")
    return "".join(char for char in raw if char.isprintable())[:USER_AGENT_LIMIT]


def enter_company(tenant_id: int, settings_version: int) -> CompanyProfile:
    """Bind the company that slug, session or token named, and have its look at hand for every page.

    On another company's host it does not exist (1.2).
    """
    if g.get("host_tenant_id") not in (None, tenant_id):
        abort(404)
    bind_tenant(db.session(), tenant_id)
    company = profile(db.session(), tenant_id, settings_version)
    g.company = company
    return company
