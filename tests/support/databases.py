"""A fresh, real database for every test, with real commits, on both kinds.

Each worker process migrates one database, builds the cast in it, keeps that as a template and copies it for
each test: a file on SQLite, `CREATE DATABASE … TEMPLATE` on PostgreSQL, where most tests get by with their rows
put back (`pristine.py`). The address stays the same, so one application per worker and kind serves all its tests;
only its connections are dropped before a new copy.
"""

from __future__ import annotations

import shutil
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from tests.support import postgres, pristine
from tests.support.pristine import Restorer


class Kind(StrEnum):
    """The databases that the product runs on."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


class Store(ABC):
    """Where the databases of one worker process and kind live."""

    kind: Kind
    url: str

    @abstractmethod
    def clear(self) -> None:
        """Make the test's database an empty one."""

    @abstractmethod
    def keep_as_template(self, scene: str = "") -> None:
        """Keep the test's database, as it is now, for `reset`. Nobody may be connected."""

    def restore(self, scene: str = "") -> bool:
        """Undo what was done since the last copy without making a new one; whether that was possible."""
        return False

    @abstractmethod
    def reset(self, scene: str = "") -> None:
        """Make the test's database a copy of the template. Nobody may be connected."""

    @abstractmethod
    def spare(self, name: str) -> str:
        """The address of another database, made empty: for migrations and for restoring into."""

    @abstractmethod
    def close(self) -> None:
        """Delete all of it."""


class SqliteStore(Store):
    """Files in the worker's folder."""

    kind = Kind.SQLITE

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "test.sqlite3"
        self.url = f"sqlite:///{self.file}"

    def clear(self) -> None:
        _delete_sqlite(self.file)

    def keep_as_template(self, scene: str = "") -> None:
        # What is still in the -wal would not be copied.
        with sqlite3.connect(self.file) as connection:
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        connection.close()
        if busy:
            raise RuntimeError("the template is still open somewhere")
        shutil.copyfile(self.file, self._template(scene))

    def reset(self, scene: str = "") -> None:
        # Deleted, not overwritten: a forgotten connection must keep the old file, not spoil the new one.
        _delete_sqlite(self.file)
        shutil.copyfile(self._template(scene), self.file)

    def _template(self, scene: str) -> Path:
        return self.folder / f"template{scene}.sqlite3"

    def spare(self, name: str) -> str:
        file = self.folder / f"{name}.sqlite3"
        _delete_sqlite(file)
        return f"sqlite:///{file}"

    def close(self) -> None:
        for file in self.folder.glob("*.sqlite3*"):
            file.unlink()


class PostgresStore(Store):
    """Databases named after the run and the worker."""

    kind = Kind.POSTGRESQL

    def __init__(self, server: postgres.Server, name: str) -> None:
        self.server = server
        self.name = f"pillar_{name}"
        self.url = server.url(self.name)
        self._scene = ""
        self._others: set[str] = set()
        self._admin: psycopg.Connection = server.connect()
        self._restorer = Restorer(server.plain_url(self.name)) if server.is_ours else None

    def clear(self) -> None:
        postgres.create_database(self._admin, self.name)

    def keep_as_template(self, scene: str = "") -> None:
        if self._restorer:
            self._restorer.let_go()
            with psycopg.connect(self.server.plain_url(self.name), autocommit=True) as connection:
                pristine.prepare(connection)
        self._copy(self.name, self._template(scene))
        self._scene = scene

    def restore(self, scene: str = "") -> bool:
        return self._restorer is not None and scene == self._scene and self._restorer.restore()

    def reset(self, scene: str = "") -> None:
        if self._restorer:
            self._restorer.let_go()
        self._copy(self._template(scene), self.name)
        self._scene = scene

    def _template(self, scene: str) -> str:
        template = f"{self.name}_template{scene}"
        self._others.add(template)
        return template

    def spare(self, name: str) -> str:
        database = f"{self.name}_{name}"
        self._others.add(database)
        postgres.create_database(self._admin, database)
        return self.server.url(database)

    def close(self) -> None:
        if self._restorer:
            self._restorer.let_go()
        # Our own server is thrown away as a whole.
        if not self.server.is_ours:
            for database in (self.name, *self._others):
                postgres.drop_database(self._admin, database)
        self._admin.close()

    def _copy(self, source: str, target: str) -> None:
        postgres.copy_database(self._admin, source=source, target=target, fast=self.server.is_ours)


def open_store(kind: Kind, run_folder: Path, worker: str) -> Store:
    """The store of this worker process; skips by name where PostgreSQL is missing."""
    if kind is Kind.SQLITE:
        folder = run_folder / worker / "sqlite"
        folder.mkdir(parents=True, exist_ok=True)
        return SqliteStore(folder)
    return PostgresStore(postgres.server(run_folder), f"{run_folder.name[-8:]}_{worker}".lower())


def sqlite_file(url: str) -> Path:
    """The file behind a SQLite address."""
    database = make_url(url).database
    if database is None:
        raise ValueError(f"no file in {url}")
    return Path(database)


def _delete_sqlite(file: Path) -> None:
    remove: Callable[[Path], None] = Path.unlink
    for suffix in ("", "-wal", "-shm", "-journal"):
        path = Path(f"{file}{suffix}")
        if path.exists():
            remove(path)
