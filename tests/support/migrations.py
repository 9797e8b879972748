"""Alembic on the current application's database, with its errors left to be seen."""

from __future__ import annotations

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory
from flask import current_app

from tests.support.machine import REPOSITORY


def upgrade(revision: str = "head") -> None:
    """Migrate up to this revision."""
    command.upgrade(_config(), revision)


def downgrade(revision: str) -> None:
    """Migrate down to this revision."""
    command.downgrade(_config(), revision)


def check() -> None:
    """Raise when the models say something else than the migrated database."""
    command.check(_config())


def heads() -> list[str]:
    """The newest revisions."""
    return list(ScriptDirectory.from_config(_config()).get_heads())


def revisions() -> list[str]:
    """All revisions, newest first."""
    return [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()]


def _config() -> AlembicConfig:
    # Named from the root of the repository: tests may run in any folder.
    migrate = current_app.extensions["migrate"].migrate
    config: AlembicConfig = migrate.get_config(str(REPOSITORY / migrate.directory))
    return config
