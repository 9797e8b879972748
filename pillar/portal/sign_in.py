"""The sign-in page: a private link by mail or text, or a password once one was set (1.4, 1.6, 1.7)."""

from __future__ import annotations

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from pillar.database import reading
from pillar.extensions import db
from pillar.http.access import PUBLIC, needs
from pillar.http.limits import PASSWORDS_OF_ADDRESS, PASSWORDS_OF_CLIENT, is_within
from pillar.http.portal_company import open_portal
from pillar.http.scope import client_address
from pillar.models.portal import LookupPurpose
from pillar.passwords import MAX_LENGTH
from pillar.portal import asking
from pillar.portal.blueprint import bp
from pillar.portal.entry import first_page, let_in
from pillar.portal.way_back import own_page
from pillar.services import lookups, portal_passwords
from pillar.services.branding import CompanyProfile
from pillar.services.lookups import MAX_TYPED, Typed
from pillar.text import clean_line

TYPE_SOMETHING = "Type the email or mobile number you gave us."
# One sentence for every reason, so that nobody learns which addresses exist or have a password.
_REFUSED = "That email and password do not go together. Check both, or have a link sent to you."


@bp.get("/sign-in")
@needs(PUBLIC)
def sign_in(slug: str) -> ResponseReturnValue:
    """Both ways in. Whoever is in already goes on."""
    company = open_portal(slug)
    if current_user.is_authenticated:
        return redirect(_next_page(company) or first_page(company), 303)
    return _page(company)


@bp.post("/sign-in")
@needs(PUBLIC)
def ask_for_link(slug: str) -> ResponseReturnValue:
    """Send a link and a code to what was typed, if it is anybody's."""
    company = open_portal(slug)
    shown = typed_address()
    if not shown:
        return _page(company, error=TYPE_SOMETHING), 422
    sent = asking.send(LookupPurpose.SIGN_IN, lookups.understand(shown), shown, _next_page(company))
    return sent or _page(company, shown=shown, is_down=True)


@bp.post("/sign-in/password")
@needs(PUBLIC)
def use_password(slug: str) -> ResponseReturnValue:
    """E-mail and password."""
    company = open_portal(slug)
    shown, password = clean_line(request.form.get("email", ""))[:MAX_TYPED], request.form.get("password", "")
    typed = lookups.understand(shown)
    if _may_try(company, typed):
        with reading(db.session):
            candidate = portal_passwords.find(typed)
            is_right = portal_passwords.accepts(candidate, password[: MAX_LENGTH + 1])
        contact = portal_passwords.contact_of(candidate) if is_right and candidate else None
        if contact is not None:
            return let_in(contact, "password", _next_page(company))
    return _page(company, email=shown, password_error=_REFUSED), 422


def typed_address() -> str:
    """What was typed into the one field of a lookup, fit to be shown again."""
    return clean_line(request.form.get("address", ""))[:MAX_TYPED]


def _may_try(company: CompanyProfile, typed: Typed) -> bool:
    tenant = str(company.tenant_id)
    by_client = is_within(PASSWORDS_OF_CLIENT, "portal-password", tenant, client_address())
    return by_client and is_within(PASSWORDS_OF_ADDRESS, "portal-password", tenant, typed.digest())


def _next_page(company: CompanyProfile) -> str:
    return own_page(request.args.get("next", ""), company.portal_url)


def _page(company: CompanyProfile, **values: object) -> str:
    return render_template(
        "portal/sign_in.html",
        company=company,
        next_path=_next_page(company) or None,
        **({"shown": "", "email": "", "error": "", "password_error": "", "is_down": False} | values),
    )
