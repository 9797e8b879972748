"""The number a company texts from, and how far its registration with the carriers is (7.5, 9.4)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pillar.extensions import Model
from pillar.models.audit import Audited
from pillar.models.base import (
    Identified,
    PublicId,
    Stamped,
    TenantOwned,
    Versioned,
    enum_type,
    tenant_keys,
)
from pillar.phones import display


class Registration(StrEnum):
    """Where the carriers' registration stands (A2P 10DLC); only an approved number may send."""

    NONE = "none"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"


class PhoneNumber(Identified, PublicId, TenantOwned, Stamped, Versioned, Audited, Model):
    """A sender. A number is one company's: what arrives at it is found by it.

    `account_sid` is empty where the platform's own account holds the number; else it is the company's sub-account,
    whose token is sealed with the data keys.
    """

    __tablename__ = "phone_number"
    e164: Mapped[str] = mapped_column(String(20))
    registration: Mapped[Registration] = mapped_column(enum_type(Registration), default=Registration.NONE)
    messaging_service: Mapped[str] = mapped_column(String(40), default="")
    account_sid: Mapped[str] = mapped_column(String(40), default="")
    auth_token_sealed: Mapped[str] = mapped_column(Text, default="")

    __table_args__: Any = (*tenant_keys(), UniqueConstraint("e164"), Index(None, "account_sid"))

    @property
    def shown(self) -> str:
        """For reading."""
        return display(self.e164)

    @property
    def may_send(self) -> bool:
        """Whether the carriers take texts from it."""
        return self.registration is Registration.APPROVED
