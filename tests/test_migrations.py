"""One set of migrations builds both databases, says what the models say, and goes down again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from alembic.util import CommandError
from flask import Flask

from pillar.extensions import db
from tests.support import migrations
from tests.support.bed import Bed
from tests.support.databases import Kind
from tests.support.machine import REPOSITORY


@pytest.fixture
def empty_app(database: Bed) -> Iterator[Flask]:
    """The application on a database that nothing has touched."""
    with database.another_app(database_url=database.store.spare("migrated")) as app:
        with app.app_context():
            yield app


def test_there_is_one_head(empty_app: Flask) -> None:
    assert len(migrations.heads()) == 1


def test_revisions_are_numbered_without_gaps() -> None:
    files = sorted(path.name for path in (REPOSITORY / "migrations" / "versions").glob("[!_]*.py"))
    assert [re.match(r"(\d{4})_[a-z0-9_]+\.py$", name) is not None for name in files] == [True] * len(files)
    assert [int(name[:4]) for name in files] == list(range(1, len(files) + 1))


def test_migrations_say_what_the_models_say(empty_app: Flask) -> None:
    migrations.upgrade()
    migrations.check()


def test_a_difference_is_noticed(empty_app: Flask) -> None:
    migrations.upgrade()
    with db.engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE nobody_declared_me (id INTEGER PRIMARY KEY)"))
    with pytest.raises(CommandError):
        migrations.check()


def test_down_and_up_again(empty_app: Flask) -> None:
    migrations.upgrade()
    before = _schema()
    migrations.downgrade("base")
    assert set(sa.inspect(db.engine).get_table_names()) <= {"alembic_version"}
    migrations.upgrade()
    assert _schema() == before


def test_upgrading_twice_changes_nothing(empty_app: Flask) -> None:
    migrations.upgrade()
    before = _schema()
    migrations.upgrade()
    assert _schema() == before


def test_both_kinds_have_the_same_tables_and_columns(beds: Callable[[Kind], Bed]) -> None:
    described = []
    for kind in Kind:
        bed = beds(kind)
        bed.reset()
        with bed.app.app_context():
            described.append(_tables_and_columns())
    assert described[0] == described[1]


def _tables_and_columns() -> dict[str, list[tuple[str, bool]]]:
    """What must be alike on both kinds: names, and what may be empty. Search has its own tables on each."""
    inspector = sa.inspect(db.engine)
    mapped = set(db.metadata.tables)
    return {
        table: sorted((column["name"], bool(column["nullable"])) for column in inspector.get_columns(table))
        for table in inspector.get_table_names()
        if table in mapped
    }


def _schema() -> list[str]:
    """The whole schema as text, triggers included, in a fixed order."""
    if db.engine.dialect.name == "sqlite":
        return _rows("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name")
    columns = _rows(
        "SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default)"
        " FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1"
    )
    indexes = _rows("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1")
    rules = _rows("SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint ORDER BY 1")
    triggers = _rows("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1")
    return [*columns, *indexes, *rules, *triggers]


def _rows(query: str) -> list[str]:
    with db.engine.connect() as connection:
        return [str(row[0]) for row in connection.execute(sa.text(query))]
