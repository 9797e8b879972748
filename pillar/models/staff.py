"""The people of the office, how they sign in, and the sessions of everybody who did."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pillar.extensions import Model
from pillar.models.audit import Audited
from pillar.models.base import (
    HasStatus,
    Identified,
    PublicId,
    SoftDeleted,
    Stamped,
    TenantOwned,
    UtcDateTime,
    belongs_to,
    enum_type,
    tenant_keys,
    tenant_reference,
)
from pillar.permissions import Permission, Role, granted


class StaffStatus(StrEnum):
    """Whether a person may sign in."""

    INVITED = "invited"
    ACTIVE = "active"
    DISABLED = "disabled"


S = StaffStatus


class StaffUser(Identified, PublicId, TenantOwned, Stamped, SoftDeleted, HasStatus, Audited, Model):
    """One person of one company; the e-mail is theirs on the whole installation."""

    __tablename__ = "staff_user"
    MOVES: ClassVar = {
        S.INVITED: frozenset({S.ACTIVE, S.DISABLED}),
        S.ACTIVE: frozenset({S.DISABLED}),
        S.DISABLED: frozenset({S.ACTIVE}),
    }

    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    roles: Mapped[list[str]] = mapped_column(JSON, default=list)
    status: Mapped[StaffStatus] = mapped_column(enum_type(StaffStatus), default=S.INVITED)
    password_hash: Mapped[str] = mapped_column(String(200), default="")
    totp_sealed: Mapped[str] = mapped_column(Text, default="")
    totp_confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # A time step is good once: the same six digits read over a shoulder are useless.
    totp_last_step: Mapped[int] = mapped_column(default=0)
    alerts_in_app: Mapped[bool] = mapped_column(default=True)
    alerts_by_email: Mapped[bool] = mapped_column(default=True)

    __table_args__ = (*tenant_keys(),)

    # Flask-Login's side of a user: ids carry the realm, so `contact:1` is never `staff:1`.
    is_authenticated = True
    is_anonymous = False

    @property
    def is_active(self) -> bool:
        """Whether this person may act now."""
        return self.status is S.ACTIVE and self.deleted_at is None

    def get_id(self) -> str:
        """The typed id for Flask-Login."""
        return f"staff:{self.id}"

    @property
    def initials(self) -> str:
        """Two letters for the corner of the screen."""
        return "".join(word[0].upper() for word in self.name.split()[:2]) or "?"

    @property
    def has_totp(self) -> bool:
        """Whether a second step is asked for."""
        return self.totp_confirmed_at is not None

    def may(self, permission: Permission) -> bool:
        """Whether any of the person's roles grants this."""
        return permission in granted(self.roles)

    def has_role(self, role: Role) -> bool:
        """Whether the person holds this role."""
        return role.value in self.roles


class RecoveryCode(Identified, TenantOwned, Model):
    """One of ten codes that stand in for the authenticator, once each; only its hash is kept."""

    __tablename__ = "recovery_code"
    staff_id: Mapped[int]
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        tenant_reference("staff_id", "staff_user", ondelete="CASCADE"),
        UniqueConstraint("tenant_id", "staff_id", "code_hash"),
    )


class StaffTokenPurpose(StrEnum):
    """What a mailed token opens."""

    INVITE = "invite"
    RESET = "reset"


class StaffToken(Identified, TenantOwned, Stamped, Model):
    """A mailed token to set a password: only its hash, used once (invite 72 h, reset 1 h)."""

    __tablename__ = "staff_token"
    staff_id: Mapped[int]
    purpose: Mapped[StaffTokenPurpose] = mapped_column(enum_type(StaffTokenPurpose))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    staff: Mapped[StaffUser] = belongs_to("StaffUser", "StaffToken.staff_id")

    __table_args__ = (
        tenant_reference("staff_id", "staff_user", ondelete="CASCADE"),
        Index(None, "tenant_id", "staff_id"),
    )


class SignInSession(Identified, TenantOwned, Model):
    """A signed-in browser. The cookie holds 256 random bits; the row holds their hash."""

    __tablename__ = "sign_in_session"
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    staff_id: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # When the person last gave the password again, before something that cannot be taken back.
    stepped_up_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ip: Mapped[str] = mapped_column(String(45), default="")
    user_agent: Mapped[str] = mapped_column(String(300), default="")

    __table_args__ = (
        tenant_reference("staff_id", "staff_user", ondelete="CASCADE"),
        Index(None, "tenant_id", "staff_id"),
        Index(None, "expires_at"),
    )


class Notification(Identified, PublicId, TenantOwned, Stamped, Model):
    """An alert in the app for one person of the office (7.7)."""

    __tablename__ = "notification"
    staff_id: Mapped[int]
    kind: Mapped[str] = mapped_column(String(60))
    title: Mapped[str] = mapped_column(String(300))
    path: Mapped[str] = mapped_column(String(300), default="")
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    dedupe_key: Mapped[str] = mapped_column(String(120))

    __table_args__: Any = (
        *tenant_keys(),
        tenant_reference("staff_id", "staff_user", ondelete="CASCADE"),
        UniqueConstraint("tenant_id", "staff_id", "dedupe_key"),
        Index(None, "tenant_id", "staff_id", "read_at"),
    )
