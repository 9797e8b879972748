"""Asking to be sent something: the same answer for everybody, whatever was typed and whatever becomes of it (1.8).

What a browser asked for is in its signed cookie, with the address sealed; the name of the request is in another
cookie, and whoever has that may type the code.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Self

from cryptography.fernet import InvalidToken
from flask import g, redirect, request, session, url_for
from werkzeug.wrappers import Response

from pillar import clock
from pillar.extensions import db
from pillar.http.limits import LOOKUPS_OF_ADDRESS, LOOKUPS_OF_CLIENT, is_within
from pillar.http.scope import client_address
from pillar.http.sessions import cookie_name, drop_cookie, set_cookie
from pillar.models.portal import LOOKUP_LIFE, LookupPurpose
from pillar.services import heartbeats, lookups
from pillar.services.branding import CompanyProfile
from pillar.services.lookups import Typed
from pillar.tokens import public_id

PENDING_COOKIE = "pillar-pending"
LINK_COOKIE = "pillar-one-time"
# A mail may leave in the last of its ten minutes, and its link is then good for ten more.
PENDING_LIFE = 2 * LOOKUP_LIFE
RESEND_AFTER = timedelta(seconds=60)
_ASKED = "asked"


@dataclass(frozen=True, slots=True)
class Waiting:
    """What this browser asked for last, at this company."""

    slug: str
    purpose: str
    shown: str
    sealed: str
    at: float
    next_path: str

    @classmethod
    def here(cls, company: CompanyProfile) -> Self | None:
        """From the signed cookie; None when nothing was asked here."""
        kept: dict[str, Any] = session.get(_ASKED) or {}
        if set(kept) != set(cls.__slots__) or kept["slug"] != company.slug:
            return None
        return cls(**kept)

    @property
    def is_sign_in(self) -> bool:
        """Whether the message has a code that can be typed here."""
        return self.purpose == LookupPurpose.SIGN_IN

    @property
    def may_resend(self) -> bool:
        """Whether the minute is over."""
        return clock.now().timestamp() - self.at >= RESEND_AFTER.total_seconds()

    def typed(self) -> Typed | None:
        """The address; None when the keys changed since."""
        try:
            return lookups.unseal(self.sealed)
        except (InvalidToken, ValueError):
            return None


def can_send() -> bool:
    """Whether a mail would leave now. Nobody is told that one is on its way when it is not."""
    return heartbeats.can_mail(db.session())


def send(purpose: LookupPurpose, typed: Typed, shown: str, next_path: str = "") -> Response | None:
    """Write the request and go to "Check your inbox"; None, and nothing written, when nothing can be sent now.

    Over a limit everything looks the same, and the browser keeps the request that it has.
    """
    company: CompanyProfile = g.company
    if not can_send():
        return None
    pending, sealed = pending_request() or public_id(), typed.seal()
    if _is_allowed(company, typed):
        asked = lookups.ask(purpose, typed)
        pending, sealed = asked.public_id, asked.sealed
        db.session.commit()
    at = clock.now().timestamp()
    session[_ASKED] = asdict(Waiting(company.slug, purpose, shown, sealed, at, next_path))
    response = redirect(url_for("portal.inbox", slug=company.slug), 303)
    set_cookie(response, PENDING_COOKIE, pending, PENDING_LIFE)
    return response


def pending_request() -> str:
    """The request that this browser waits for; what is no name of one is none."""
    name = request.cookies.get(cookie_name(PENDING_COOKIE), "")
    return name if name.isascii() and len(name) == len(public_id()) else ""


def opened_token() -> str:
    """The token of the link that this browser opened."""
    return request.cookies.get(cookie_name(LINK_COOKIE), "")


def forget_cookies(response: Response) -> Response:
    """Both are used up."""
    drop_cookie(response, PENDING_COOKIE)
    drop_cookie(response, LINK_COOKIE)
    return response


def _is_allowed(company: CompanyProfile, typed: Typed) -> bool:
    """A client that is over its limit does not use up the limit of somebody's address."""
    tenant = str(company.tenant_id)
    by_client = is_within(LOOKUPS_OF_CLIENT, "lookup-client", tenant, client_address())
    return by_client and is_within(LOOKUPS_OF_ADDRESS, "lookup-address", tenant, typed.digest())
