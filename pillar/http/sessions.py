"""Signed-in browsers of the office: one row each, found by the hash of a cookie (SAFETY: Sessions and roles).

Flask-Login asks `pillar.http.realms`, which asks here for the office's pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from flask import Request, after_this_request, current_app, g, request, session
from sqlalchemy import Row, delete, select, update
from sqlalchemy.exc import OperationalError
from werkzeug.wrappers import Response

from pillar import clock
from pillar.config import Config
from pillar.database import writing
from pillar.extensions import db
from pillar.http.scope import acting, client_address, enter_company, user_agent
from pillar.models.staff import SignInSession, StaffStatus, StaffUser
from pillar.models.tenant import Tenant, TenantStatus
from pillar.tenancy import across_tenants
from pillar.tokens import digest, sign_in_token

STAFF_LIFE = timedelta(hours=12)
STAFF_IDLE = timedelta(hours=2)
STAMP_EVERY = timedelta(minutes=1)
STAFF_COOKIE = "pillar-staff"
# Beside the office, the health page shows its details to staff.
_STAFF_PATHS = ("/admin", "/readyz")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a request knows of its own session."""

    token_hash: str
    company_requires_totp: bool


def cookie_name(base: str) -> str:
    """`__Host-…` where there is TLS: no neighbouring host and no plain HTTP can set it."""
    config: Config = current_app.config["PILLAR_CONFIG"]
    return f"__Host-{base}" if config.is_https else base


def set_cookie(response: Response, base: str, value: str, life: timedelta) -> None:
    """Set one of our secret cookies."""
    config: Config = current_app.config["PILLAR_CONFIG"]
    response.set_cookie(
        cookie_name(base),
        value,
        max_age=life,
        path="/",
        secure=config.is_https,
        httponly=True,
        samesite="Lax",
    )


def drop_cookie(response: Response, base: str) -> None:
    """Take one of our cookies back."""
    config: Config = current_app.config["PILLAR_CONFIG"]
    response.delete_cookie(cookie_name(base), path="/", secure=config.is_https, httponly=True, samesite="Lax")


def find_staff(asking: Request) -> StaffUser | None:
    """Who is signed in on the office's pages. Elsewhere nobody is, and nothing is read."""
    if asking.path not in _STAFF_PATHS and not asking.path.startswith(f"{_STAFF_PATHS[0]}/"):
        return None
    token = asking.cookies.get(cookie_name(STAFF_COOKIE), "")
    # Asked again in one request only when the first time failed: the error page must not fail like it.
    if not token or g.get("has_looked_for_staff", False):
        return None
    g.has_looked_for_staff = True
    found = _look_up(digest(token))
    if found is None:
        return None
    _stamp(found)
    enter_company(found.tenant_id, found.settings_version)
    g.actor = acting("staff", found.public_id)
    g.signed_in = SignedIn(found.token_hash, found.requires_totp)
    return db.session.scalars(select(StaffUser).where(StaffUser.id == found.staff_id)).one_or_none()


def staff_company() -> int | None:
    """The company whose staff is signed in with this browser, on any page; costs nothing without the cookie.

    Only asked, never acted on: nobody becomes staff by it. Asked before a company is bound.
    """
    token = request.cookies.get(cookie_name(STAFF_COOKIE), "")
    found = _look_up(digest(token)) if token else None
    return found.tenant_id if found else None


def sign_in(staff: StaffUser) -> None:
    """Make a session for a person of the bound company and send its new cookie with this response."""
    _forget_this_browser()
    token, now = sign_in_token(), clock.now()
    db.session.add(
        SignInSession(
            token_hash=digest(token),
            staff_id=staff.id,
            created_at=now,
            last_seen_at=now,
            expires_at=now + STAFF_LIFE,
            ip=client_address(),
            user_agent=user_agent(),
        )
    )
    g.actor = acting("staff", staff.public_id)
    # Whatever the visitor's cookie held, CSRF token included, was made for somebody else.
    session.clear()
    after_this_request(lambda response: _with_cookie(response, token))


def sign_out() -> None:
    """End this browser's session."""
    _forget_this_browser()
    session.clear()
    after_this_request(_without_cookie)


def forget_old_sessions(now: datetime) -> int:
    """Delete rows that no cookie can use any more; for the scheduler. How many there were."""
    with across_tenants(db.session(), "old sessions of every company"):
        result = db.session.execute(
            delete(SignInSession).where(
                (SignInSession.expires_at < now) | (SignInSession.last_seen_at < now - STAFF_IDLE)
            ),
            execution_options={"synchronize_session": False},
        )
    return int(result.rowcount)  # type: ignore[attr-defined]


def _look_up(token_hash: str) -> Row[*tuple[Any, ...]] | None:
    """The session with what decides whether it counts, as columns: nobody's company is bound yet."""
    query = (
        select(
            SignInSession.tenant_id,
            SignInSession.staff_id,
            SignInSession.token_hash,
            SignInSession.last_seen_at,
            StaffUser.public_id,
            Tenant.settings_version,
            Tenant.requires_totp,
        )
        .select_from(SignInSession)
        .join(
            StaffUser,
            (StaffUser.tenant_id == SignInSession.tenant_id) & (StaffUser.id == SignInSession.staff_id),
        )
        .join(Tenant, Tenant.id == SignInSession.tenant_id)
        .where(
            SignInSession.token_hash == token_hash,
            SignInSession.expires_at > clock.now(),
            SignInSession.last_seen_at > clock.now() - STAFF_IDLE,
            StaffUser.status == StaffStatus.ACTIVE,
            StaffUser.deleted_at.is_(None),
            Tenant.status != TenantStatus.CLOSED,
        )
    )
    with across_tenants(db.session(), "only the cookie says whose company it is"):
        return db.session.execute(query).one_or_none()


def _stamp(found: Row[*tuple[Any, ...]]) -> None:
    """Note that the person is here, at most once a minute, before the request reads anything else."""
    now = clock.now()
    if now - found.last_seen_at < STAMP_EVERY:
        return
    try:
        with writing(db.session), across_tenants(db.session(), "only the cookie says whose company it is"):
            db.session.execute(
                update(SignInSession)
                .where(SignInSession.token_hash == found.token_hash)
                .values(last_seen_at=now),
                execution_options={"synchronize_session": False},
            )
            db.session.commit()
    except OperationalError as error:
        # Reading goes on while the database takes no writes (SAFETY: When something is down).
        db.session.rollback()
        log.warning("session_not_stamped", error=str(error.orig))


def _forget_this_browser() -> None:
    token = request.cookies.get(cookie_name(STAFF_COOKIE), "")
    if token:
        db.session.execute(
            delete(SignInSession).where(SignInSession.token_hash == digest(token)),
            execution_options={"synchronize_session": False},
        )


def _with_cookie(response: Response, token: str) -> Response:
    set_cookie(response, STAFF_COOKIE, token, STAFF_LIFE)
    return response


def _without_cookie(response: Response) -> Response:
    drop_cookie(response, STAFF_COOKIE)
    return response
