"""How fast a spreadsheet comes in, as the office would bring it, and how long its own saves wait meanwhile."""

from __future__ import annotations

import csv
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pillar.bench.figure import Figure
from pillar.bench.world import World

_TARGET = 1_000
_LONGEST_WAIT_MS = 200
_PAUSE_SECONDS = 0.05
_HEAD = ("Company", "Phone", "Email", "Service street", "Service city", "Service state", "Service ZIP")


def measure_imports(world: World, *, is_quick: bool) -> Iterator[Figure]:
    """Rows per second of a file of new customers, dry run and import together; starting the program is taken off.

    Beside it somebody saves twenty times a second: how long all but the slowest of a hundred saves wait.
    """
    count = 2_000 if is_quick else 20_000
    one, many = _file(world.folder / "one.csv", "one", 1), _file(world.folder / "many.csv", "many", count)
    start = _seconds(world, one, "--dry-run") + _seconds(world, one)
    dry = _seconds(world, many, "--dry-run")
    with _saving(world.folder / "pillar.sqlite3") as waits:
        whole = _seconds(world, many)
    rate = count / max(dry + whole - start, 0.001)
    yield Figure("import_rows", rate, "rows per second", target=_TARGET, ok=rate >= _TARGET)
    wait = sorted(waits)[max(0, len(waits) * 99 // 100 - 1)] if waits else 0.0
    yield Figure("import_save_wait", wait, "ms p99", target=_LONGEST_WAIT_MS, ok=wait <= _LONGEST_WAIT_MS)


@contextmanager
def _saving(database: Path) -> Iterator[list[float]]:
    """Take SQLite's write lock again and again; the milliseconds that each time took to get it."""
    waits: list[float] = []
    is_over = threading.Event()

    def save() -> None:
        with closing(sqlite3.connect(database, timeout=15, isolation_level=None)) as base:
            while not is_over.wait(_PAUSE_SECONDS):
                started = time.perf_counter()
                base.execute("BEGIN IMMEDIATE")
                waits.append((time.perf_counter() - started) * 1000)
                base.execute("ROLLBACK")

    thread = threading.Thread(target=save, daemon=True)
    thread.start()
    try:
        yield waits
    finally:
        is_over.set()
        thread.join()


def _seconds(world: World, file: Path, *options: str) -> float:
    command = [
        sys.executable,
        "-m",
        "pillar.cli",
        "import",
        str(file),
        "--company",
        "sparkle-clean",
        *options,
    ]
    started = time.perf_counter()
    subprocess.run(  # noqa: S603 - the command is ours
        command, env={**os.environ, **world.environment}, check=True, capture_output=True
    )
    return time.perf_counter() - started


def _file(path: Path, prefix: str, count: int) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEAD)
        for n in range(count):
            phone = f"937{n % 9_000_000 + 1_000_000:07d}"
            street = f"{n} LINDEN AVENUE"
            mail = f"{prefix}.{n}@customers.example"
            writer.writerow([f"{prefix} LIBRARY {n}", phone, mail, street, "DAYTON", "OH", "45410"])
    return path
