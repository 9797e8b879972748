"""Run migrations on the application's own engine: one set for both databases.

Numbered names and one head: two migrations with the same number conflict in git, not on a customer's server.
SQLite changes tables by copying them (`render_as_batch`); PostgreSQL gets a lock time-out, so that a migration waits
for a busy table for seconds, not for ever with everybody queueing behind it.
"""

from __future__ import annotations

from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Connection, Enum

from pillar.database import BigId, UtcDateTime
from pillar.extensions import db

LOCK_TIMEOUT = "5s"


def render_item(kind: str, item: Any, _autogen_context: Any) -> str | bool:
    """Write our column types as what they are in the database: a migration must not follow later code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and item is BigId:
        return 'sa.BigInteger().with_variant(sa.Integer(), "sqlite")'
    if kind == "type" and isinstance(item, Enum):
        return f"sa.String(length={item.length})"
    return False


def include_name(name: str | None, kind: str, parents: dict[str, str | None]) -> bool:
    """Leave out what search has on one kind of database alone: migration 0003 makes it, no model describes it."""
    if kind == "table":
        return "_words" not in (name or "")
    return kind != "index" or not (name or "").startswith(f"ix_{parents['table_name']}_search")


def run(connection: Connection) -> None:
    """Apply what is missing, in one transaction."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    else:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
    # The pragma and SET began a transaction that alembic would not end.
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_as_batch=True,
        compare_type=True,
        render_item=render_item,
        include_name=include_name,
    )
    with context.begin_transaction():
        context.run_migrations()
    if connection.dialect.name == "sqlite":
        connection.commit()
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        connection.commit()


with db.engine.connect() as connection:
    run(connection)
current_app.logger.info("migrations done")
