"""`pillar web`, `pillar worker` and `pillar scheduler`: one process kind each, connecting to what runs."""

import sys

import click
from flask import Flask

from pillar import create_app
from pillar.cli.server import serve
from pillar.config import Config
from pillar.tasks.scheduler import run as run_scheduler
from pillar.tasks.worker import run as run_worker


@click.command()
@click.option("--processes", default=2, show_default=True, help="How many server processes.")
@click.option("--threads", default=4, show_default=True, help="How many requests each serves at a time.")
def web(processes: int, threads: int) -> None:
    """Serve the pages."""
    app = _app()
    serve(app, processes=processes, threads=threads)


@click.command()
def worker() -> None:
    """Work through the queue: messages, webhooks, imports."""
    run_worker(_app())


@click.command()
def scheduler() -> None:
    """Start what is due, and find what was left behind."""
    run_scheduler(_app())


def _app() -> Flask:
    config = Config.from_env()
    for warning in config.warnings():
        print(f"Warning: {warning}", file=sys.stderr)
    return create_app(config)
