"""The price book: what the company sells again and again (2.2, 5.3)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pillar.extensions import Model
from pillar.models.audit import Audited
from pillar.models.base import Identified, PublicId, Stamped, TenantOwned, Versioned, tenant_keys
from pillar.search_words import indexed


class PriceBookItem(Identified, PublicId, TenantOwned, Stamped, Versioned, Audited, Model):
    """Something with a usual price. Lines of estimates copy it, so a later price reaches no earlier offer."""

    __tablename__ = "price_book_item"
    # In capitals, so that the unique key does not tell wh-50 from WH-50.
    code: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text, default="")
    unit: Mapped[str] = mapped_column(String(20), default="")
    price_cents: Mapped[int]
    # What the company pays for it: shown in the price book alone, to no customer and in no document.
    cost_cents: Mapped[int | None]
    is_taxable: Mapped[bool] = mapped_column(default=True)
    is_active: Mapped[bool] = mapped_column(default=True)
    # Equipment that comes to the customer's place with it; all empty for anything else.
    manufacturer: Mapped[str] = mapped_column(String(100), default="")
    model: Mapped[str] = mapped_column(String(100), default="")
    warranty_months: Mapped[int | None]
    search_text: Mapped[str] = mapped_column(Text, default="")

    __table_args__: Any = (
        *tenant_keys(),
        UniqueConstraint("tenant_id", "code"),
        Index(None, "tenant_id", "is_active", "name"),
        CheckConstraint("price_cents >= 0", name="price"),
        CheckConstraint("cost_cents >= 0", name="cost"),
        CheckConstraint("warranty_months BETWEEN 0 AND 1200", name="warranty_months"),
    )

    def reindex(self) -> None:
        """Rebuild what search reads."""
        self.search_text = indexed([self.code, self.name, self.manufacturer, self.model])
