"""Customers, the people who speak for them, the places we work at, and what only the office may read."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, Float, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, validates

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
    Versioned,
    belongs_to,
    enum_type,
    has_many,
    tenant_keys,
    tenant_reference,
)
from pillar.models.payment_terms import PaymentTerms
from pillar.models.search import Searched
from pillar.phones import display
from pillar.search_words import indexed
from pillar.text import fold


class CustomerKind(StrEnum):
    """A person or a company."""

    PERSON = "person"
    COMPANY = "company"


class CustomerStatus(StrEnum):
    """Whether we work for them now."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class PostalAddress:
    """The four parts of a US address; every part may be empty."""

    street: Mapped[str] = mapped_column(String(200), default="")
    city: Mapped[str] = mapped_column(String(100), default="")
    state: Mapped[str] = mapped_column(String(50), default="")
    postal_code: Mapped[str] = mapped_column(String(20), default="")


def address_line(street: str, city: str, state: str, postal_code: str) -> str:
    """`412 Alder Street, Dayton, OH 45402`, leaving out what is missing."""
    region = " ".join(part for part in (state, postal_code) if part)
    return ", ".join(part for part in (street, city, region) if part)


class Customer(Identified, PublicId, TenantOwned, Stamped, SoftDeleted, Versioned, HasStatus, Audited, Model):
    """Whom we work for. `search_text` is kept by `reindex`, from the name, its contacts and its places."""

    __tablename__ = "customer"
    MOVES: ClassVar = {
        CustomerStatus.ACTIVE: frozenset({CustomerStatus.INACTIVE}),
        CustomerStatus.INACTIVE: frozenset({CustomerStatus.ACTIVE}),
    }

    kind: Mapped[CustomerKind] = mapped_column(enum_type(CustomerKind), default=CustomerKind.PERSON)
    status: Mapped[CustomerStatus] = mapped_column(enum_type(CustomerStatus), default=CustomerStatus.ACTIVE)
    display_name: Mapped[str] = mapped_column(String(200))
    billing_street: Mapped[str] = mapped_column(String(200), default="")
    billing_city: Mapped[str] = mapped_column(String(100), default="")
    billing_state: Mapped[str] = mapped_column(String(50), default="")
    billing_postal_code: Mapped[str] = mapped_column(String(20), default="")
    payment_terms: Mapped[PaymentTerms | None] = mapped_column(enum_type(PaymentTerms))
    is_tax_exempt: Mapped[bool] = mapped_column(default=False)
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)
    source: Mapped[str] = mapped_column(String(40), default="Other")
    external_id: Mapped[str] = mapped_column(String(80), default="")
    search_text: Mapped[str] = mapped_column(Text, default="")
    sort_name: Mapped[str] = mapped_column(String(200), default="")

    contact_links: Mapped[list[CustomerContact]] = has_many(
        "CustomerContact",
        "CustomerContact.customer_id",
        "Customer",
        back_populates="customer",
        order_by="CustomerContact.position",
    )
    locations: Mapped[list[ServiceLocation]] = has_many(
        "ServiceLocation",
        "ServiceLocation.customer_id",
        "Customer",
        back_populates="customer",
        # By the key alone, SQLite would read all of a company's places in their order to find those of a page.
        order_by="(ServiceLocation.created_at, ServiceLocation.id)",
    )
    notes: Mapped[list[InternalNote]] = has_many(
        "InternalNote",
        "InternalNote.customer_id",
        "Customer",
        back_populates="customer",
        order_by="InternalNote.created_at.desc()",
    )

    __table_args__: Any = (
        *tenant_keys(),
        # The list: every sort of every tab is an index, so that no page reads more rows than it shows.
        Index(None, "tenant_id", "deleted_at", "sort_name", "id"),
        Index(None, "tenant_id", "deleted_at", "created_at", "id"),
        Index(None, "tenant_id", "deleted_at", "status", "sort_name", "id"),
        Index(None, "tenant_id", "deleted_at", "status", "created_at", "id"),
        Index(None, "tenant_id", "external_id"),
    )

    @property
    def contacts(self) -> list[Contact]:
        """The people of this customer, the first one first."""
        return [link.contact for link in self.contact_links if link.contact.deleted_at is None]

    @property
    def billing_address(self) -> str:
        """The billing address in one line."""
        return address_line(
            self.billing_street, self.billing_city, self.billing_state, self.billing_postal_code
        )

    @property
    def live_locations(self) -> list[ServiceLocation]:
        """Places that were not removed."""
        return [location for location in self.locations if location.deleted_at is None]

    def reindex(self) -> None:
        """Rebuild what search and sorting read, after the name, a contact or a place changed."""
        places = self.live_locations
        self.search_text = indexed(
            [
                self.display_name,
                *self.tags,
                *(contact.name for contact in self.contacts),
                *(f"{place.label} {place.address}" for place in places),
            ],
            emails=[contact.email for contact in self.contacts],
            phones=[phone.digits for contact in self.contacts for phone in contact.phones],
        )
        self.sort_name = fold(self.display_name)[:200]


class PortalAccess(StrEnum):
    """How far a contact gets into the portal."""

    NONE = "none"
    DOCUMENTS = "documents"
    FULL = "full"


