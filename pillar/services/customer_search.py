"""Finding customers by name, e-mail, phone in any format and address (6.4).

The same hits on both databases: both compare the beginnings of words in `Customer.search_text`.
"""

from __future__ import annotations

import re

from sqlalchemy import ColumnElement, and_, or_, select

from pillar.extensions import db
from pillar.models.customer import Customer
from pillar.search_words import Term, typed_terms

MOST_HITS = 200
_WILDCARDS = re.compile("[~%_]")


def customer_ids(typed: str, limit: int = MOST_HITS, *, is_archived: bool = False) -> list[int]:
    """Row ids of the customers that match every typed word, at most `limit`; none for nothing typed."""
    terms = typed_terms(typed)
    if not terms:
        return []
    is_there = Customer.deleted_at.is_not(None) if is_archived else Customer.deleted_at.is_(None)
    query = select(Customer.id).where(is_there, *map(_matches, terms)).limit(limit)
    return list(db.session.scalars(query))


def find_customers(typed: str, limit: int = 20) -> list[Customer]:
    """The customers that match, by name: for choosing one."""
    query = select(Customer).where(Customer.id.in_(customer_ids(typed)))
    return list(db.session.scalars(query.order_by(Customer.sort_name, Customer.id).limit(limit)))


def _matches(term: Term) -> ColumnElement[bool]:
    return or_(*(and_(*(_begins_a_word(part) for part in way)) for way in term))


def _begins_a_word(part: str) -> ColumnElement[bool]:
    escaped = _WILDCARDS.sub(r"~\g<0>", part)
    return Customer.search_text.like(f"% {escaped}%", escape="~")
