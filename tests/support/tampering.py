"""Changes behind the product's back, as somebody with the database's password would make them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, inspect, text

from pillar.extensions import db


@contextmanager
def unguarded() -> Iterator[Connection]:
    """A connection that foreign keys and triggers do not hold back. Commits at the end."""
    is_sqlite = db.engine.dialect.name == "sqlite"
    off, on = (
        ("PRAGMA foreign_keys=OFF", "PRAGMA foreign_keys=ON")
        if is_sqlite
        else ("SET session_replication_role = replica", "SET session_replication_role = origin")
    )
    with db.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        # Before SQLAlchemy begins: inside a transaction SQLite does not listen.
        raw.execute(off)
        try:
            yield connection
            connection.commit()
        finally:
            connection.rollback()
            raw.execute(on)
            raw.commit()


def change(statement: str, **values: object) -> None:
    """Run one statement that must change something."""
    with unguarded() as connection:
        changed = connection.execute(text(statement), values)
        assert changed.rowcount > 0, f"nothing changed: {statement}"


def drop_unique_key(table: str, *columns: str) -> None:
    """Take a unique key out of this test's copy of the schema (SQLite: by building the table anew)."""
    keys = {
        tuple(key["column_names"]): key["name"] for key in inspect(db.engine).get_unique_constraints(table)
    }
    with unguarded() as connection:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table(table) as batch:
            batch.drop_constraint(str(keys[columns]), type_="unique")
    db.engine.dispose()
