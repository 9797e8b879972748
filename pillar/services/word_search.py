"""Row ids of what was typed, through the search index: the same hits on SQLite and on PostgreSQL (6.4).

Every typed word is the beginning of a word of `search_text`. Nothing is counted or sorted here: the first ids up to
the limit are taken, and whoever asked sorts those.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import BindParameter, ColumnElement, and_, or_, select
from sqlalchemy.sql import Select

from pillar.extensions import db
from pillar.fenced_sql import BY_ID_ALONE
from pillar.models.customer import Customer, InternalNote
from pillar.models.estimate import Estimate
from pillar.models.job import Job
from pillar.models.search import CustomerWords, EstimateWords, JobWords, NoteWords, Words
from pillar.search_words import Term, typed_terms
from pillar.tenancy import current_tenant_id

MOST_HITS = 200
MOST_DOCUMENTS = 1_000

Query = TypeVar("Query", bound=Select[*tuple[Any, ...]])
Searchable = type[Customer | InternalNote | Estimate | Job]
_WORDS: dict[Searchable, type[Words]] = {
    Customer: CustomerWords,
    InternalNote: NoteWords,
    Estimate: EstimateWords,
    Job: JobWords,
}
_WILDCARDS = re.compile("[~%_]")


def matching_ids(
    model: Searchable, typed: str, limit: int = MOST_HITS, *, is_deleted: bool = False
) -> list[int]:
    """Row ids of the bound tenant's rows that match every typed word; none for nothing typed."""
    terms = typed_terms(typed)
    if not terms:
        return []
    on_sqlite = db.session().get_bind().dialect.name == "sqlite"
    search = _in_words if on_sqlite else _in_text
    return list(db.session.scalars(search(model, terms, is_deleted=is_deleted).limit(limit)))


def document_ids(model: type[Estimate | Job], typed: str) -> list[int]:
    """Row ids of the documents that are found by their own words, and of those for customers that are."""
    customers = matching_ids(Customer, typed)
    query = select(model.id).where(model.customer_id.in_(customers))
    theirs = db.session.scalars(query.limit(MOST_DOCUMENTS)) if customers else ()
    return list({*matching_ids(model, typed), *theirs})


def narrowed_to(query: Query, model: Searchable, ids: Sequence[int] | BindParameter[Any]) -> Query:
    """Keep a query to these few rows. SQLite is told to look each up, or it walks the list in its order."""
    return query.where(model.id.in_(ids)).with_hint(model, BY_ID_ALONE, "sqlite")


def _in_words(model: Searchable, terms: list[Term], *, is_deleted: bool) -> Select[Any]:
    """Through the full-text table; the mark before each word is the company's, as the triggers write it."""
    words = _WORDS[model]
    mark = f"{current_tenant_id():08x}{'d' if is_deleted else 'l'}"
    asked = " AND ".join(f"({' OR '.join(_phrases(way, mark) for way in term)})" for term in terms)
    return select(words.id).where(words.everything.op("MATCH")(asked))


def _phrases(way: tuple[str, ...], mark: str) -> str:
    # In quotes nothing is an operator of FTS5; the star behind them makes a word a beginning.
    quoted = (f'"{mark}{part.replace(chr(34), chr(34) * 2)}"*' for part in way)
    return f"({' AND '.join(quoted)})"


def _in_text(model: Searchable, terms: list[Term], *, is_deleted: bool) -> Select[Any]:
    """Through the trigram indexes, of which one holds the live rows and one the deleted ones."""
    is_there = model.deleted_at.is_not(None) if is_deleted else model.deleted_at.is_(None)
    return select(model.id).where(is_there, *(_matches(model, term) for term in terms))


def _matches(model: Searchable, term: Term) -> ColumnElement[bool]:
    return or_(*(and_(*(_begins_a_word(model, part) for part in way)) for way in term))


def _begins_a_word(model: Searchable, part: str) -> ColumnElement[bool]:
    escaped = _WILDCARDS.sub(r"~\g<0>", part)
    return model.search_text.like(f"% {escaped}%", escape="~")
