"""The company whose office runs on Pillar, and its settings."""

from __future__ import annotations

import re
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, validates

from pillar import clock
from pillar.errors import RuleViolation
from pillar.extensions import Model
from pillar.models.base import HasStatus, Identified, PublicId, Stamped, UtcDateTime, enum_type
from pillar.models.payment_terms import PaymentTerms
from pillar.money import TaxRounding

SLUG = re.compile(r"[a-z0-9-]{3,40}")
HEX_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
PLAIN_COLOR = "#27548a"

# Addresses of our own, words that would mislead, and names a mail or web server may answer to.
RESERVED_SLUGS = frozenset(
    "admin api app assets billing calendar help link mail pay pillar portal q quote receipt request review "
    "root security sign-in static status support unsubscribe v verify webhooks webmaster www".split()
)


class TenantStatus(StrEnum):
    """Where a company stands with the platform."""

    ONBOARDING = "onboarding"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class OnAcceptance(StrEnum):
    """What happens when a customer accepts: a job at once, or one click by the office (2.11)."""

    CREATE_JOB = "create_job"
    OFFICE_CONVERTS = "office_converts"


class LastFour(StrEnum):
    """What a personal portal link asks for: the phone's last four digits, or a one-time link (1.5)."""

    CHALLENGE = "challenge"
    OFF = "off"


class AppOffer(StrEnum):
    """Whether customers are offered to put the portal on their phone's home screen (1.15)."""

    OFF = "off"
    OFFER = "offer"


S = TenantStatus


class Tenant(Identified, PublicId, Stamped, HasStatus, Model):
    """A company. `settings_version` rises with every change, so processes may cache what they read."""

    __tablename__ = "tenant"
    MOVES: ClassVar = {
        S.ONBOARDING: frozenset({S.ACTIVE, S.CLOSED}),
        S.ACTIVE: frozenset({S.SUSPENDED, S.CLOSED}),
        S.SUSPENDED: frozenset({S.ACTIVE, S.CLOSED}),
        S.CLOSED: frozenset(),
    }

    slug: Mapped[str] = mapped_column(String(40), unique=True)
    status: Mapped[TenantStatus] = mapped_column(enum_type(TenantStatus), default=S.ACTIVE)
    name: Mapped[str] = mapped_column(String(200))
    time_zone: Mapped[str] = mapped_column(String(64), default="America/New_York")
    currency: Mapped[str] = mapped_column(String(3), default="USD")
    email: Mapped[str] = mapped_column(String(254), default="")
    phone_e164: Mapped[str] = mapped_column(String(20), default="")
    street: Mapped[str] = mapped_column(String(200), default="")
    city: Mapped[str] = mapped_column(String(100), default="")
    state: Mapped[str] = mapped_column(String(50), default="")
    postal_code: Mapped[str] = mapped_column(String(20), default="")
    hours: Mapped[str] = mapped_column(String(200), default="")
    public_site_url: Mapped[str] = mapped_column(String(300), default="")

    # A host name of the company's own; links and the portal use it once it is verified (1.2, 1.13).
    custom_host: Mapped[str | None] = mapped_column(String(253))
    custom_host_verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    portal_enabled: Mapped[bool] = mapped_column(default=True)
    signin_last4: Mapped[LastFour] = mapped_column(enum_type(LastFour), default=LastFour.CHALLENGE)
    pwa: Mapped[AppOffer] = mapped_column(enum_type(AppOffer), default=AppOffer.OFF)
    # How long a document's link opens it after it was sent or renewed; none: until it is taken back (1.10).
    document_link_days: Mapped[int | None]
    display_name: Mapped[str] = mapped_column(String(200), default="")
    primary_color: Mapped[str] = mapped_column(String(7), default="")
    logo_key: Mapped[str] = mapped_column(String(80), default="")

    on_acceptance: Mapped[OnAcceptance] = mapped_column(
        enum_type(OnAcceptance), default=OnAcceptance.CREATE_JOB
    )
    estimate_valid_days: Mapped[int] = mapped_column(default=30)
    default_terms: Mapped[str] = mapped_column(Text, default="")
    tax_label: Mapped[str] = mapped_column(String(60), default="Sales tax")
    tax_rate_ppm: Mapped[int] = mapped_column(default=0)
    tax_rounding: Mapped[TaxRounding] = mapped_column(enum_type(TaxRounding), default=TaxRounding.DOCUMENT)
    payment_terms: Mapped[PaymentTerms] = mapped_column(
        enum_type(PaymentTerms), default=PaymentTerms.DUE_ON_RECEIPT
    )
    invoice_terms: Mapped[str] = mapped_column(Text, default="")
    counter_starts: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    requires_totp: Mapped[bool] = mapped_column(default=False)

    settings_version: Mapped[int] = mapped_column(default=1)

    @declared_attr.directive
    @classmethod
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.settings_version}

    __table_args__ = (
        UniqueConstraint("public_id"),
        Index(None, "custom_host", unique=True),
        CheckConstraint("tax_rate_ppm BETWEEN 0 AND 1000000", name="tax_rate"),
        CheckConstraint("estimate_valid_days BETWEEN 1 AND 365", name="valid_days"),
    )

    @validates("slug")
    def _slug_is_printed_on_door_hangers(self, _name: str, slug: str) -> str:
        """Chosen once, never changed, never reissued (1.1)."""
        current: str | None = getattr(self, "slug", None)
        if current is not None and slug != current:
            raise RuleViolation("The portal address is printed on paper and cannot change.", field="slug")
        if not SLUG.fullmatch(slug):
            raise RuleViolation(
                "A portal address has 3 to 40 small letters, digits or hyphens.", field="slug"
            )
        if slug in RESERVED_SLUGS:
            raise RuleViolation("That portal address is reserved. Choose another.", field="slug")
        return slug

    @validates("primary_color")
    def _color_is_hex(self, _name: str, color: str) -> str:
        if color and not HEX_COLOR.fullmatch(color):
            raise RuleViolation("A color is written like #1A73E8.", field="primary_color")
        return color

    @property
    def shown_name(self) -> str:
        """The name customers see: the portal's display name, else the company's own (9.3)."""
        return self.display_name or self.name

    def today(self) -> date:
        """The calendar day at the company."""
        return clock.today(self.time_zone)
