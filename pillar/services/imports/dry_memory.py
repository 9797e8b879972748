"""What a dry run has seen of its file: customers that are not written, beside the file instead of in memory.

A database of its own, thrown away with the file. `done` says for how many rows it stands, so that a dry run that was
killed goes on only where both agree.
"""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

from pillar.services.imports.known import Known, Sign
from pillar.services.imports.matching import ChunkMemory

_TABLES = """
CREATE TABLE IF NOT EXISTS sign (digest BLOB, key TEXT, PRIMARY KEY (digest, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS known (key TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS done (rows INTEGER);
"""
_DIGEST_BYTES = 12


class DryMemory:
    """`Seen` for a whole file; every chunk starts with `begin` and ends with `keep`."""

    def __init__(self, path: Path) -> None:
        self._base = sqlite3.connect(path, isolation_level=None)
        # Lost with the machine, it is made again.
        self._base.execute("PRAGMA synchronous=OFF")
        self._base.execute("PRAGMA journal_mode=MEMORY")
        self._base.executescript(_TABLES)
        self._chunk = ChunkMemory()
        self._objects: dict[str, Known] = {}

    def stands_at(self, done: int) -> bool:
        """Whether this is the memory of a dry run that has got so far."""
        row = self._base.execute("SELECT rows FROM done").fetchone()
        return bool((row[0] if row else 0) == done)

    def begin(self) -> None:
        """Start a chunk."""
        self._chunk, self._objects = ChunkMemory(), {}
        self._base.execute("BEGIN")

    def keep(self, done: int) -> None:
        """The chunk ends behind so many rows."""
        self._base.execute("DELETE FROM done")
        self._base.execute("INSERT INTO done VALUES (?)", (done,))
        self._base.execute("COMMIT")

    def clear(self) -> None:
        """Forget everything."""
        for table in ("sign", "known", "done"):
            self._base.execute(f"DELETE FROM {table}")  # noqa: S608 - our own three names

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()

    def find(self, sign: Sign) -> list[Known]:
        """All that have this sign, in the database or above in the file."""
        found = {known.key: known for known in self._chunk.find(sign)}
        for (key,) in self._base.execute("SELECT key FROM sign WHERE digest = ?", (_digest(sign),)):
            found[key] = self._loaded(key)
        return list(found.values())

    def add(self, known: Known) -> None:
        """A customer of the database as it is met, or one that this file makes or changes."""
        if known.id and known.key not in self._objects:
            stored = self._base.execute("SELECT body FROM known WHERE key = ?", (known.key,)).fetchone()
            known = Known.from_json(stored[0]) if stored else known
            self._objects[known.key] = known
            self._chunk.add(known)
            return
        self._objects[known.key] = known
        self._base.execute("INSERT OR REPLACE INTO known VALUES (?, ?)", (known.key, known.to_json()))
        signs = [(_digest(sign), known.key) for sign in known.signs()]
        self._base.executemany("INSERT OR IGNORE INTO sign VALUES (?, ?)", signs)

    def _loaded(self, key: str) -> Known:
        if key not in self._objects:
            body = self._base.execute("SELECT body FROM known WHERE key = ?", (key,)).fetchone()[0]
            self._objects[key] = Known.from_json(body)
        return self._objects[key]


def _digest(sign: Sign) -> bytes:
    return hashlib.blake2b("\x1f".join(sign).encode(), digest_size=_DIGEST_BYTES).digest()
