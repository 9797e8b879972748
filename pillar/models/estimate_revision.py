"""A revision of an estimate: rows while it is a draft, one frozen document from the moment it is sent.

While a revision is a draft its options and lines are rows that the office edits. Sending freezes them into one
canonical JSON text; from then on that text is the revision, and its hash is what a signature covers.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pillar import clock
from pillar.canonical import canonical_json, content_hash
from pillar.errors import RuleViolation
from pillar.extensions import Model
from pillar.models.base import (
    Identified,
    Stamped,
    TenantOwned,
    UtcDateTime,
    belongs_to,
    has_many,
    tenant_reference,
)
from pillar.models.customer import ServiceLocation
from pillar.money import TaxedLine, line_amount

if TYPE_CHECKING:
    from pillar.models.estimate import Estimate


class EstimateRevision(Identified, TenantOwned, Stamped, Model):
    """One version of an offer. `document` set means sent, and sent means fixed (2.10; `models.evidence`)."""

    __tablename__ = "estimate_revision"
    estimate_id: Mapped[int]
    n: Mapped[int] = mapped_column(default=1)
    title: Mapped[str] = mapped_column(String(200), default="")
    message: Mapped[str] = mapped_column(Text, default="")
    terms: Mapped[str] = mapped_column(Text, default="")
    tax_label: Mapped[str] = mapped_column(String(60), default="")
    tax_rate_ppm: Mapped[int] = mapped_column(default=0)
    change_note: Mapped[str] = mapped_column(Text, default="")
    # What the estimate itself takes over when this is sent; until then it keeps what the customer sees.
    location_id: Mapped[int | None]
    valid_until: Mapped[date | None]
    # The deposit rule (2.12): none when both are 0, an amount, or a share of what is chosen.
    deposit_cents: Mapped[int] = mapped_column(default=0)
    deposit_ppm: Mapped[int] = mapped_column(default=0)
    subtotal_cents: Mapped[int] = mapped_column(default=0)
    discount_cents: Mapped[int] = mapped_column(default=0)
    tax_cents: Mapped[int] = mapped_column(default=0)
    total_cents: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Its value before is always at hand, so that `models.evidence` can tell freezing from changing.
    document: Mapped[str | None] = mapped_column(Text, active_history=True)
    content_hash: Mapped[str] = mapped_column(String(64), default="")

    estimate: Mapped[Estimate] = belongs_to(
        "Estimate", "EstimateRevision.estimate_id", back_populates="revisions"
    )
    location: Mapped[ServiceLocation | None] = belongs_to("ServiceLocation", "EstimateRevision.location_id")
    options: Mapped[list[EstimateOption]] = has_many(
        "EstimateOption",
        "EstimateOption.revision_id",
        "EstimateRevision",
        back_populates="revision",
        order_by="EstimateOption.position",
        cascade="all, delete-orphan",
    )
    add_ons: Mapped[list[EstimateAddOn]] = has_many(
        "EstimateAddOn",
        "EstimateAddOn.revision_id",
        "EstimateRevision",
        back_populates="revision",
        order_by="EstimateAddOn.position",
        cascade="all, delete-orphan",
    )

    __table_args__: Any = (
        UniqueConstraint("tenant_id", "id"),
        tenant_reference("estimate_id", "estimate"),
        tenant_reference("location_id", "service_location"),
        UniqueConstraint("tenant_id", "estimate_id", "n"),
        CheckConstraint("total_cents = subtotal_cents - discount_cents + tax_cents", name="sums"),
        CheckConstraint("total_cents >= 0 AND discount_cents >= 0", name="not_negative"),
    )

    @property
    def is_frozen(self) -> bool:
        """Whether it was sent."""
        return self.document is not None

    def freeze(self, content: dict[str, Any]) -> None:
        """Fix the content for good. Raises RuleViolation when it is fixed already."""
        if self.is_frozen:
            raise RuleViolation("This revision was sent already and cannot change.")
        self.document = canonical_json(content)
        self.content_hash = content_hash(self.document)
        self.sent_at = clock.now()

    @property
    def content(self) -> dict[str, Any]:
        """The frozen document. Read it once and keep it: it is parsed anew each time."""
        return dict(json.loads(self.document or "{}"))

    @property
    def is_genuine(self) -> bool:
        """Whether the document still has the hash it was sent with (SAFETY: Privacy and evidence)."""
        return self.document is not None and content_hash(self.document) == self.content_hash


class EstimateOption(Identified, TenantOwned, Model):
    """A choice within a revision; a plain estimate has one without a label."""

    __tablename__ = "estimate_option"
    revision_id: Mapped[int] = mapped_column(active_history=True)
    position: Mapped[int] = mapped_column(default=1)
    label: Mapped[str] = mapped_column(String(100), default="")
    # One line that says why somebody would take it.
    reason: Mapped[str] = mapped_column(String(140), default="")
    is_recommended: Mapped[bool] = mapped_column(default=False)
    # The package discount: an amount, or a share of the option's lines (one of them is 0).
    discount_cents: Mapped[int] = mapped_column(default=0)
    discount_ppm: Mapped[int] = mapped_column(default=0)

    revision: Mapped[EstimateRevision] = belongs_to(
        "EstimateRevision", "EstimateOption.revision_id", back_populates="options"
    )
    lines: Mapped[list[EstimateLine]] = has_many(
        "EstimateLine",
        "EstimateLine.option_id",
        "EstimateOption",
        back_populates="option",
        order_by="EstimateLine.position",
        cascade="all, delete-orphan",
    )

    __table_args__: Any = (
        UniqueConstraint("tenant_id", "id"),
        tenant_reference("revision_id", "estimate_revision", ondelete="CASCADE"),
        Index(None, "tenant_id", "revision_id"),
    )


class LineItem:
    """What lines and add-ons share: thousandths of a unit at so many cents."""

    position: Mapped[int] = mapped_column(default=1)
    description: Mapped[str] = mapped_column(String(500))
    scope: Mapped[str] = mapped_column(Text, default="")
    quantity_thousandths: Mapped[int] = mapped_column(default=1000)
    unit: Mapped[str] = mapped_column(String(20), default="")
    unit_price_cents: Mapped[int]
    is_taxable: Mapped[bool] = mapped_column(default=True)

    @property
    def amount_cents(self) -> int:
        """Cents of the line."""
        return line_amount(self.quantity_thousandths, self.unit_price_cents)

    def for_calculator(self) -> TaxedLine:
        """The line as the calculator reads it."""
        return TaxedLine(self.quantity_thousandths, self.unit_price_cents, self.is_taxable)


class EstimateLine(Identified, TenantOwned, LineItem, Model):
    """A line of an option."""

    __tablename__ = "estimate_line"
    option_id: Mapped[int] = mapped_column(active_history=True)

    option: Mapped[EstimateOption] = belongs_to(
        "EstimateOption", "EstimateLine.option_id", back_populates="lines"
    )

    __table_args__: Any = (
        tenant_reference("option_id", "estimate_option", ondelete="CASCADE"),
        Index(None, "tenant_id", "option_id"),
        CheckConstraint("quantity_thousandths > 0", name="quantity"),
        CheckConstraint("unit_price_cents >= 0", name="unit_price"),
    )


class EstimateAddOn(Identified, TenantOwned, LineItem, Model):
    """A line that the customer may tick beside whichever option they take (2.2)."""

    __tablename__ = "estimate_add_on"
    revision_id: Mapped[int] = mapped_column(active_history=True)
    is_preselected: Mapped[bool] = mapped_column(default=False)

    revision: Mapped[EstimateRevision] = belongs_to(
        "EstimateRevision", "EstimateAddOn.revision_id", back_populates="add_ons"
    )

    __table_args__: Any = (
        tenant_reference("revision_id", "estimate_revision", ondelete="CASCADE"),
        Index(None, "tenant_id", "revision_id"),
        CheckConstraint("quantity_thousandths > 0", name="quantity"),
        CheckConstraint("unit_price_cents >= 0", name="unit_price"),
    )
