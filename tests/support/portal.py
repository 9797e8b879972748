"""A customer who is signed in to the portal, without the way in: a row and its cookie."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page as BrowserPage
from sqlalchemy import select

from pillar import clock
from pillar.config import Config
from pillar.extensions import db
from pillar.http.portal_sessions import CUSTOMER_COOKIE, CUSTOMER_LIFE, VIEWING_LIFE
from pillar.models.customer import Contact
from pillar.models.portal import PortalSession
from pillar.models.staff import StaffUser
from pillar.tokens import digest, sign_in_token
from tests.support.cast import Company, Person
from tests.support.client import PillarClient
from tests.support.furnished import writing

SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Safari/604.1"
)


def make_session(
    company: Company,
    contact: Person | None = None,
    *,
    viewer: Person | None = None,
    idle: timedelta = timedelta(),
    user_agent: str = SAFARI,
) -> str:
    """Save a session of the company's contact (or of another one) and return what its cookie holds.

    `viewer` is the member of the office who looks; `idle` is how long ago the browser was last there.
    """
    token, now = sign_in_token(), clock.now()
    with writing(), company.scope():
        db.session.add(
            PortalSession(
                token_hash=digest(token),
                contact_id=_id(Contact, contact or company.contact),
                viewer_staff_id=_id(StaffUser, viewer) if viewer else None,
                created_at=now - idle,
                last_seen_at=now - idle,
                expires_at=now + (VIEWING_LIFE if viewer else CUSTOMER_LIFE),
                ip="198.51.100.24",
                user_agent=user_agent,
            )
        )
    return token


def signed_in_customer(
    client: PillarClient, company: Company, contact: Person | None = None, **values: Any
) -> PillarClient:
    """Give this visitor a session of the company's portal; more in `make_session`."""
    return take_cookie(client, make_session(company, contact, **values))


def take_cookie(client: PillarClient, token: str) -> PillarClient:
    """Put a session's cookie into this visitor's browser."""
    config: Config = client.application.config["PILLAR_CONFIG"]
    client.set_cookie(CUSTOMER_COOKIE, token, domain=urlsplit(config.base_url).hostname or "localhost")
    return client


def take_cookie_in_browser(page: BrowserPage, origin: str, token: str) -> None:
    """The same for a real browser."""
    page.context.add_cookies([{"name": CUSTOMER_COOKIE, "value": token, "url": origin}])


def _id(model: type[Contact | StaffUser], person: Person) -> int:
    return db.session.scalars(select(model.id).where(model.public_id == person.public_id)).one()
