"""`pillar verify`: ask the database about every invariant."""

from __future__ import annotations

import sys

import click

from pillar import create_app
from pillar.database import reading
from pillar.extensions import db
from pillar.services.verification import CHECKS, violations


@click.command()
def verify() -> None:
    """Check every invariant; name the rows that break one, and exit 1."""
    with create_app().app_context(), reading(db.session):
        found = 0
        for violation in violations():
            found += 1
            click.echo(f"{violation.company}: {violation.row} [broken: {violation.invariant}]")
    if found:
        click.echo(f"{found} violations.")
        sys.exit(1)
    click.echo(f"All {len(CHECKS)} invariants hold in every company.")
