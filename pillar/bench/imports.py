"""How fast a spreadsheet comes in, as the office would bring it: through `pillar import`."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from pillar.bench.figure import Figure
from pillar.bench.world import World

_TARGET = 1_000
_HEAD = ("Company", "Phone", "Email", "Service street", "Service city", "Service state", "Service ZIP")


def measure_imports(world: World, *, is_quick: bool) -> Iterator[Figure]:
    """Rows per second of a file of new customers; starting the program is taken off."""
    count = 2_000 if is_quick else 20_000
    start = _seconds(world, _file(world.folder / "one.csv", "one", 1))
    whole = _seconds(world, _file(world.folder / "many.csv", "many", count))
    rate = count / max(whole - start, 0.001)
    yield Figure("import_rows", rate, "rows per second", target=_TARGET, ok=rate >= _TARGET)


def _seconds(world: World, file: Path) -> float:
    command = [sys.executable, "-m", "pillar.cli", "import", str(file), "--company", "sparkle-clean"]
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
