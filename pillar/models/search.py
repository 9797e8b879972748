"""What search reads: the words of a row as one text, and on SQLite the full-text tables that hold them.

On PostgreSQL the column `search_text` is searched through its trigram index. On SQLite triggers (migration 0003) put
its words into a table beside the row's own, in the same transaction, whoever writes the row. There each word begins
with the mark of its company, so that one company's search never reads another's words; and the tables are mapped
as `TenantOwned`, so that the fence adds its criterion to them and refuses them without it, as any other table.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, registry, validates

from pillar.search_words import indexed
from pillar.tenancy import TenantOwned


class Searched:
    """A row that is found by its words."""

    search_text: Mapped[str] = mapped_column(Text, default="", server_default="", sort_order=94)


class FoundByTitle(Searched):
    """A document: found by its number, in full or without the leading zeros, and by its title."""

    @validates("number", "title")
    def _reindex(self, name: str, value: Any) -> Any:
        now = {"number": getattr(self, "number", None), "title": getattr(self, "title", None), name: value}
        self.search_text = indexed([*number_words(now["number"] or ""), now["title"] or ""])
        return value


def number_words(number: str) -> tuple[str, ...]:
    """`EST-2026-00042` is also asked for as `EST-42` and `42`."""
    kind, _, rest = number.partition("-")
    n = rest.rpartition("-")[2].lstrip("0")
    return (number, f"{kind}-{n}") if n else (number,)


class WordTables(DeclarativeBase):
    """Tables of the migration alone: they exist on SQLite only, and no foreign key leads to or from them."""

    registry = registry(metadata=MetaData())


class Words(TenantOwned, WordTables):
    """A full-text table. Read only; `id` is the row's own."""

    __abstract__ = True
    id: Mapped[int] = mapped_column("rowid", Integer, primary_key=True)
    # FTS5 reads it from the row itself.
    tenant_id: Mapped[int] = mapped_column(Integer)

    @declared_attr
    @classmethod
    def everything(cls) -> Mapped[str]:
        """FTS5's column of the table's own name, to be compared with MATCH."""
        return mapped_column(cls.__tablename__, Text)


class CustomerWords(Words):
    """Words of `Customer.search_text`."""

    __tablename__ = "customer_words"


class NoteWords(Words):
    """Words of `InternalNote.search_text`."""

    __tablename__ = "internal_note_words"


class EstimateWords(Words):
    """Words of `Estimate.search_text`."""

    __tablename__ = "estimate_words"


class JobWords(Words):
    """Words of `Job.search_text`."""

    __tablename__ = "job_words"
