"""The price book: kept by the office's leaders, read while an estimate is written (2.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.exc import IntegrityError

from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.base import columns_of
from pillar.models.price_book import PriceBookItem
from pillar.money import MAX_CENTS
from pillar.search_words import Term, typed_terms

MAX_WARRANTY_MONTHS = 1200
_WILDCARDS = re.compile("[~%_]")
_COLUMNS = (
    "code",
    "name",
    "description",
    "unit",
    "price_cents",
    "cost_cents",
    "is_taxable",
    "is_active",
    "manufacturer",
    "model",
    "warranty_months",
)


@dataclass(frozen=True, slots=True)
class ItemInput:
    """One item as the office typed it."""

    code: str
    name: str
    price_cents: int
    description: str = ""
    unit: str = ""
    cost_cents: int | None = None
    is_taxable: bool = True
    is_active: bool = True
    manufacturer: str = ""
    model: str = ""
    warranty_months: int | None = None


def create_item(content: ItemInput) -> PriceBookItem:
    """Add an item. Raises RuleViolation."""
    item = PriceBookItem()
    _write(item, content)
    item.audit("price_book.item_created", **columns_of(item, _COLUMNS))
    return item


def update_item(item: PriceBookItem, content: ItemInput) -> None:
    """Change an item; estimates that were written with it stay as they are. Raises RuleViolation."""
    before = columns_of(item, _COLUMNS)
    _write(item, content)
    after = columns_of(item, _COLUMNS)
    changed = [name for name in _COLUMNS if before[name] != after[name]]
    if changed:
        item.audit(
            "price_book.item_changed",
            before={name: before[name] for name in changed},
            after={name: after[name] for name in changed},
        )


def delete_item(item: PriceBookItem) -> None:
    """Take an item out for good; lines that were copied from it stay."""
    item.audit("price_book.item_deleted", **columns_of(item, _COLUMNS))
    db.session.delete(item)


def find_items(typed: str, limit: int = 8) -> list[PriceBookItem]:
    """Items on offer that match every typed word, an equal code first; none for nothing typed."""
    matches = matching(typed)
    if not matches:
        return []
    has_this_code = PriceBookItem.code == typed.strip().upper()
    query = select(PriceBookItem).where(PriceBookItem.is_active, *matches)
    ordered = query.order_by(has_this_code.desc(), PriceBookItem.name, PriceBookItem.id)
    return list(db.session.scalars(ordered.limit(limit)))


def item_on_offer(public_id: str) -> PriceBookItem | None:
    """The item with this public id, unless it is no longer sold."""
    query = select(PriceBookItem).where(PriceBookItem.public_id == public_id, PriceBookItem.is_active)
    return db.session.scalars(query).one_or_none()


def matching(typed: str) -> list[ColumnElement[bool]]:
    """The conditions for what was typed; empty when there is nothing to look for."""
    return [_matches(term) for term in typed_terms(typed)]


def _matches(term: Term) -> ColumnElement[bool]:
    return or_(*(and_(*(_begins_a_word(part) for part in way)) for way in term))


def _begins_a_word(part: str) -> ColumnElement[bool]:
    escaped = _WILDCARDS.sub(r"~\g<0>", part)
    return PriceBookItem.search_text.like(f"% {escaped}%", escape="~")


def _write(item: PriceBookItem, content: ItemInput) -> None:
    _check(content)
    try:
        # Changed inside, so that a code that is taken undoes this and nothing else.
        with db.session.begin_nested():
            for name in _COLUMNS:
                setattr(item, name, getattr(content, name))
            item.code = content.code.upper()
            item.reindex()
            db.session.add(item)
    except IntegrityError:
        raise RuleViolation(
            "Another item has this code. Give this one a code of its own.", field="code"
        ) from None


def _check(content: ItemInput) -> None:
    if not content.code:
        raise RuleViolation("Give it a code, such as WH-50.", field="code")
    if not content.name:
        raise RuleViolation("Give it a name, such as Water heater, 50 gallons.", field="name")
    for field, cents in (("price_cents", content.price_cents), ("cost_cents", content.cost_cents)):
        if cents is not None and not 0 <= cents <= MAX_CENTS:
            raise RuleViolation("An amount is 0 or more, and at most $99,999,999.99.", field=field)
    months = content.warranty_months
    if months is not None and not 0 <= months <= MAX_WARRANTY_MONTHS:
        raise RuleViolation(f"A warranty has 0 to {MAX_WARRANTY_MONTHS} months.", field="warranty_months")
