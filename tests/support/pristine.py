"""Puts a PostgreSQL database back as it was, row by row: a tenth of the price of a new copy.

The template carries copies of its own rows in a schema of their own, and one function that empties every table,
puts those rows back and winds the sequences. Whatever is more than rows (a changed schema, somebody still in the
middle of something, a long row of dead rows) makes it refuse, and the caller takes a new copy.
"""

from __future__ import annotations

import psycopg

# Dead rows stay until the next copy: without an end, reading would slow down and rows would change places.
_RESTORES_PER_COPY = 25
_ROWS_AT_MOST = 500

_PREPARE = """
DROP EVENT TRIGGER IF EXISTS pristine;
DROP SCHEMA IF EXISTS pristine CASCADE;
CREATE SCHEMA pristine;
CREATE TABLE pristine.schema_changes (tag text);
CREATE FUNCTION pristine.note_change() RETURNS event_trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO pristine.schema_changes VALUES (tg_tag); END $$;
"""
# Always: tests that switch foreign keys off change the schema too.
_WATCH = """
CREATE EVENT TRIGGER pristine ON ddl_command_end EXECUTE FUNCTION pristine.note_change();
ALTER EVENT TRIGGER pristine ENABLE ALWAYS;
"""
_RESTORE = """
CREATE FUNCTION pristine.restore() RETURNS bigint LANGUAGE plpgsql
SET session_replication_role = replica SET lock_timeout = '500ms' AS $body$
DECLARE
    gone bigint := 0;
    step bigint;
BEGIN
    IF EXISTS (SELECT FROM pristine.schema_changes) OR EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
            AND backend_type = 'client backend' AND state <> 'idle'
    ) THEN
        RETURN NULL;
    END IF;
{steps}
    RETURN gone;
END $body$;
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
_SEQUENCES = (
    "SELECT sequencename, start_value, last_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1"
)
_COLUMNS = """
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""


def prepare(connection: psycopg.Connection) -> None:
    """Keep the rows that are there now, inside the database, and write the function that brings them back."""
    connection.execute(_PREPARE)
    tables = [name for (name,) in connection.execute(_TABLES)]
    kept = [name for name in tables if connection.execute(f"SELECT FROM {_public(name)} LIMIT 1").rowcount]
    steps = [
        f"DELETE FROM {_public(name)}; GET DIAGNOSTICS step = ROW_COUNT; gone := gone + step;"
        for name in tables
    ]
    for name in kept:
        connection.execute(f'CREATE TABLE pristine."{name}" AS TABLE {_public(name)}')
        (columns,) = connection.execute(_COLUMNS, [_public(name)]).fetchone() or ("",)
        steps.append(
            f'INSERT INTO {_public(name)} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM pristine."{name}";'
        )
    for name, start, last in connection.execute(_SEQUENCES):
        steps.append(f"PERFORM setval('{_public(name)}', {last or start}, {str(last is not None).lower()});")
    connection.execute(_RESTORE.format(steps="\n".join(f"    {step}" for step in steps)))
    connection.execute(_WATCH)


class Restorer:
    """The connection that restores one database between two copies of it."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection: psycopg.Connection | None = None
        self._left = _RESTORES_PER_COPY

    def restore(self) -> bool:
        """Put everything back; whether that was possible."""
        if self._left <= 0:
            return False
        self._left -= 1
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._address, autocommit=True)
            (gone,) = self._connection.execute("SELECT pristine.restore()").fetchone() or (None,)
        except psycopg.Error:
            return False
        if gone is not None and gone > _ROWS_AT_MOST:
            self._left = 0
        return gone is not None

    def let_go(self) -> None:
        """Close the connection: the database is about to be replaced."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._left = _RESTORES_PER_COPY


def _public(name: str) -> str:
    return f'public."{name}"'
