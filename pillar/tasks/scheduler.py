"""`pillar scheduler`: sweeps the outbox, starts periodic work. Several may run; each row is claimed once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import structlog
from flask import Flask

from pillar.tasks.beating import beating
from pillar.tasks.periodic import run_due
from pillar.tasks.sweep import sweep

log = structlog.get_logger()

SWEEP_SECONDS = 5.0
PERIODIC_SECONDS = 30.0
# While the scheduler does the work itself it comes back this often to look at its other duties.
_TURN_SECONDS = 4.0


def run(app: Flask) -> None:
    """Run until SIGTERM or SIGINT; what is in hand is finished first."""
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: end.set())
    with beating(app, "scheduler"):
        _loop(app, end)


def _loop(app: Flask, end: threading.Event) -> None:
    turns = 0
    while not end.is_set():
        done = _guarded("sweep", lambda: sweep(app, seconds=_TURN_SECONDS, is_over=end.is_set)) or 0
        if turns % int(PERIODIC_SECONDS / SWEEP_SECONDS) == 0:
            _guarded("periodic", lambda: run_due(app))
        turns += 1
        # Done here means that there is no queue, so more may be waiting.
        if not done:
            end.wait(SWEEP_SECONDS)


def _guarded(what: str, work: Callable[[], int | None]) -> int | None:
    """One broken turn, such as one with a locked database, must not end the scheduler."""
    try:
        return work()
    except Exception:
        log.exception("scheduler_turn_broke", what=what)
        return None
