"""The pages against the floor: the same server, the same run, turn by turn, the middle of the turns."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pillar.bench.figure import Figure
from pillar.bench.server import Server, serving
from pillar.bench.world import World

PROCESSES = 2
_TURNS, _QUICK_TURNS = 5, 3
FLOOR = [
    *(sys.executable, "-m", "gunicorn", "pillar.bench.floor:app", "--preload", "--no-control-socket"),
    *("--worker-class", "gthread", "--threads", "4", "--workers", str(PROCESSES)),
    *("--bind", "127.0.0.1:{port}", "--log-level", "error"),
]
PRODUCT = [sys.executable, "-m", "pillar.cli", "web", "--processes", str(PROCESSES), "--threads", "4"]


@dataclass(frozen=True, slots=True)
class Page:
    """A page to measure: the share of the floor's requests per second that it should reach."""

    name: str
    path: str
    target: float
    headers: Mapping[str, str]


def measure_pages(world: World, *, is_quick: bool, others: Sequence[Page] = ()) -> Iterator[Figure]:
    """CPU per request of each page, `others` too, as a share of the floor's."""
    requests = 200 if is_quick else 1_000
    pages = [
        Page("quote_page", world.quote_path, 0.6, {}),
        Page("portal_home", world.portal_path, 0.4, {}),
        *others,
    ]
    with ExitStack() as stack:
        floor = stack.enter_context(serving(FLOOR, {"PILLAR_BENCH_FLOOR_URL": floor_url(world.folder)}))
        product = stack.enter_context(serving(PRODUCT, world.environment))
        for server, path, headers in [(floor, "/", {}), *((product, p.path, p.headers) for p in pages)]:
            server.load(path, requests // 2, headers)
        costs = _turns(floor, product, pages, requests, _QUICK_TURNS if is_quick else _TURNS)
    for page in pages:
        yield _figure(page, costs["floor"], costs[page.name])


def _turns(floor: Server, product: Server, pages: list[Page], requests: int, turns: int) -> dict[str, float]:
    """Middle CPU milliseconds per request, each turn measuring everything once."""
    seen: dict[str, list[float]] = {name: [] for name in ("floor", *(page.name for page in pages))}
    for _ in range(turns):
        seen["floor"].append(floor.load("/", requests).cpu_ms)
        for page in pages:
            seen[page.name].append(product.load(page.path, requests, page.headers).cpu_ms)
    return {name: median(costs) for name, costs in seen.items()}


def _figure(page: Page, floor_ms: float, cost_ms: float) -> Figure:
    ratio = floor_ms / cost_ms
    return Figure(
        page.name, cost_ms, "ms CPU per request", floor_ms, ratio, page.target or None, ratio >= page.target
    )


def floor_url(folder: Path) -> str:
    """The database of the floor, beside the others."""
    return f"sqlite:///{folder / 'floor.sqlite3'}"
