"""Search from anywhere: customers, document numbers and titles, internal notes, as far as the person may see (6.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, select

from pillar import clock
from pillar.extensions import db
from pillar.models.customer import (
    Contact,
    Customer,
    CustomerContact,
    InternalNote,
    Phone,
    ServiceLocation,
    address_line,
)
from pillar.models.estimate import Estimate
from pillar.models.job import Job
from pillar.models.numbers import NumberKind, formatted
from pillar.permissions import Permission
from pillar.phones import display
from pillar.search_words import MAX_TYPED, typed_terms
from pillar.services.word_search import matching_ids, narrowed_to
from pillar.text import clean_line, fold

# A company that is older than this looks its first numbers up with their year.
_YEARS = 10
_EXCERPT = 140
_BEFORE = 40
_NUMBER = re.compile(r"(?:([a-z]{2,4})[ -]*)?0*([1-9][0-9]{0,8})", re.IGNORECASE)


class Found(StrEnum):
    """What a hit is."""

    CUSTOMER = "customer"
    ESTIMATE = "estimate"
    JOB = "job"
    NOTE = "note"


NEEDS = {
    Found.CUSTOMER: Permission.CUSTOMER_READ,
    Found.ESTIMATE: Permission.ESTIMATE_READ,
    Found.JOB: Permission.JOB_READ,
    Found.NOTE: Permission.CUSTOMER_READ,
}


@dataclass(frozen=True, slots=True)
class Hit:
    """One line of the results. `public_id` names the page: of a note, its customer's."""

    public_id: str
    title: str
    note: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Hits of one kind, the best first; `has_more` when there are others."""

    found: Found
    hits: Sequence[Hit]
    has_more: bool


def search(typed: str, may: Callable[[Permission], bool], limit: int) -> list[Group]:
    """What was found of each kind that the person may see, at most `limit` of each; no kind without a hit."""
    typed = clean_line(typed[: MAX_TYPED * 4])[:MAX_TYPED]
    if not typed_terms(typed):
        return []
    groups = (
        Group(found, hits[:limit], len(hits) > limit)
        for found, find in _FINDERS.items()
        if may(NEEDS[found]) and (hits := find(typed, limit + 1))
    )
    return list(groups)


def _customers(typed: str, limit: int) -> list[Hit]:
    ids = matching_ids(Customer, typed)
    if not ids:
        return []
    query = narrowed_to(select(Customer.id, Customer.public_id, Customer.display_name), Customer, ids)
    rows = db.session.execute(query.order_by(Customer.sort_name, Customer.id).limit(limit)).all()
    notes = _ways_and_places([row_id for row_id, _public_id, _name in rows])
    return [Hit(public_id, name, notes.get(row_id, "")) for row_id, public_id, name in rows]


def _ways_and_places(ids: Sequence[int]) -> dict[int, str]:
    """The first number or e-mail and the first place of each, by which two of one name are told apart."""
    ways = (
        select(CustomerContact.customer_id, Contact.email, Phone.e164, Phone.raw)
        .join(Contact, Contact.id == CustomerContact.contact_id)
        .outerjoin(Phone, Phone.contact_id == Contact.id)
        .where(CustomerContact.customer_id.in_(ids), Contact.deleted_at.is_(None))
        .order_by(CustomerContact.position.desc(), Phone.position.desc())
    )
    places = select(
        ServiceLocation.id,
        ServiceLocation.customer_id,
        ServiceLocation.street,
        ServiceLocation.city,
        ServiceLocation.state,
        ServiceLocation.postal_code,
    ).where(ServiceLocation.customer_id.in_(ids), ServiceLocation.deleted_at.is_(None))
    # Backwards, so that the first one is what stays.
    reached = {
        row_id: (display(e164) if e164 else raw or email)
        for row_id, email, e164, raw in db.session.execute(ways)
    }
    found: list[Any] = sorted(map(tuple, db.session.execute(places)), reverse=True)
    where = {row_id: address_line(*parts) for _place_id, row_id, *parts in found}
    return {
        row_id: " · ".join(text for text in (reached.get(row_id), where.get(row_id)) if text)
        for row_id in ids
    }


def _documents(model: type[Estimate | Job], kind: NumberKind) -> Callable[[str, int], list[Hit]]:
    def find(typed: str, limit: int) -> list[Hit]:
        exact = _exact_numbers(kind, typed)
        ids = matching_ids(model, typed)
        best = _rows(model, model.number.in_(exact), limit) if exact else []
        # Whatever was made later has the higher id.
        newest = sorted(ids, reverse=True)[:limit]
        rest = _rows(model, model.id.in_(newest), limit) if newest else []
        hits = {hit.public_id: hit for hit in chain(best, rest)}
        return list(hits.values())[:limit]

    return find


def _rows(model: type[Estimate | Job], condition: ColumnElement[bool], limit: int) -> list[Hit]:
    """The newest first."""
    query = (
        select(model.id, model.public_id, model.number, model.title, Customer.display_name, model.deleted_at)
        .join(Customer, Customer.id == model.customer_id)
        .where(condition)
    )
    rows: list[Any] = sorted(map(tuple, db.session.execute(query)), reverse=True)[:limit]
    return [
        Hit(public_id, title, " · ".join(text for text in (number, name) if text))
        for _row_id, public_id, number, title, name, deleted_at in rows
        if deleted_at is None
    ]


def _exact_numbers(kind: NumberKind, typed: str) -> list[str]:
    """`42`, `EST-42` and `est 00042` as the full numbers of the last years; beginnings of numbers are words."""
    read = _NUMBER.fullmatch(typed)
    if read is None or (read[1] and read[1].upper() != kind.value):
        return []
    this_year = clock.now().year + 1
    return [formatted(kind, year, int(read[2])) for year in range(this_year, this_year - _YEARS, -1)]


def _notes(typed: str, limit: int) -> list[Hit]:
    ids = matching_ids(InternalNote, typed)
    if not ids:
        return []
    query = (
        select(
            InternalNote.id,
            Customer.public_id,
            Customer.display_name,
            InternalNote.body,
            InternalNote.created_at,
        )
        .join(Customer, Customer.id == InternalNote.customer_id)
        .where(Customer.deleted_at.is_(None))
    )
    found = db.session.execute(narrowed_to(query, InternalNote, ids))
    rows: list[Any] = sorted(map(tuple, found), reverse=True)
    return [Hit(public_id, name, excerpt(body, typed), at) for _id, public_id, name, body, at in rows[:limit]]


def excerpt(text: str, typed: str) -> str:
    """The part of a text around the first typed word that stands in it."""
    line = clean_line(text)
    if len(line) <= _EXCERPT:
        return line
    starts = _places_of(line, (part for term in typed_terms(typed) for way in term for part in way))
    start = max(0, min(starts, default=0) - _BEFORE)
    cut = line[start : start + _EXCERPT].strip()
    return f"{'… ' if start else ''}{cut}{' …' if start + _EXCERPT < len(line) else ''}"


def _places_of(line: str, words: Iterable[str]) -> list[int]:
    folded = fold(line)
    return [place for word in words if (place := folded.find(word)) >= 0]


_FINDERS: dict[Found, Callable[[str, int], list[Hit]]] = {
    Found.CUSTOMER: _customers,
    Found.ESTIMATE: _documents(Estimate, NumberKind.ESTIMATE),
    Found.JOB: _documents(Job, NumberKind.JOB),
    Found.NOTE: _notes,
}
