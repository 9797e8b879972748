"""What a customer looked like when an import made it, as one digest: if it is still the same, undoing may remove it.

Made from the values that are inserted and again from the rows that are there, column by column, so that a column that
is added to a table one day counts too. Of the customer's people only those that the row itself made count.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import inspect

from pillar.models.customer import Contact, Customer, CustomerContact, InternalNote, Phone, ServiceLocation

_NOT_CONTENT = frozenset(
    {
        "id",
        "public_id",
        "tenant_id",
        "created_at",
        "updated_at",
        "version",
        "search_text",
        "sort_name",
        "position",
    }
)
_KINDS = (Customer, Contact, CustomerContact, Phone, ServiceLocation, InternalNote)


@cache
def content_columns(model: Any) -> tuple[tuple[str, Any], ...]:
    """The columns that hold what somebody entered, each with the value that it has when nobody did."""
    columns = inspect(model).columns
    content = [column for column in columns if column.name not in _NOT_CONTENT and not column.foreign_keys]
    return tuple((column.name, _default(column)) for column in content)


def content(model: Any, values: Mapping[str, Any] | Any) -> list[Any]:
    """What stands in a row, or will."""
    if isinstance(values, Mapping):
        return [values.get(name, default) for name, default in content_columns(model)]
    return [getattr(values, name) for name, _default_value in content_columns(model)]


def row_digest(model: type[Any], values: Mapping[str, Any] | Any) -> str:
    """One row that an update added."""
    return _digest(content(model, values))


def fingerprint(parts: Iterable[tuple[type[Any], Iterable[Mapping[str, Any] | Any]]]) -> str:
    """A customer with its people, links, numbers, places and notes, in any order."""
    found: dict[str, list[list[Any]]] = {kind.__name__: [] for kind in _KINDS}
    for model, rows in parts:
        found[model.__name__] += [content(model, row) for row in rows]
    return _digest([[name, *sorted(rows, key=repr)] for name, rows in found.items()])


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()


def _default(column: Any) -> Any:
    return column.default.arg if column.default is not None and column.default.is_scalar else None
