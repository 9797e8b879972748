"""`pillar migrate`: bring the database to the newest schema."""

import click
import flask_migrate
from flask import Flask
from sqlalchemy import inspect

from pillar import create_app
from pillar.config import Config
from pillar.extensions import db


@click.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    config = Config.from_env()
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    upgrade(create_app(config))


def upgrade(app: Flask) -> None:
    """Run every migration that the database has not seen."""
    with app.app_context():
        flask_migrate.upgrade()
        db.session.remove()


def is_new(app: Flask) -> bool:
    """Whether no migration ever ran on this database."""
    with app.app_context():
        return not inspect(db.engine).has_table("alembic_version")