class Contact(Identified, PublicId, TenantOwned, Stamped, SoftDeleted, Versioned, Audited, Model):
    """A person; may speak for several customers. E-mail is kept in lower case."""

    __tablename__ = "contact"
    name: Mapped[str] = mapped_column(String(200), default="")
    email: Mapped[str] = mapped_column(String(254), default="")
    language: Mapped[str] = mapped_column(String(10), default="en")
    portal_access: Mapped[PortalAccess] = mapped_column(enum_type(PortalAccess), default=PortalAccess.FULL)
    # Empty until the person sets one in My profile (1.6).
    password_hash: Mapped[str] = mapped_column(String(200), default="")
    last_signed_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    # Flask-Login's side of a user, for the portal's realm.
    is_authenticated = True
    is_anonymous = False

    phones: Mapped[list[Phone]] = has_many(
        "Phone",
        "Phone.contact_id",
        "Contact",
        back_populates="contact",
        order_by="Phone.position",
        cascade="all, delete-orphan",
        lazy="selectin",
    )
    customer_links: Mapped[list[CustomerContact]] = has_many(
        "CustomerContact", "CustomerContact.contact_id", "Contact", back_populates="contact"
    )

    __table_args__: Any = (*tenant_keys(), Index(None, "tenant_id", "email"))

    @property
    def is_active(self) -> bool:
        """Whether this person may use the portal now."""
        return self.portal_access is PortalAccess.FULL and self.deleted_at is None

    def get_id(self) -> str:
        """The typed id for Flask-Login: a contact is never a member of the staff."""
        return f"contact:{self.id}"

    def may(self, _permission: object) -> bool:
        """Nothing in the office."""
        return False

    @property
    def phone(self) -> Phone | None:
        """The first telephone number, if any."""
        return self.phones[0] if self.phones else None


class Phone(Identified, TenantOwned, Model):
    """A number: as typed, as E.164 (empty when it cannot be one), and as digits to search by."""

    __tablename__ = "phone"
    contact_id: Mapped[int]
    position: Mapped[int] = mapped_column(default=0)
    raw: Mapped[str] = mapped_column(String(80))
    e164: Mapped[str] = mapped_column(String(20), default="")
    digits: Mapped[str] = mapped_column(String(20), default="")
    type: Mapped[str] = mapped_column(String(20), default="")

    contact: Mapped[Contact] = belongs_to("Contact", "Phone.contact_id", back_populates="phones")

    __table_args__: Any = (
        tenant_reference("contact_id", "contact", ondelete="CASCADE"),
        Index(None, "tenant_id", "contact_id"),
        Index(None, "tenant_id", "e164"),
    )

    @property
    def shown(self) -> str:
        """For reading: national form, or what was typed when it is no number."""
        return display(self.e164) if self.e164 else self.raw


class CustomerContact(Identified, TenantOwned, Stamped, Model):
    """What a person is to a customer."""

    __tablename__ = "customer_contact"
    customer_id: Mapped[int]
    contact_id: Mapped[int]
    position: Mapped[int] = mapped_column(default=0)
    is_owner: Mapped[bool] = mapped_column(default=False)
    is_billing: Mapped[bool] = mapped_column(default=False)
    is_site: Mapped[bool] = mapped_column(default=False)
    is_approver: Mapped[bool] = mapped_column(default=False)

    customer: Mapped[Customer] = belongs_to(
        "Customer", "CustomerContact.customer_id", back_populates="contact_links"
    )
    contact: Mapped[Contact] = belongs_to(
        "Contact", "CustomerContact.contact_id", back_populates="customer_links", lazy="joined"
    )

    __table_args__: Any = (
        tenant_reference("customer_id", "customer"),
        tenant_reference("contact_id", "contact"),
        UniqueConstraint("tenant_id", "customer_id", "contact_id"),
        Index(None, "tenant_id", "contact_id"),
    )

    ROLES: ClassVar = ("owner", "billing", "site", "approver")

    @property
    def roles(self) -> list[str]:
        """Names of the roles that are set."""
        return [role for role in self.ROLES if getattr(self, f"is_{role}")]


class ServiceLocation(
    Identified, PublicId, TenantOwned, Stamped, SoftDeleted, Versioned, PostalAddress, Audited, Model
):
    """A place we work at. `access_notes` are for the staff alone (6.2)."""

    __tablename__ = "service_location"
    customer_id: Mapped[int]
    label: Mapped[str] = mapped_column(String(100), default="")
    latitude: Mapped[float | None] = mapped_column(Float)
    longitude: Mapped[float | None] = mapped_column(Float)
    time_zone: Mapped[str] = mapped_column(String(64), default="")
    access_notes: Mapped[str] = mapped_column(Text, default="")

    customer: Mapped[Customer] = belongs_to(
        "Customer", "ServiceLocation.customer_id", back_populates="locations"
    )

    __table_args__: Any = (
        *tenant_keys(),
        tenant_reference("customer_id", "customer"),
        Index(None, "tenant_id", "customer_id"),
    )

    @property
    def address(self) -> str:
        """The place in one line."""
        return address_line(self.street, self.city, self.state, self.postal_code)


class InternalNote(Identified, PublicId, TenantOwned, Stamped, Searched, Model):
    """A note that never leaves the staff: gate codes, preferences, past issues (6.2)."""

    __tablename__ = "internal_note"
    customer_id: Mapped[int]
    staff_id: Mapped[int | None]
    author: Mapped[str] = mapped_column(String(200), default="")
    body: Mapped[str] = mapped_column(Text)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    customer: Mapped[Customer] = belongs_to("Customer", "InternalNote.customer_id", back_populates="notes")

    @validates("body")
    def _reindex(self, _name: str, body: str) -> str:
        self.search_text = indexed([body])
        return body

    __table_args__: Any = (
        *tenant_keys(),
        tenant_reference("customer_id", "customer"),
        tenant_reference("staff_id", "staff_user"),
        Index(None, "tenant_id", "customer_id"),
    )
