"""How both databases are opened: SQLite's pragmas and BEGIN mode, PostgreSQL's time-outs.

SQLite: WAL, `synchronous=FULL`, foreign keys, busy time-out; BEGIN IMMEDIATE for work that may write and plain BEGIN
for reads. A deferred BEGIN that writes later fails under parallel writers, whatever the busy time-out.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from flask import g, has_app_context
from sqlalchemy import BigInteger, DateTime, Dialect, Engine, Integer, event
from sqlalchemy.orm import Session, scoped_session
from sqlalchemy.types import TypeDecorator

SQLITE_BUSY_MS = 15_000
# Plans are made for the company and the words at hand: one company has a million rows and its neighbour a hundred.
_PG_SETTINGS = (
    "-c statement_timeout=30000 -c lock_timeout=15000 -c timezone=UTC"
    " -c plan_cache_mode=force_custom_plan -c jit=off"
)

BigId = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant, kept as UTC. A naive one is refused: nobody could say when it was."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("A naive datetime cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def engine_options(database_url: str) -> dict[str, Any]:
    """Options for `create_engine`, by kind of database. Parameters are what people typed: no log shows them."""
    if database_url.startswith("sqlite"):
        return {
            "connect_args": {"timeout": SQLITE_BUSY_MS / 1000, "check_same_thread": False},
            "hide_parameters": True,
        }
    return {
        "connect_args": {"options": _PG_SETTINGS},
        "hide_parameters": True,
        "pool_pre_ping": True,
        "pool_size": 5,
        "max_overflow": 15,
    }


def prepare_engine(engine: Engine) -> None:
    """Set up a new engine's connections (SQLite only; PostgreSQL gets its settings at connect)."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _open_sqlite)
        event.listen(engine, "begin", _begin_sqlite)


def _open_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: `_begin_sqlite` says which kind.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={SQLITE_BUSY_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-16000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    reads_only = has_app_context() and g.get("reads_only", False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


@contextmanager
def reading(session: Session | scoped_session[Any]) -> Iterator[None]:
    """Read without holding SQLite's write lock, then let go: around slow work such as password hashing.

    Ends whatever transaction was open by rolling it back, so it must come before anything is written.
    """
    before = g.get("reads_only", False)
    session.rollback()
    g.reads_only = True
    try:
        yield
    finally:
        session.rollback()
        g.reads_only = before


@contextmanager
def writing(session: Session | scoped_session[Any]) -> Iterator[None]:
    """A short write inside a request that otherwise reads (stamping a session). The caller commits."""
    before = g.get("reads_only", False)
    session.rollback()
    g.reads_only = False
    try:
        yield
    finally:
        session.rollback()
        g.reads_only = before
