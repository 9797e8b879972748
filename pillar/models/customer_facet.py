"""What customers are filtered by: one row for each city, state and tag of a customer, with its place in the list.

Kept by triggers of the database (migration 0005), so that whatever writes customers and places, imports included,
keeps it. Filter and order come from one index: any page of any filter costs the same at a million customers.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from pillar.extensions import Model
from pillar.models.base import TenantOwned, enum_type, tenant_reference

VALUE_LENGTH = 100


class FacetKind(StrEnum):
    """What a list of customers is narrowed by."""

    CITY = "city"
    STATE = "state"
    TAG = "tag"


class CustomerFacet(TenantOwned, Model):
    """`value` is in small letters; `sort_name` and `is_deleted` are the customer's."""

    __tablename__ = "customer_facet"
    tenant_id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[FacetKind] = mapped_column(enum_type(FacetKind), primary_key=True)
    # The beginning of a value is looked up as a range, which must mean the same on both databases.
    value: Mapped[str] = mapped_column(
        String(VALUE_LENGTH).with_variant(String(VALUE_LENGTH, collation="C"), "postgresql"),
        primary_key=True,
    )
    is_deleted: Mapped[bool] = mapped_column(default=False)
    sort_name: Mapped[str] = mapped_column(String(200), default="")

    __table_args__: Any = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        tenant_reference("customer_id", "customer", ondelete="CASCADE"),
        Index(
            "ix_customer_facet_by_name",
            "tenant_id",
            "kind",
            "value",
            "is_deleted",
            "sort_name",
            "customer_id",
        ),
        Index("ix_customer_facet_by_age", "tenant_id", "kind", "value", "is_deleted", "customer_id"),
        {"sqlite_with_rowid": False},
    )
