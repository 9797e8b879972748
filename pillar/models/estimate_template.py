"""Templates of estimates: the content of an offer without the customer, to start the next one from."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pillar.canonical import canonical_json
from pillar.extensions import Model
from pillar.models.audit import Audited
from pillar.models.base import Identified, PublicId, Stamped, TenantOwned, Versioned, tenant_keys


class EstimateTemplate(Identified, PublicId, TenantOwned, Stamped, Versioned, Audited, Model):
    """A name and a canonical JSON text; `services.estimate_templates` knows what is in it."""

    __tablename__ = "estimate_template"
    name: Mapped[str] = mapped_column(String(100))
    body: Mapped[str] = mapped_column(Text)

    __table_args__: Any = (*tenant_keys(), UniqueConstraint("tenant_id", "name"))

    @property
    def content(self) -> dict[str, Any]:
        """The content. Read it once and keep it: it is parsed anew each time."""
        return dict(json.loads(self.body))

    @content.setter
    def content(self, value: dict[str, Any]) -> None:
        self.body = canonical_json(value)
