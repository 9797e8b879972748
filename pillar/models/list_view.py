"""Views of lists that people saved: a name for filters, order and columns (6.4)."""

from __future__ import annotations

from sqlalchemy import JSON, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pillar.extensions import Model
from pillar.models.audit import Audited
from pillar.models.base import Identified, PublicId, Stamped, TenantOwned, tenant_keys, tenant_reference


class ListView(Identified, PublicId, TenantOwned, Stamped, Audited, Model):
    """One saved view of one list: its owner's, or everybody's of the company."""

    __tablename__ = "saved_view"
    list_name: Mapped[str] = mapped_column(String(40))
    staff_id: Mapped[int]
    name: Mapped[str] = mapped_column(String(60))
    is_shared: Mapped[bool] = mapped_column(default=False)
    # The query string it stands for; read again by the list itself, so that what it no longer knows is left out.
    params: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)

    __table_args__ = (
        *tenant_keys(),
        tenant_reference("staff_id", "staff_user", ondelete="CASCADE"),
        UniqueConstraint("tenant_id", "list_name", "staff_id", "name"),
        Index(None, "tenant_id", "staff_id"),
    )
