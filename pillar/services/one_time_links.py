"""One-time links and their codes: made at each attempt to send, used once (1.4).

The database keeps the token's SHA-256 and an HMAC of the code; the words themselves are in the message alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app
from sqlalchemy import Select, select, update

from pillar import clock, one_time_code
from pillar.config import Config
from pillar.extensions import db
from pillar.models.customer import Contact
from pillar.models.portal import CODE_TRIES, LOOKUP_LIFE, LookupPurpose, LookupRequest, SignInLink
from pillar.models.tenant import Tenant, TenantStatus
from pillar.services import links
from pillar.tenancy import across_tenants
from pillar.tokens import digest, keyed_digest, same, sign_in_token

_KEY_OF_CODES = "portal sign-in: code"
_NO_SYNC = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Secrets:
    """What one message carries."""

    link: str
    code: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A link as the browser that opened it sees it."""

    link: SignInLink
    contact: Contact
    request_id: str
    is_good: bool


def make(request: LookupRequest, contact: Contact, slug: str) -> Secrets:
    """A new link and code for one person; every older one of that person is dead from now on."""
    # Two workers with two messages for one person must not both leave a link behind.
    db.session.scalars(select(Contact.id).where(Contact.id == contact.id).with_for_update()).one()
    end_links(contact)
    token, code = sign_in_token(), one_time_code.new_code()
    db.session.add(
        SignInLink(
            request_id=request.id,
            contact_id=contact.id,
            token_hash=digest(token),
            code_hash=_code_hash(request.public_id, code),
            expires_at=clock.now() + LOOKUP_LIFE,
        )
    )
    # The slug leads an old link, whose row is gone, to the page where a new one can be asked for.
    return Secrets(links.public(f"/sign-in/{token}?at={slug}"), one_time_code.shown(code))


def company_of(token: str) -> tuple[int, str] | None:
    """The company, as (id, slug), whose link this is; reads only."""
    query = (
        select(Tenant.id, Tenant.slug)
        .select_from(SignInLink)
        .join(Tenant, Tenant.id == SignInLink.tenant_id)
        .where(SignInLink.token_hash == digest(token), Tenant.status != TenantStatus.CLOSED)
    )
    with across_tenants(db.session(), "only the token says whose company it is"):
        row = db.session.execute(query).one_or_none()
    return (row[0], row[1]) if row else None


def find(token: str) -> Opened | None:
    """A link of the bound company, used up or not; reads only."""
    row = db.session.execute(_links().where(SignInLink.token_hash == digest(token))).one_or_none()
    if row is None:
        return None
    link, contact, request = row
    is_good = (
        link.used_at is None
        and link.expires_at > clock.now()
        and request.ended_at is None
        and contact.is_active
    )
    return Opened(link, contact, request.public_id, is_good)


def redeem(opened: Opened) -> bool:
    """Use a link; True for one caller only, however many there are."""
    return _use(opened.link)


def redeem_code(request_id: str, typed: str, only: SignInLink | None = None) -> Contact | None:
    """Use the code of a request, where one try is left; the same work whether or not anybody was written to.

    `only` is the link that was opened: beside it, the code of another person's message is a wrong one.

    Every try counts before it is looked at, so that many at once get no more than one after the other.
    """
    counted = db.session.execute(
        update(LookupRequest)
        .where(
            LookupRequest.public_id == request_id,
            LookupRequest.purpose == LookupPurpose.SIGN_IN,
            LookupRequest.ended_at.is_(None),
            LookupRequest.tries < CODE_TRIES,
        )
        .values(tries=LookupRequest.tries + 1),
        execution_options=_NO_SYNC,
    )
    is_counted = counted.rowcount == 1  # type: ignore[attr-defined]
    wanted = _code_hash(request_id, one_time_code.read(typed))
    # Asked for by its hash: a wrong code brings no row, whoever the request was for.
    query = _links().where(LookupRequest.public_id == request_id, SignInLink.code_hash == wanted)
    row = db.session.execute(
        (query.where(SignInLink.id == only.id) if only is not None else query).limit(1)
    ).one_or_none()
    if row is None or not is_counted or not same(row[0].code_hash, wanted):
        return None
    link, contact, _request = row
    return contact if contact.is_active and _use(link) else None


def end_links(contact: Contact) -> None:
    """Nothing that was mailed to this person opens anything any more."""
    db.session.execute(
        update(SignInLink)
        .where(SignInLink.contact_id == contact.id, SignInLink.used_at.is_(None))
        .values(used_at=clock.now()),
        execution_options=_NO_SYNC,
    )


def _use(link: SignInLink) -> bool:
    now = clock.now()
    still_wanted = select(LookupRequest.id).where(
        LookupRequest.id == link.request_id, LookupRequest.ended_at.is_(None)
    )
    result = db.session.execute(
        update(SignInLink)
        .where(
            SignInLink.id == link.id,
            SignInLink.used_at.is_(None),
            SignInLink.expires_at > now,
            SignInLink.request_id.in_(still_wanted),
        )
        .values(used_at=now),
        execution_options=_NO_SYNC,
    )
    return bool(result.rowcount == 1)  # type: ignore[attr-defined]


def _links() -> Select[SignInLink, Contact, LookupRequest]:
    return (
        select(SignInLink, Contact, LookupRequest)
        .select_from(SignInLink)
        .join(Contact, Contact.id == SignInLink.contact_id)
        .join(LookupRequest, LookupRequest.id == SignInLink.request_id)
    )


def _code_hash(request_id: str, code: str) -> str:
    """Bound to its request: the same code of another request is another hash."""
    config: Config = current_app.config["PILLAR_CONFIG"]
    return keyed_digest(config.secret_key, _KEY_OF_CODES, f"{request_id}:{code}")
