"""`pillar bench`: figures, each against the floor of the same run."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import click
from flask import Flask

from pillar import create_app
from pillar.bench.companies import make_companies
from pillar.bench.figure import Figure
from pillar.bench.imports import measure_imports
from pillar.bench.jobs import measure_jobs
from pillar.bench.lists import measure_lists
from pillar.bench.messages import measure_messages
from pillar.bench.outbox_null import measure_null
from pillar.bench.pages import measure_pages
from pillar.bench.portal import portal_page
from pillar.bench.world import World, environment_of, find_world
from pillar.cli.migrate import upgrade
from pillar.cli.valkey import running_server
from pillar.config import Config
from pillar.demo import ensure_sample

CUSTOMERS, QUICK_CUSTOMERS = 10_000, 1_000


@click.command()
@click.option("--quick", is_flag=True, help="Fewer requests; ends within 50 seconds.")
@click.option(
    "--customers",
    type=click.IntRange(1),
    help="How many customers the big company has. They are made once and kept: in the database of DATABASE_URL,"
    " else in the folder `bench` of the data directory.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per figure.")
def bench(*, quick: bool, customers: int | None, as_json: bool) -> None:
    """Measure pages and jobs. Exit 1 when a figure misses its target."""
    missed = False
    with tempfile.TemporaryDirectory(prefix="pillar-bench-") as name:
        folder = Path(name)
        app = _app(folder)
        ensure_sample(app)
        world = find_world(app, folder)
        figures = chain(
            measure_pages(world, is_quick=quick, others=[portal_page(app)]),
            _lists(folder, customers, is_quick=quick),
            measure_jobs(app, is_quick=quick),
            measure_imports(world, is_quick=quick),
            _messages(world, is_quick=quick),
        )
        for figure in figures:
            click.echo(figure.json() if as_json else figure.line())
            missed = missed or not figure.ok
    sys.exit(1 if missed else 0)


def _lists(folder: Path, customers: int | None, *, is_quick: bool) -> Iterator[Figure]:
    """On companies that are thrown away, or on those that are kept when a size was asked for."""
    if customers is None:
        home, database_url = folder / "companies", ""
        customers = QUICK_CUSTOMERS if is_quick else CUSTOMERS
    else:
        home, database_url = Config.from_env().data_dir / "bench", os.environ.get("DATABASE_URL", "")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    companies = make_companies(_app(home, database_url), customers)
    yield from measure_lists(companies, folder, environment_of(home, database_url), is_quick=is_quick)


def _messages(world: World, *, is_quick: bool) -> Iterator[Figure]:
    """With a queue of its own, which the other figures do without."""
    queue = world.folder / "queue"
    queue.mkdir(mode=0o700)
    with running_server(queue) as address:
        app = create_app(Config.from_env({**os.environ, **world.environment, "REDIS_URL": address}))
        yield from measure_messages(app, world, address, is_quick=is_quick)
        yield from measure_null(app, world, address, is_quick=is_quick)


def _app(folder: Path, database_url: str = "") -> Flask:
    app = create_app(Config.from_env({**os.environ, **environment_of(folder, database_url)}))
    upgrade(app)
    return app
