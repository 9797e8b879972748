"""search at a million customers

SQLite: a full-text table beside each searched table, kept by triggers. A later migration that copies a searched table
(batch_alter_table with a new table) loses its triggers and has to make them again: call `keep_words` from here.
PostgreSQL: trigram indexes, of the live rows and of the deleted ones.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import DBAPIError

from pillar.models.search import number_words
from pillar.search_words import indexed

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SEARCHED = ("customer", "internal_note", "estimate", "job")
_EXTENSIONS = ("pg_trgm", "btree_gin")
_NEEDS_EXTENSIONS = (
    "Search needs the PostgreSQL extensions pg_trgm and btree_gin (package postgresql-contrib), and this role may not"
    " make them. Let the owner of the database run: CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gin; then run"
    " `pillar migrate` again. See docs/deploying.md."
)
# Every sign of ASCII but letters, digits and the space belongs to a word: what splits words is pillar.search_words.
_SIGNS = "".join(chr(code) for code in range(33, 127) if not chr(code).isalnum())
# The mark of the company is nine characters; beginnings of up to twelve letters have an index of their own.
_MARK = 9
_BEGINNINGS = " ".join(str(_MARK + length) for length in range(1, 13))

_OLD_LIST = ("tenant_id", "deleted_at", "sort_name")
_LISTS = {
    "customer": (
        ("tenant_id", "deleted_at", "sort_name", "id"),
        ("tenant_id", "deleted_at", "created_at", "id"),
        ("tenant_id", "deleted_at", "status", "sort_name", "id"),
        ("tenant_id", "deleted_at", "status", "created_at", "id"),
    ),
    "estimate": (
        ("tenant_id", "deleted_at", "id"),
        ("tenant_id", "deleted_at", "title", "id"),
        ("tenant_id", "deleted_at", "total_cents", "id"),
        ("tenant_id", "deleted_at", "status", "id"),
    ),
    "job": (
        ("tenant_id", "deleted_at", "id"),
        ("tenant_id", "deleted_at", "title", "id"),
        ("tenant_id", "deleted_at", "created_at", "id"),
        ("tenant_id", "deleted_at", "contract_total_cents", "id"),
        ("tenant_id", "deleted_at", "status", "id"),
    ),
}


def upgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    op.drop_index(_name_of("customer", _OLD_LIST), "customer")
    for table, lists in _LISTS.items():
        for columns in lists:
            op.create_index(_name_of(table, columns), table, list(columns))
    for table in SEARCHED[1:]:
        op.add_column(table, sa.Column("search_text", sa.Text(), server_default="", nullable=False))
    _fill("internal_note", "body", lambda body: [body])
    _fill("estimate", "number, title", lambda number, title: [*number_words(number or ""), title])
    _fill("job", "number, title", lambda number, title: [*number_words(number), title])
    if not on_sqlite:
        _make_extensions()
    for table in SEARCHED:
        if on_sqlite:
            make_words(table)
        else:
            _make_trigrams(table)


def downgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for table in SEARCHED:
        if on_sqlite:
            for event in ("insert", "update", "delete"):
                op.execute(f"DROP TRIGGER {table}_words_{event}")
            op.execute(f"DROP TABLE {table}_words")
        else:
            op.drop_index(f"ix_{table}_search", table)
            op.drop_index(f"ix_{table}_search_deleted", table)
    for table in SEARCHED[1:]:
        op.drop_column(table, "search_text")
    for table, lists in _LISTS.items():
        for columns in lists:
            op.drop_index(_name_of(table, columns), table)
    op.create_index(_name_of("customer", _OLD_LIST), "customer", list(_OLD_LIST))


def _name_of(table: str, columns: tuple[str, ...]) -> str:
    return f"ix_{table}_{'_'.join(columns)}"


def make_words(table: str) -> None:
    """The full-text table of a searched table, filled, with the triggers that keep it."""
    signs = _SIGNS.replace("'", "''").replace('"', '""')
    op.get_bind().exec_driver_sql(
        f"CREATE VIRTUAL TABLE {table}_words USING fts5(search_text, tenant_id UNINDEXED, content='{table}',"
        f" content_rowid='id', detail='none', columnsize=0, prefix='{_BEGINNINGS}',"
        f" tokenize=\"ascii tokenchars '{signs}'\")"
    )
    op.execute(
        f"INSERT INTO {table}_words(rowid, search_text) SELECT id, {_marked(table)} FROM {table}"  # noqa: S608 - our own names
    )
    keep_words(table)


def keep_words(table: str) -> None:
    """The triggers: every change of a row is one of its words, in the same transaction."""
    put = f"INSERT INTO {table}_words(rowid, search_text) VALUES (new.id, {_marked('new')});"  # noqa: S608 - as above
    take = (
        f"INSERT INTO {table}_words({table}_words, rowid, search_text)"  # noqa: S608 - as above
        f" VALUES ('delete', old.id, {_marked('old')});"
    )
    for event, when, what in (
        ("insert", "INSERT", put),
        ("update", "UPDATE OF id, tenant_id, search_text, deleted_at", f"{take} {put}"),
        ("delete", "DELETE", take),
    ):
        op.execute(f"CREATE TRIGGER {table}_words_{event} AFTER {when} ON {table} BEGIN {what} END")


def _marked(row: str) -> str:
    """The words, each behind the mark of its company and of whether the row is live or deleted."""
    mark = f"printf(' %08x', {row}.tenant_id) || CASE WHEN {row}.deleted_at IS NULL THEN 'l' ELSE 'd' END"
    return f"replace({row}.search_text, ' ', {mark})"


def _make_extensions() -> None:
    try:
        for name in _EXTENSIONS:
            op.execute(f"CREATE EXTENSION IF NOT EXISTS {name}")
    except DBAPIError as error:
        raise RuntimeError(_NEEDS_EXTENSIONS) from error


def _make_trigrams(table: str) -> None:
    for name, which in (("search", "IS NULL"), ("search_deleted", "IS NOT NULL")):
        # A short list of what is not yet sorted in: every search reads it from end to end.
        op.execute(
            f"CREATE INDEX ix_{table}_{name} ON {table} USING gin (tenant_id, search_text gin_trgm_ops)"
            f" WITH (gin_pending_list_limit = 512) WHERE deleted_at {which}"
        )


def _fill(table: str, columns: str, words_of: Callable[..., list[str]]) -> None:
    """Words of the rows that are there."""
    connection = op.get_bind()
    rows = connection.execute(sa.text(f"SELECT id, {columns} FROM {table}")).all()  # noqa: S608 - as above
    found = [{"row_id": row_id, "words": indexed(words_of(*texts))} for row_id, *texts in rows]
    if found:
        connection.execute(sa.text(f"UPDATE {table} SET search_text = :words WHERE id = :row_id"), found)  # noqa: S608 - as above
