"""For those who run Pillar: `/healthz` says that the process lives, `/readyz` that it can do its work."""

from __future__ import annotations

from functools import lru_cache

import structlog
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, current_app, g, jsonify
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.exc import SQLAlchemyError

from pillar import clock
from pillar.extensions import db
from pillar.http.access import PUBLIC, needs
from pillar.services import heartbeats, webhook_intake

log = structlog.get_logger()
bp = Blueprint("health", __name__)


@bp.get("/healthz")
@needs(PUBLIC)
def healthz() -> ResponseReturnValue:
    """The process answers. Asks nobody else, so that a slow database does not get it killed."""
    return jsonify(status="ok")


@bp.get("/readyz")
@needs(PUBLIC)
def readyz() -> ResponseReturnValue:
    """The database answers and has the schema of this release; worker and scheduler only make it degraded."""
    try:
        schema = _schema()
        silent = heartbeats.silent_kinds(db.session()) if schema == newest_schema() else []
        details = _details(schema, silent) if _is_staff() else {}
    except SQLAlchemyError as error:
        db.session.rollback()
        log.warning("not_ready", error=type(error).__name__)
        return jsonify(status="unavailable"), 503
    if schema != newest_schema():
        return jsonify(status="unavailable", **details), 503
    return jsonify(status="degraded" if silent else "ready", **details)


def newest_schema() -> str:
    """The revision that this release's migrations lead to."""
    config = current_app.extensions["migrate"].migrate.get_config()
    return _head_of(config.get_main_option("script_location"))


@lru_cache
def _head_of(folder: str) -> str:
    return ScriptDirectory(folder).get_current_head() or ""


def _schema() -> str:
    """The revision that the database is at; empty when it was never migrated."""
    g.reads_only = True
    return MigrationContext.configure(db.session.connection()).get_current_revision() or ""


def _is_staff() -> bool:
    return bool(getattr(current_user, "is_authenticated", False))


def _details(schema: str, silent: list[str]) -> dict[str, object]:
    now = clock.real_now()
    signs = heartbeats.last_signs(db.session())
    return {
        "schema": schema,
        "newest_schema": newest_schema(),
        "silent": silent,
        # What vendors told us that is no company's: a number or an account that was set up wrongly.
        "stray_webhooks": webhook_intake.stray_count(db.session()),
        "seconds_since_sign": {kind: round((now - at).total_seconds()) for kind, at in signs.items()},
    }
