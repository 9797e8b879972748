"""How customers come in: what they asked for, the one-time links and codes, personal links, signed-in browsers."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pillar.extensions import Model
from pillar.models.audit import Audited
from pillar.models.base import (
    Identified,
    PublicId,
    Stamped,
    TenantOwned,
    UtcDateTime,
    belongs_to,
    enum_type,
    tenant_keys,
    tenant_reference,
)
from pillar.models.customer import Contact
from pillar.models.outbox import OutboxRow

LOOKUP_LIFE = timedelta(minutes=10)
CODE_TRIES = 5
PERSONAL_LINK_LIFE = timedelta(days=30)
LAST_FOUR_TRIES = 5


class LookupPurpose(StrEnum):
    """What a visitor asked to be sent."""

    SIGN_IN = "sign_in"
    PROPOSALS = "proposals"


class LookupRequest(Identified, PublicId, TenantOwned, Stamped, OutboxRow, Model):
    """What somebody typed at the front door, known or not: one row each time, and a worker looks who it is (1.8).

    `public_id` is in the asking browser's pending cookie. `typed_sealed` is dropped once a worker has looked;
    `address_digest` (an HMAC) is how asking again finds, and ends, the earlier request. `tries` counts wrong codes.
    """

    __tablename__ = "lookup_request"
    purpose: Mapped[LookupPurpose] = mapped_column(enum_type(LookupPurpose))
    typed_sealed: Mapped[str] = mapped_column(Text, default="")
    address_digest: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(default=0)

    __table_args__: Any = (
        *tenant_keys(),
        Index(None, "tenant_id", "address_digest"),
        Index(None, "expires_at"),
        OutboxRow.sweep_index(),
    )


class SignInLink(Identified, TenantOwned, Stamped, Model):
    """One attempt to deliver a one-time link with its code: hashes only, ten minutes, used once (1.4)."""

    __tablename__ = "sign_in_link"
    request_id: Mapped[int]
    contact_id: Mapped[int]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    code_hash: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # Used, or taken back because a newer one was made.
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    request: Mapped[LookupRequest] = belongs_to("LookupRequest", "SignInLink.request_id")
    contact: Mapped[Contact] = belongs_to("Contact", "SignInLink.contact_id")

    __table_args__: Any = (
        tenant_reference("request_id", "lookup_request", ondelete="CASCADE"),
        tenant_reference("contact_id", "contact", ondelete="CASCADE"),
        Index(None, "tenant_id", "request_id"),
        Index(None, "tenant_id", "contact_id"),
    )


class PersonalLink(Identified, PublicId, TenantOwned, Stamped, Audited, Model):
    """A portal link that was made for one person (1.5, 1.11). Its address is signed; the row keeps the tries.

    `public_id` is the signed subject and finds the company, so it is unique over the whole installation.
    """

    __tablename__ = "personal_link"
    contact_id: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(default=0)

    contact: Mapped[Contact] = belongs_to("Contact", "PersonalLink.contact_id")

    __table_args__: Any = (
        *tenant_keys(),
        UniqueConstraint("public_id"),
        tenant_reference("contact_id", "contact", ondelete="CASCADE"),
        Index(None, "tenant_id", "contact_id"),
        CheckConstraint("tries >= 0", name="tries"),
    )


class RetiredToken(Identified, TenantOwned, Model):
    """A document's token that a newer one replaced: it opens nothing, and still knows the way out (1.12)."""

    __tablename__ = "retired_token"
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    estimate_id: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__: Any = (
        tenant_reference("estimate_id", "estimate", ondelete="CASCADE"),
        Index(None, "tenant_id", "estimate_id"),
    )


class PortalSession(Identified, TenantOwned, Model):
    """A customer's signed-in browser, or a member of the office looking at the portal as a customer (1.14).

    The cookie holds 256 random bits; the row holds their hash. `viewer_staff_id` says that the office is looking:
    then nothing may be changed.
    """

    __tablename__ = "portal_session"
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    contact_id: Mapped[int]
    viewer_staff_id: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ip: Mapped[str] = mapped_column(String(45), default="")
    user_agent: Mapped[str] = mapped_column(String(300), default="")

    __table_args__: Any = (
        tenant_reference("contact_id", "contact", ondelete="CASCADE"),
        tenant_reference("viewer_staff_id", "staff_user", ondelete="CASCADE"),
        Index(None, "tenant_id", "contact_id"),
        Index(None, "tenant_id", "viewer_staff_id"),
        Index(None, "expires_at"),
    )
