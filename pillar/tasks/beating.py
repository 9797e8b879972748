"""A thread that leaves a sign of life every ten seconds, as long as its process lives.

Senders also ask the mail vendor whether it would take a mail, so that the sign-in pages can be honest. That they ask
by themselves is the point: what could be learnt from somebody's mail would tell who is a customer.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from pillar.errors import GatewayBusy, GatewayRefused, GatewayUnsure
from pillar.extensions import db
from pillar.gateways import Gateways
from pillar.models.processes import BEAT_SECONDS
from pillar.services import heartbeats

log = structlog.get_logger()

_PROCESS_LENGTH = 80
# Less than the minute after which silence counts; asked again at the next beat after a no.
_MAIL_SECONDS = 30.0


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
    mail_at = 0.0
    while not end.is_set():
        with app.app_context():
            _leave_sign(process, kind)
            if kind in heartbeats.SENDERS and time.monotonic() > mail_at and _takes_mail(app):
                mail_at = time.monotonic() + _MAIL_SECONDS
                _leave_sign(f"{heartbeats.MAIL}:{process}"[:_PROCESS_LENGTH], heartbeats.MAIL)
        end.wait(BEAT_SECONDS)


def _leave_sign(process: str, kind: str) -> None:
    try:
        heartbeats.beat(db.session(), process, kind)
        db.session.commit()
    except SQLAlchemyError as error:
        # A locked or absent database: the next beat tries again.
        db.session.rollback()
        log.warning("heartbeat_missed", process=process, error=type(error).__name__)


def _takes_mail(app: Flask) -> bool:
    gateways: Gateways = app.extensions["gateways"]
    try:
        gateways.mail.check()
    except (GatewayRefused, GatewayBusy, GatewayUnsure) as error:
        log.warning("mail_vendor_away", error=type(error).__name__)
        return False
    except Exception:
        # Whatever it was, the signs of life must go on.
        log.exception("mail_check_broke")
        return False
    return True
