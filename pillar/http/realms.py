"""Two realms, never mixed: the office's pages know staff, a company's portal knows its customers.

Flask-Login only asks here who is asking; its own session cookie and "remember me" are not used.
"""

from __future__ import annotations

from flask import Flask, Request

from pillar.extensions import login_manager
from pillar.http.portal_sessions import find_contact
from pillar.http.sessions import find_staff
from pillar.models.customer import Contact
from pillar.models.staff import StaffUser


def init_app(_app: Flask) -> None:
    """Let Flask-Login ask here."""
    login_manager.session_protection = None
    login_manager.request_loader(find_user)


def find_user(asking: Request) -> StaffUser | Contact | None:
    """Who is signed in on this page, in the realm that the page belongs to."""
    if asking.blueprint is not None and asking.blueprint.split(".")[0] == "portal":
        return find_contact(asking)
    return find_staff(asking)
