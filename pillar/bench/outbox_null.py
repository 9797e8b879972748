"""How fast the outbox itself is: every worker of this machine, and a mailbox of our own that takes at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from flask import Flask
from sqlalchemy import func, select

from pillar.bench.figure import Figure
from pillar.bench.world import World
from pillar.database import reading
from pillar.extensions import db
from pillar.models.message import Channel, Message, MessageStatus, Purpose
from pillar.models.tenant import Tenant
from pillar.tenancy import using_tenant

TARGET = 1_000
_WARM_UP = 40
_PATIENCE_SECONDS = 120.0
_TEMPLATE = "bench_null"


def measure_null(app: Flask, world: World, redis_url: str, *, is_quick: bool) -> Iterator[Figure]:
    """Mails per second with no vendor, from the commit that asked for them until the last one is recorded."""
    count = 400 if is_quick else 4_000
    workers = os.cpu_count() or 1
    with ExitStack() as stack:
        for _ in range(workers):
            stack.enter_context(
                _worker({**world.environment, "REDIS_URL": redis_url, "SENDGRID_API_KEY": ""})
            )
        stack.enter_context(app.app_context())
        tenant_id = db.session.execute(select(Tenant.id).where(Tenant.slug == "acme-hvac")).scalar_one()
        stack.enter_context(using_tenant(db.session(), tenant_id))
        _send(0, _WARM_UP)
        rate = count / _send(_WARM_UP, count)
    unit = f"messages per second, {workers} workers"
    yield Figure("outbox_null", rate, unit, target=TARGET, ok=rate >= TARGET)


def _send(start: int, count: int) -> float:
    """Ask for so many mails in one transaction and wait until all are done; the seconds it took."""
    db.session.add_all([_message(n) for n in range(start, start + count)])
    db.session.flush()
    started = time.perf_counter()
    db.session.commit()
    while _sent() < start + count:
        if time.perf_counter() > started + _PATIENCE_SECONDS:
            raise RuntimeError(f"After {_PATIENCE_SECONDS:g} seconds {_sent() - start} of {count} are done")
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
        body_text="Your estimate is ready.\n" * 10,
        body_html="<p>Your estimate is ready.</p>" * 10,
        dedupe_key=f"bench-null:{n}",
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
