"""Finding customers by name, e-mail, phone in any format, address and tag (6.4)."""

from __future__ import annotations

from sqlalchemy import select

from pillar.extensions import db
from pillar.models.customer import Customer
from pillar.services.word_search import MOST_HITS, matching_ids

__all__ = ["MOST_HITS", "customer_ids", "find_customers"]


def customer_ids(typed: str, limit: int = MOST_HITS, *, is_deleted: bool = False) -> list[int]:
    """Row ids of the customers that match every typed word, at most `limit`; none for nothing typed."""
    return matching_ids(Customer, typed, limit, is_deleted=is_deleted)


def find_customers(typed: str, limit: int = 20) -> list[Customer]:
    """The customers that match, by name: for choosing one."""
    query = select(Customer).where(Customer.id.in_(customer_ids(typed)))
    return list(db.session.scalars(query.order_by(Customer.sort_name, Customer.id).limit(limit)))
