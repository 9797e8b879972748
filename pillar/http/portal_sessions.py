"""Signed-in browsers of customers: one row each, found by the hash of a cookie (SAFETY: Sessions and roles).

A session belongs to one company: on any other slug or host the browser is a stranger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from flask import Request, after_this_request, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Row, and_, bindparam, delete, or_, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import lazyload
from werkzeug.wrappers import Response

from pillar import clock
from pillar.database import writing
from pillar.extensions import db
from pillar.http.portal_company import enter_portal, refuse_when_off
from pillar.http.scope import SAFE_METHODS, acting, client_address, user_agent
from pillar.http.sessions import STAMP_EVERY, cookie_name, drop_cookie, set_cookie
from pillar.models.customer import Contact, PortalAccess
from pillar.models.portal import PortalSession
from pillar.models.staff import StaffStatus, StaffUser
from pillar.tenancy import across_tenants
from pillar.tokens import digest, sign_in_token

CUSTOMER_LIFE = timedelta(days=30)
CUSTOMER_IDLE = timedelta(days=7)
VIEWING_LIFE = timedelta(hours=1)
CUSTOMER_COOKIE = "pillar-customer"

log = structlog.get_logger()

# Put together once: every signed-in page begins with it.
_SIGNED_IN = (
    select(
        PortalSession.token_hash,
        PortalSession.last_seen_at,
        StaffUser.public_id.label("viewer"),
        Contact,
    )
    .join(
        Contact,
        and_(Contact.tenant_id == PortalSession.tenant_id, Contact.id == PortalSession.contact_id),
    )
    .outerjoin(
        StaffUser,
        and_(
            StaffUser.tenant_id == PortalSession.tenant_id,
            StaffUser.id == PortalSession.viewer_staff_id,
            StaffUser.status == StaffStatus.ACTIVE,
            StaffUser.deleted_at.is_(None),
        ),
    )
    .where(
        PortalSession.token_hash == bindparam("token_hash"),
        PortalSession.expires_at > bindparam("now"),
        PortalSession.last_seen_at > bindparam("idle_since"),
        # Whoever was shut out of the office does not go on looking.
        or_(PortalSession.viewer_staff_id.is_(None), StaffUser.id.is_not(None)),
        Contact.deleted_at.is_(None),
        or_(PortalSession.viewer_staff_id.is_not(None), Contact.portal_access == PortalAccess.FULL),
    )
    # Most pages show no telephone number.
    .options(lazyload(Contact.phones))
)


@dataclass(frozen=True, slots=True)
class PortalSignedIn:
    """What a request knows of its own session. `viewer` is the member of the office who looks, if one does."""

    token_hash: str
    viewer: str = ""

    @property
    def is_viewing(self) -> bool:
        """Whether this is the office looking: nothing may be changed (1.14)."""
        return bool(self.viewer)


def find_contact(asking: Request) -> Contact | None:
    """Who is signed in on a portal page; nothing is read without the cookie. Asked once per request."""
    slug = (asking.view_args or {}).get("slug", "")
    token = asking.cookies.get(cookie_name(CUSTOMER_COOKIE), "")
    if not slug or not token or g.get("has_looked_for_contact", False):
        return None
    g.has_looked_for_contact = True
    enter_portal(slug)
    found = _look_up(digest(token))
    if found is None:
        return None
    contact: Contact = found.Contact
    if found.viewer is None:
        _stamp(found)
    g.signed_in = PortalSignedIn(found.token_hash, found.viewer or "")
    g.actor = acting("staff" if found.viewer else "contact", found.viewer or contact.public_id)
    return contact


def admit(contact: Contact | None) -> ResponseReturnValue | None:
    """Let a customer's page be shown, send a stranger to the sign-in page, let the office only look."""
    company = enter_portal((request.view_args or {})["slug"])
    refuse_when_off(company)
    if contact is None:
        wanted = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("portal.sign_in", slug=company.slug, next=wanted), 303)
    if g.signed_in.is_viewing and request.method not in SAFE_METHODS:
        return redirect(url_for("portal.looking", slug=company.slug), 303)
    return None


def sign_in(contact: Contact) -> None:
    """Make a session for a person of the bound company and send its new cookie with this response."""
    _begin(contact, CUSTOMER_LIFE)
    g.actor = acting("contact", contact.public_id)
    # Not through the object: signing in is no edit, and must not make the office's open form a stale one.
    db.session.execute(
        update(Contact).where(Contact.id == contact.id).values(last_signed_in_at=clock.now()),
        execution_options={"synchronize_session": False},
    )


def look_as(contact: Contact, viewer: StaffUser) -> None:
    """Let a member of the office see the portal as this person does, for an hour, changing nothing (1.14)."""
    _begin(contact, VIEWING_LIFE, viewer)


