"""How fast the post leaves: one worker, one job for each mail, against a vendor on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from flask import Flask
from sqlalchemy import func, select

from pillar.bench.figure import Figure
from pillar.bench.world import World
from pillar.database import reading
from pillar.extensions import db
from pillar.models.message import Channel, Message, MessageStatus, Purpose
from pillar.models.tenant import Tenant
from pillar.tenancy import using_tenant

TARGET = 120
_WARM_UP = 20
_PATIENCE_SECONDS = 60.0
_TEMPLATE = "bench"
_HTML = "<html><head></head><body>" + "<p>Your estimate is ready.</p>" * 60 + "</body></html>"


def measure_messages(app: Flask, world: World, redis_url: str, *, is_quick: bool) -> Iterator[Figure]:
    """Mails per second of one worker, from the commit that asked for them until the last one is recorded."""
    count = 300 if is_quick else 1_500
    with ExitStack() as stack:
        vendor = stack.enter_context(_vendor())
        settings = {
            **world.environment,
            "REDIS_URL": redis_url,
            "SENDGRID_API_KEY": "bench",
            "SENDGRID_API_BASE": vendor,
        }
        stack.enter_context(_worker(settings))
        stack.enter_context(app.app_context())
        tenant_id = db.session.execute(select(Tenant.id).where(Tenant.slug == "acme-hvac")).scalar_one()
        stack.enter_context(using_tenant(db.session(), tenant_id))
        # The worker has started and loaded the SDK when these are gone.
        _send(0, _WARM_UP)
        seconds = _send(_WARM_UP, count)
    rate = count / seconds
    yield Figure("outbox_messages", rate, "messages per second", target=TARGET, ok=rate >= TARGET)


def _send(start: int, count: int) -> float:
    """Ask for so many mails in one transaction and wait until all are sent; the seconds it took."""
    db.session.add_all([_message(n) for n in range(start, start + count)])
    db.session.flush()
    started = time.perf_counter()
    db.session.commit()
    deadline = started + _PATIENCE_SECONDS
    while _sent() < start + count:
        if time.perf_counter() > deadline:
            raise RuntimeError(
                f"After {_PATIENCE_SECONDS:g} seconds {_sent() - start} of {count} mails are sent"
            )
        time.sleep(0.02)
    return time.perf_counter() - started


def _sent() -> int:
    query = select(func.count(Message.id)).where(
        Message.template == _TEMPLATE, Message.status == MessageStatus.SENT
    )
    with reading(db.session):
        return db.session.scalar(query) or 0


def _message(n: int) -> Message:
    return Message(
        channel=Channel.EMAIL,
        purpose=Purpose.TRANSACTIONAL,
        template=_TEMPLATE,
        to_address=f"reader.{n}@customers.example",
        to_name=f"Reader {n}",
        subject="Your estimate from Acme HVAC",
        body_text="Your estimate is ready.\n" * 40,
        body_html=_HTML,
        dedupe_key=f"bench:{n}",
    )


@contextmanager
def _worker(settings: Mapping[str, str]) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, "-m", "pillar.cli", "worker"], env={**os.environ, **settings}
    ) as process:
        try:
            yield
        finally:
            process.terminate()


@contextmanager
def _vendor() -> Iterator[str]:
    """A server that takes every mail, as SendGrid answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Taker(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:  # the base class calls it so
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(202)
        self.send_header("X-Message-Id", "bench")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Nothing is printed."""
