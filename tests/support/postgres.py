"""A throw-away PostgreSQL for one test run, shared by its worker processes."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url
from sqlalchemy.engine import URL

from tests.support.machine import lacks, locked

# Nothing of this outlives the run, so nothing needs to reach a disk.
SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
unix_socket_permissions = 0777
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 256MB
checkpoint_timeout = 1d
shared_buffers = 64MB
max_connections = 200
log_min_messages = fatal
timezone = 'UTC'
"""
_DEBIAN = Path("/usr/lib/postgresql")
_USER = "postgres"


@dataclass(frozen=True)
class Server:
    """A PostgreSQL that tests may make databases in."""

    admin_url: URL
    is_ours: bool

    def url(self, database: str) -> str:
        """The address of one database on it, for SQLAlchemy."""
        return self.admin_url.set(database=database).render_as_string(hide_password=False)

    def plain_url(self, database: str | None) -> str:
        """The address of one database on it, for psycopg."""
        plain = self.admin_url.set(drivername="postgresql", database=database)
        return plain.render_as_string(hide_password=False)

    def connect(self) -> psycopg.Connection:
        """An autocommit connection for CREATE and DROP DATABASE."""
        return psycopg.connect(self.plain_url(self.admin_url.database), autocommit=True)


def server(run_folder: Path) -> Server:
    """The server named in the environment, or this run's own, started by whoever comes first."""
    if given := os.environ.get("PILLAR_TEST_DATABASE_URL"):
        return Server(make_url(given).set(drivername="postgresql+psycopg"), is_ours=False)
    binaries = _find_binaries()
    cluster = _Cluster(run_folder / _USER, binaries)
    with locked(run_folder / "postgres.lock"):
        if not cluster.is_started():
            cluster.start()
    return Server(cluster.url(), is_ours=True)


def stop(run_folder: Path) -> None:
    """Stop the run's own server, if one was started."""
    folder = run_folder / _USER
    if (folder / "db" / "postmaster.pid").exists():
        _Cluster(folder, _find_binaries()).stop()


def copy_database(connection: psycopg.Connection, *, source: str, target: str, fast: bool) -> None:
    """Replace `target` by a copy of `source` (which nobody may be connected to)."""
    drop_database(connection, target)
    # FILE_COPY takes a checkpoint, which is free without fsync and then half the price of logging every page.
    strategy = sql.SQL(" STRATEGY FILE_COPY" if fast else "")
    command = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(target), sql.Identifier(source))
    connection.execute(command + strategy)


def create_database(connection: psycopg.Connection, name: str) -> None:
    """Make an empty database."""
    drop_database(connection, name)
    connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))


def drop_database(connection: psycopg.Connection, name: str) -> None:
    """Drop a database and whoever is connected to it."""
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


class _Cluster:
    """The files and the server process of one cluster; its socket lies beside its files."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder = folder
        self.binaries = binaries

    def url(self) -> URL:
        user = _USER if _is_root() else pwd.getpwuid(os.getuid()).pw_name
        return URL.create(
            "postgresql+psycopg", username=user, database="postgres", query={"host": str(self.folder)}
        )

    def is_started(self) -> bool:
        return (self.folder / "started").exists()

    def start(self) -> None:
        self.folder.mkdir(mode=0o755)
        if _is_root():
            account = pwd.getpwnam(_USER)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self._run("initdb", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "--no-instructions")
        settings = self.folder / "db" / "postgresql.auto.conf"
        settings.write_text(SETTINGS.format(folder=self.folder))
        self._run("pg_ctl", "start", "--wait", "--silent", f"--log={self.folder / 'log'}")
        (self.folder / "started").touch()

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "--mode=immediate", "--silent")

    def _run(self, program: str, *arguments: str) -> None:
        # PostgreSQL refuses to run as root.
        as_user = ["runuser", "-u", _USER, "--"] if _is_root() else []
        command = [*as_user, str(self.binaries / program), f"--pgdata={self.folder / 'db'}", *arguments]
        # No pipes: the server would inherit them and the read would never end.
        with (self.folder / "commands").open("a") as output:
            done = subprocess.run(command, cwd=self.folder, stdout=output, stderr=output, check=False)
        if done.returncode:
            log = "\n".join(
                path.read_text() for path in (self.folder / "commands", self.folder / "log") if path.exists()
            )
            raise RuntimeError(f"{program} failed:\n{log}")


def _find_binaries() -> Path:
    if _is_root() and not (shutil.which("runuser") and _has_account()):
        lacks("PostgreSQL", f"running as root needs `runuser` and a user named {_USER}")
    in_path = Path(shutil.which("initdb") or "").resolve().parent
    if (in_path / "initdb").exists() and (in_path / "pg_ctl").exists():
        return in_path
    versions = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]), reverse=True)
    if not versions:
        lacks("PostgreSQL", f"no initdb in PATH or {_DEBIAN}, and PILLAR_TEST_DATABASE_URL is not set")
    return versions[0].parent


def _has_account() -> bool:
    try:
        pwd.getpwnam(_USER)
    except KeyError:
        return False
    return True


def _is_root() -> bool:
    return os.getuid() == 0
