"""A thread that leaves a sign of life every ten seconds, as long as its process lives."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from pillar.extensions import db
from pillar.models.processes import BEAT_SECONDS
from pillar.services import heartbeats

log = structlog.get_logger()

_PROCESS_LENGTH = 80


def start_beating(app: Flask, kind: str) -> threading.Event:
    """Begin; set the event to end. For processes that are ended from outside (web servers)."""
    end = threading.Event()
    process = f"{kind}:{os.getpid()}@{socket.gethostname()}"[:_PROCESS_LENGTH]
    threading.Thread(target=_beat, args=(app, process, kind, end), name="heartbeat", daemon=True).start()
    return end


@contextmanager
def beating(app: Flask, kind: str) -> Iterator[None]:
    """Beat as long as the block runs."""
    end = start_beating(app, kind)
    try:
        yield
    finally:
        end.set()


def _beat(app: Flask, process: str, kind: str, end: threading.Event) -> None:
    while not end.is_set():
        with app.app_context():
            try:
                heartbeats.beat(db.session(), process, kind)
                db.session.commit()
            except SQLAlchemyError as error:
                # A locked or absent database: the next beat tries again.
                db.session.rollback()
                log.warning("heartbeat_missed", process=process, error=type(error).__name__)
        end.wait(BEAT_SECONDS)
