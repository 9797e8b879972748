"""The last step of every way in."""

from __future__ import annotations

from flask import g, redirect
from werkzeug.wrappers import Response

from pillar.extensions import db
from pillar.http import portal_sessions
from pillar.models.customer import Contact
from pillar.portal.asking import forget_cookies
from pillar.portal.way_back import own_page
from pillar.services.branding import CompanyProfile


def let_in(contact: Contact, way: str, next_path: str = "") -> Response:
    """Make the session, note it, and go where the person was going, or to the first page."""
    company: CompanyProfile = g.company
    portal_sessions.sign_in(contact)
    contact.audit("contact.signed_in", by=way)
    db.session.commit()
    return forget_cookies(redirect(own_page(next_path, company.portal_url) or first_page(company), 303))


def first_page(company: CompanyProfile) -> str:
    """What a customer sees first."""
    return f"{company.portal_url}/estimates"
