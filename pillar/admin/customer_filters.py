"""The filters of the customer list. Options come from the live places and tags, the most common first cut."""

from __future__ import annotations

import json
import re
from typing import Any

from flask import request
from sqlalchemy import Text, cast, func, select
from sqlalchemy.sql import Select

from pillar.extensions import db
from pillar.models.customer import Customer, ServiceLocation

Options = list[tuple[str, str]]

# A longer list helps nobody; the search finds every city.
_MOST_OPTIONS = 100
_TAG_LISTS = 1_000


def cities() -> Options:
    """The cities with the most places, within the chosen state."""
    query = _places(ServiceLocation.city)
    if state := request.args.get("state", "")[:50]:
        query = query.where(ServiceLocation.state == _clean(state))
    return _options(query)


def states() -> Options:
    """The states with places."""
    return _options(_places(ServiceLocation.state))


def tags() -> Options:
    """Every tag in use."""
    lists = select(cast(Customer.tags, Text)).where(
        Customer.deleted_at.is_(None), cast(Customer.tags, Text) != "[]"
    )
    found = {
        tag for text in db.session.scalars(lists.distinct().limit(_TAG_LISTS)) for tag in json.loads(text)
    }
    return [(tag, tag) for tag in sorted(found, key=str.casefold)[:_MOST_OPTIONS]]


def in_city(query: Select[Any], city: str) -> Select[Any]:
    """Customers with a place in this city."""
    return query.where(Customer.id.in_(_with(ServiceLocation.city == city)))


def in_state(query: Select[Any], state: str) -> Select[Any]:
    """Customers with a place in this state."""
    return query.where(Customer.id.in_(_with(ServiceLocation.state == state)))


def with_tag(query: Select[Any], tag: str) -> Select[Any]:
    """Customers with exactly this tag."""
    # Both databases keep the list as the text that json wrote.
    escaped = re.sub("[~%_]", r"~\g<0>", json.dumps(tag))
    return query.where(cast(Customer.tags, Text).like(f"%{escaped}%", escape="~"))


def _places(column: Any) -> Select[Any]:
    count = func.count(ServiceLocation.id)
    return (
        select(column, count)
        .where(ServiceLocation.deleted_at.is_(None), column != "")
        .group_by(column)
        .order_by(count.desc(), column)
        .limit(_MOST_OPTIONS)
    )


def _options(query: Select[Any]) -> Options:
    return sorted((value, value) for value, _count in db.session.execute(query))


def _with(criterion: Any) -> Select[Any]:
    return select(ServiceLocation.customer_id).where(ServiceLocation.deleted_at.is_(None), criterion)


def _clean(typed: str) -> str:
    return "".join(char for char in typed if char.isprintable())
