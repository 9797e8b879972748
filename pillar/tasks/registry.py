"""Tasks: a function that does one row's work, in an application context of its own with the tenant bound.

A task takes ids, never objects; it may run twice for the same row, so its first step is to claim it.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
from flask import Flask, current_app, g

from pillar.extensions import db
from pillar.models.audit import SYSTEM
from pillar.tasks.doorbell import Call, Doorbell
from pillar.tenancy import bind_tenant

log = structlog.get_logger()

# The queues in the order in which a worker empties them: a STOP must not wait behind a thousand texts, nor the post
# behind a long import.
HOOKS, POST, BULK = "pillar-hooks", "pillar-post", "pillar-bulk"
QUEUES = (HOOKS, POST, BULK)
DOORBELL = "pillar.doorbell"

Body = Callable[[int], None]


class Task:
    """What `@task` makes of a function."""

    def __init__(self, name: str, body: Body, *, queue: str, time_limit: int) -> None:
        self.name = name
        self.queue = queue
        self.time_limit = time_limit
        self._body = body

    def call(self, tenant_id: int, row_id: int) -> Call:
        """The request to run this for one row."""
        return Call(self.name, self.queue, tenant_id, row_id, self.time_limit)

    def later(self, tenant_id: int, row_id: int) -> bool:
        """Ask a worker to run this; False when the queue did not take it and the sweep has to."""
        return doorbell(current_app).ring([self.call(tenant_id, row_id)])

    def run(self, tenant_id: int, row_id: int) -> bool:
        """Run it here and now; False when it broke. What it had not committed is undone."""
        with current_app.app_context():
            try:
                g.actor = SYSTEM
                bind_tenant(db.session(), tenant_id)
                self._body(row_id)
            except Exception:
                log.exception("task_broke", task=self.name, row=row_id)
                return False
            finally:
                db.session.rollback()
        return True


_tasks: dict[str, Task] = {}


def task(name: str, *, queue: str = POST, time_limit: int = 120) -> Callable[[Body], Task]:
    """Make a function of a row's id a task. Names are made of letters, digits, `-` and `_` (rq)."""
    if queue not in QUEUES:
        raise ValueError(f"No worker listens to {queue!r}")

    def register(body: Body) -> Task:
        made = Task(name, body, queue=queue, time_limit=time_limit)
        _tasks[name] = made
        return made

    return register


def perform(name: str, tenant_id: int, row_id: int) -> None:
    """What rq calls."""
    if (wanted := _tasks.get(name)) is None:
        log.error("task_unknown", task=name)
        return
    wanted.run(tenant_id, row_id)


def doorbell(app: Flask) -> Doorbell:
    """The application's connection to the queue."""
    bell: Doorbell = app.extensions[DOORBELL]
    return bell
