"""What `pillar up` does to the database before anything runs: migrations, and once the sample company."""

import json
import os
from pathlib import Path
from typing import TypedDict, cast

import click
from flask import Flask

from pillar import create_app
from pillar.cli.migrate import is_new, upgrade
from pillar.config import Config
from pillar.demo import ensure_sample

SAMPLE_FILE = "sample.json"
PENDING_FILE = "sample.pending"


class Sample(TypedDict):
    """The sign-ins of the sample, as `pillar up` prints them."""

    portals: dict[str, str]
    staff: list[dict[str, str]]
    customers: list[dict[str, str]]


@click.command()
def demo() -> None:
    """Make the sample companies where they are missing."""
    config = Config.from_env()
    if config.is_production:
        raise click.ClickException("The sample has a public password; it is never made in production.")
    app = create_app(config)
    upgrade(app)
    remember(config.data_dir, cast("Sample", ensure_sample(app)))
    print("The sample is there: " + ", ".join(read_sample(config)["portals"].values()))


def prepare(app: Flask) -> None:
    """Bring the database up to date; a new one in development gets the sample."""
    config: Config = app.config["PILLAR_CONFIG"]
    is_wanted = is_new(app) and not config.is_production
    upgrade(app)
    pending = config.data_dir / PENDING_FILE
    if is_wanted:
        # Stays until the sample is whole: a start that was interrupted is made good by the next one.
        pending.touch()
    if pending.exists():
        print("Making the sample company", flush=True)
        remember(config.data_dir, cast("Sample", ensure_sample(app)))
        pending.unlink()


def remember(data_dir: Path, sample: Sample) -> None:
    """Keep the sign-ins for the starts to come."""
    beside = data_dir / f".{SAMPLE_FILE}.{os.getpid()}"
    beside.write_text(json.dumps(sample))
    beside.replace(data_dir / SAMPLE_FILE)


def read_sample(config: Config) -> Sample:
    """The sign-ins of the sample that was made here, with today's addresses; empty where there is none."""
    nothing = Sample(portals={}, staff=[], customers=[])
    if config.is_production:
        return nothing
    try:
        sample = cast("Sample", nothing | json.loads((config.data_dir / SAMPLE_FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return nothing
    portals = {slug: f"{config.base_url}/portal/{slug}" for slug in sample["portals"]}
    return Sample(portals=portals, staff=sample["staff"], customers=sample["customers"])