def sign_out() -> None:
    """End this browser's session."""
    _forget_this_browser()
    session.clear()
    after_this_request(_without_cookie)


def forget_old_sessions(now: datetime) -> int:
    """Delete rows that no cookie can use any more; for the scheduler. How many there were."""
    with across_tenants(db.session(), "old sessions of every company"):
        result = db.session.execute(
            delete(PortalSession).where(
                or_(PortalSession.expires_at < now, PortalSession.last_seen_at < now - CUSTOMER_IDLE)
            ),
            execution_options={"synchronize_session": False},
        )
    return int(result.rowcount)  # type: ignore[attr-defined]


def _begin(contact: Contact, life: timedelta, viewer: StaffUser | None = None) -> None:
    _forget_this_browser()
    token, now = sign_in_token(), clock.now()
    db.session.add(
        PortalSession(
            token_hash=digest(token),
            contact_id=contact.id,
            viewer_staff_id=viewer.id if viewer else None,
            created_at=now,
            last_seen_at=now,
            expires_at=now + life,
            ip=client_address(),
            user_agent=user_agent(),
        )
    )
    # Whatever the visitor's cookie held, CSRF token included, was made for somebody else.
    if viewer is None:
        session.clear()
    after_this_request(lambda response: _with_cookie(response, token, life))


def _look_up(token_hash: str) -> Row[*tuple[Any, ...]] | None:
    """The session of the bound company and its person, if it counts."""
    now = clock.now()
    values = {"token_hash": token_hash, "now": now, "idle_since": now - CUSTOMER_IDLE}
    return db.session.execute(_SIGNED_IN, values).one_or_none()


def _stamp(found: Row[*tuple[Any, ...]]) -> None:
    """Note that the person is here, at most once a minute, before the request reads anything else."""
    now = clock.now()
    if now - found.last_seen_at < STAMP_EVERY:
        return
    try:
        with writing(db.session):
            db.session.execute(
                update(PortalSession)
                .where(PortalSession.token_hash == found.token_hash)
                .values(last_seen_at=now),
                execution_options={"synchronize_session": False},
            )
            db.session.commit()
    except OperationalError as error:
        # Reading goes on while the database takes no writes (SAFETY: When something is down).
        db.session.rollback()
        log.warning("session_not_stamped", error=str(error.orig))


def _forget_this_browser() -> None:
    token = request.cookies.get(cookie_name(CUSTOMER_COOKIE), "")
    if token:
        # Another company's session in this browser runs out by itself: its cookie is overwritten now.
        db.session.execute(
            delete(PortalSession).where(PortalSession.token_hash == digest(token)),
            execution_options={"synchronize_session": False},
        )


def _with_cookie(response: Response, token: str, life: timedelta) -> Response:
    set_cookie(response, CUSTOMER_COOKIE, token, life)
    return response


def _without_cookie(response: Response) -> Response:
    drop_cookie(response, CUSTOMER_COOKIE)
    return response


def sessions_of(contact: Contact) -> Sequence[PortalSession]:
    """The browsers in which a person is signed in, the last seen first. The office's looking is none of them."""
    now = clock.now()
    query = (
        select(PortalSession)
        .where(
            PortalSession.contact_id == contact.id,
            PortalSession.viewer_staff_id.is_(None),
            PortalSession.expires_at > now,
            PortalSession.last_seen_at > now - CUSTOMER_IDLE,
        )
        .order_by(PortalSession.last_seen_at.desc(), PortalSession.id.desc())
    )
    return db.session.scalars(query).all()


def end_other_sessions(contact: Contact) -> None:
    """Sign a person out in every browser but this one."""
    db.session.execute(
        delete(PortalSession).where(
            PortalSession.contact_id == contact.id, PortalSession.token_hash != g.signed_in.token_hash
        ),
        execution_options={"synchronize_session": False},
    )


def stop_looking() -> None:
    """End the office's look. The member of the office goes on in the same browser, so nothing else of it is touched."""
    _forget_this_browser()
    after_this_request(_without_cookie)


def viewed_company() -> int | None:
    """The company whose portal the office looks at in this browser, on any page; costs nothing without the cookie.

    Asked before a company is bound: what is signed there is not a customer's signature (1.14).
    """
    token = request.cookies.get(cookie_name(CUSTOMER_COOKIE), "")
    if not token:
        return None
    query = select(PortalSession.tenant_id).where(
        PortalSession.token_hash == digest(token),
        PortalSession.viewer_staff_id.is_not(None),
        PortalSession.expires_at > clock.now(),
    )
    with across_tenants(db.session(), "only the cookie says whose company it is"):
        return db.session.scalar(query)
