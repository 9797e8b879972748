"""Which customers a list shows: by status, city, state, tag, place of work and search (6.4).

A filter is a range of one index of `customer_facet`, which holds the order of the list too, so that a page costs the
same at a hundred customers and at a million. Several filters start at the rarest one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import aliased
from sqlalchemy.sql import Select

from pillar.extensions import db
from pillar.models.customer import Customer, CustomerStatus, ServiceLocation
from pillar.models.customer_facet import VALUE_LENGTH, CustomerFacet, FacetKind
from pillar.search_words import Term, indexed, typed_terms
from pillar.services import customer_search
from pillar.services.word_search import narrowed_to

SUGGESTIONS = 10
_RARE = 10_000
# An empty list makes SQLite look at everybody.
_NOBODY = (0,)
_LAST_CHARACTER = "\U0010ffff"

Facet = tuple[FacetKind, str]
# Made once, so that a statement with one of them is compiled once.
_OTHERS = {kind: aliased(CustomerFacet, name=f"has_{kind}") for kind in FacetKind}


class Shown(StrEnum):
    """The part of the customers that is shown."""

    ALL = "all"
    ACTIVE = "active"
    INACTIVE = "inactive"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for."""

    shown: Shown = Shown.ALL
    search: str = ""
    city: str = ""
    state: str = ""
    tag: str = ""
    place: str = ""

    @property
    def is_deleted(self) -> bool:
        """Whether the deleted ones are asked for."""
        return self.shown is Shown.DELETED

    @property
    def facets(self) -> list[Facet]:
        """The filters that are rows of `customer_facet`."""
        typed = ((FacetKind.CITY, self.city), (FacetKind.STATE, self.state), (FacetKind.TAG, self.tag))
        return [(kind, small(value)) for kind, value in typed if value]


@dataclass(frozen=True, slots=True)
class Keys:
    """The row ids of those customers as a query, and what it is ordered by."""

    query: Select[Any]
    key: Any
    by_name: Any
    by_age: Any


def small(value: str) -> str:
    """As the database's triggers write it: small letters by ASCII alone."""
    return "".join(char.lower() if char.isascii() else char for char in value)[:VALUE_LENGTH]


def keys(wanted: Wanted) -> Keys:
    """The customers that are asked for. What is searched is found first, at most some hundred."""
    if wanted.search or wanted.place:
        return _of_found(wanted, _searched(wanted))
    return _of_facets(wanted) if wanted.facets else _of_customers(wanted)


def values(kind: FacetKind, typed: str) -> list[str]:
    """The first values in use that begin like this, for help while typing. One step of the index for each."""
    start = small(typed)
    found: list[str] = []
    query = select(CustomerFacet.value).where(CustomerFacet.kind == kind, CustomerFacet.is_deleted.is_(False))
    query = query.where(CustomerFacet.value < start + _LAST_CHARACTER).order_by(CustomerFacet.value).limit(1)
    while len(found) < SUGGESTIONS:
        after = CustomerFacet.value > found[-1] if found else CustomerFacet.value >= start
        value = db.session.scalar(query.where(after))
        if value is None:
            break
        found.append(value)
    return found


def _of_found(wanted: Wanted, customer_ids: Sequence[int]) -> Keys:
    """Of these. The search knows who is deleted: said here once more, SQLite would go through everybody."""
    conditions = [_has(facet, Customer.id) for facet in wanted.facets]
    if wanted.shown in (Shown.ACTIVE, Shown.INACTIVE):
        conditions.append(Customer.status == CustomerStatus(wanted.shown))
    query = narrowed_to(select(Customer.id).where(*conditions), Customer, customer_ids or _NOBODY)
    return Keys(query, Customer.id, Customer.sort_name, Customer.created_at)


def _of_customers(wanted: Wanted, *conditions: ColumnElement[bool]) -> Keys:
    query = select(Customer.id).where(*_status(wanted.shown), *conditions)
    return Keys(query, Customer.id, Customer.sort_name, Customer.created_at)


def _status(shown: Shown) -> Iterator[ColumnElement[bool]]:
    yield Customer.deleted_at.is_not(None) if shown is Shown.DELETED else Customer.deleted_at.is_(None)
    if shown in (Shown.ACTIVE, Shown.INACTIVE):
        yield Customer.status == CustomerStatus(shown)


def _of_facets(wanted: Wanted) -> Keys:
    first, *others = _rarest_first(wanted)
    if wanted.shown is Shown.INACTIVE and _size(_of_customers(wanted).query) < _RARE:
        return _of_customers(wanted, *(_has(facet, Customer.id) for facet in wanted.facets))
    query = _rows_of(first, is_deleted=wanted.is_deleted)
    query = query.where(*(_has(facet, CustomerFacet.customer_id) for facet in others))
    if wanted.shown in (Shown.ACTIVE, Shown.INACTIVE):
        is_so = exists().where(Customer.id == CustomerFacet.customer_id, *_status(wanted.shown))
        query = query.where(is_so)
    # Whoever was added later has the higher number; it stands in the index, the time does not.
    return Keys(query, CustomerFacet.customer_id, CustomerFacet.sort_name, CustomerFacet.customer_id)


def _rows_of(facet: Facet, *, is_deleted: bool) -> Select[Any]:
    kind, value = facet
    return select(CustomerFacet.customer_id).where(
        CustomerFacet.kind == kind, CustomerFacet.value == value, CustomerFacet.is_deleted.is_(is_deleted)
    )


def _rarest_first(wanted: Wanted) -> list[Facet]:
    facets = wanted.facets
    if len(facets) == 1:
        return facets

    return sorted(facets, key=lambda facet: _size(_rows_of(facet, is_deleted=wanted.is_deleted)))


def _size(query: Select[Any]) -> int:
    """How many there are, as far as it matters for where to begin."""
    some = query.limit(_RARE).subquery()
    return db.session.scalar(select(func.count()).select_from(some)) or 0


def _has(facet: Facet, customer_id: Any) -> ColumnElement[bool]:
    kind, value = facet
    other = _OTHERS[kind]
    return exists().where(other.customer_id == customer_id, other.kind == kind, other.value == value)


def _searched(wanted: Wanted) -> list[int]:
    """Row ids of what search and place name; the other filters' words help the search to find the right ones."""
    words = (wanted.search, wanted.place, wanted.city, wanted.state, wanted.tag)
    typed = " ".join(word for word in words if word)
    found = customer_search.customer_ids(typed, is_deleted=wanted.is_deleted)
    return _at_place(found, wanted.place) if wanted.place else found


def _at_place(customer_ids: Sequence[int], typed: str) -> list[int]:
    """Those who have a place of work that this names: its street, its own name, its ZIP code."""
    terms = typed_terms(typed)
    query = select(ServiceLocation).where(
        ServiceLocation.customer_id.in_(customer_ids), ServiceLocation.deleted_at.is_(None)
    )
    return [
        place.customer_id
        for place in db.session.scalars(query)
        if terms and all(_names(term, indexed([place.label, place.address])) for term in terms)
    ]


def _names(term: Term, words: str) -> bool:
    return any(all(f" {part}" in words for part in way) for way in term)
