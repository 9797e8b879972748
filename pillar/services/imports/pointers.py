"""Who points to a customer, its people or its places: read from the tables themselves, so a new one counts too."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import select

from pillar.extensions import db
from pillar.models.base import TenantOwned
from pillar.models.customer import Customer

_OWNED = frozenset(
    {"customer_contact", "phone", "service_location", "internal_note", "import_row", "customer_facet"}
)
_WORDS = {
    "estimate": "an estimate",
    "estimate_revision": "an estimate",
    "job": "a job",
    "message": "a message",
    "phone_call": "a call",
    "signature": "a signature",
    "sign_in_link": "a sign-in to the portal",
    "personal_link": "a personal link",
    "portal_session": "a sign-in to the portal",
}


@cache
def _pointers() -> tuple[tuple[Any, str, str], ...]:
    """Every column of another table that points to a customer, a contact or a place: model, column, table."""
    found = []
    for mapper in Customer.registry.mappers:
        model: Any = mapper.class_
        table: Any = mapper.local_table
        if table.name in _OWNED or not issubclass(model, TenantOwned):
            continue
        for key in table.foreign_key_constraints:
            if key.referred_table.name in {"customer", "contact", "service_location"}:
                column = next(one.name for one in key.columns if one.name != "tenant_id")
                found.append((model, column, key.referred_table.name))
    return tuple(sorted(found, key=lambda one: (one[0].__tablename__, one[1])))


def pointed_to(customers: Iterable[Customer]) -> dict[tuple[str, int], str]:
    """By table and row id what of these customers something else points to, and what that is, in words."""
    ids: dict[str, set[int]] = {"customer": set(), "contact": set(), "service_location": set()}
    for customer in customers:
        ids["customer"].add(customer.id)
        ids["contact"] |= {link.contact_id for link in customer.contact_links}
        ids["service_location"] |= {place.id for place in customer.locations}
    found: dict[tuple[str, int], str] = {}
    for model, name, table in _pointers():
        column = getattr(model, name)
        query = select(column).where(column.in_(sorted(ids[table]))).distinct()
        for row_id in db.session.scalars(query) if ids[table] else ():
            found.setdefault((table, row_id), _WORDS.get(model.__tablename__, "something of its own"))
    return found
