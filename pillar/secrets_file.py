"""The keys a development machine makes for itself, once, in the data directory."""

import fcntl
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

SECRETS_FILE = "secrets.env"


def read_env_file(path: Path) -> dict[str, str]:
    """`NAME=value` lines of a file; comments, `export` and quotes are allowed, empty values left out."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return {}
    found: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            found[name.strip()] = _unquoted(value.strip())
    return {name: value for name, value in found.items() if value}


def complete_secrets(data_dir: Path, names: Iterable[str]) -> dict[str, str]:
    """The keys kept in the data directory, after making those of `names` that are not there yet."""
    wanted = list(names)
    path = data_dir / SECRETS_FILE
    kept = read_env_file(path)
    if all(name in kept for name in wanted):
        return kept
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(data_dir / "secrets.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # Two processes starting at once must agree: the second reads what the first wrote.
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = read_env_file(path)
        missing = [name for name in wanted if name not in kept]
        if missing:
            kept |= {name: secrets.token_urlsafe(48) for name in missing}
            _replace(path, "".join(f"{name}={value}\n" for name, value in kept.items()))
    finally:
        os.close(lock)
    return kept


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value.split(" #", 1)[0].rstrip()


def _replace(path: Path, text: str) -> None:
    """Write beside and rename, so that no reader ever sees half a file."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
