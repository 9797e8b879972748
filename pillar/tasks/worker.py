"""`pillar worker`: does what the doorbell rings for, one row at a time, in this process.

It outlives its Redis: without one it waits, and the scheduler does the work meanwhile.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from typing import Any

import redis
import structlog
from flask import Flask
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import JobTimeoutException
from rq.worker.base import WorkerStatus

from pillar.tasks.beating import beating
from pillar.tasks.registry import QUEUES, doorbell

log = structlog.get_logger()

_WAIT_SECONDS = 0.5
_TTL_SECONDS = 60
_BEAT_SECONDS = 10.0


def run(app: Flask) -> None:
    """Work until SIGTERM or SIGINT; the row in hand is finished first."""
    stop = _Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop.asked)
    bell = doorbell(app)
    if not bell.redis_url:
        log.warning("worker_without_queue", hint="REDIS_URL is empty and no `pillar up` runs here")
    with app.app_context(), beating(app, "worker"):
        while not stop.event.is_set():
            # Just started, the server may still be reading its log.
            if not bell.answers():
                stop.event.wait(_WAIT_SECONDS)
                continue
            _work(bell.redis_url, stop)


def _work(redis_url: str, stop: _Stop) -> None:
    """Work as long as Redis is there."""
    try:
        stop.worker = _Worker(
            QUEUES,
            connection=redis.Redis.from_url(redis_url),
            serializer=JSONSerializer,
            worker_ttl=_TTL_SECONDS,
            log_job_description=False,
        )
        if not stop.event.is_set():
            stop.worker.work(logging_level=logging.getLevelName(logging.WARNING))
    except StopRequested:
        pass
    except (redis.RedisError, OSError) as error:
        log.warning("worker_lost_queue", error=type(error).__name__)
        stop.event.wait(_WAIT_SECONDS)
    finally:
        stop.worker = None


class _Stop:
    """What a signal leaves behind."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.worker: _Worker | None = None

    def asked(self, _number: int, _frame: object) -> None:
        self.event.set()
        if self.worker is not None:
            self.worker.stop_soon()


class _Worker(SimpleWorker):
    # rq would come back only after minutes when Redis was away for long.
    max_connection_wait_time = 2.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._beat_at = 0.0

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run it and forget it: the row keeps what rq would keep in twenty commands to Redis for each job."""
        timeout = job.timeout or queue.DEFAULT_TIMEOUT
        self.set_state(WorkerStatus.BUSY)
        try:
            with self.death_penalty_class(timeout, JobTimeoutException, job_id=job.id):
                job.perform()
        except Exception:
            # Tasks tell what broke in them; this one never came as far.
            log.exception("job_broke", job=job.id)
        finally:
            self.set_state(WorkerStatus.IDLE)
            self.connection.delete(job.key)

    def set_state(self, state: str, pipeline: Any = None) -> None:  # noqa: ARG002 - rq's signature
        """For `stop_soon` alone; nobody looks for it in Redis."""
        self._state = state

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Often enough for rq to know this worker; not three times a job."""
        now = time.monotonic()
        if now - self._beat_at > _BEAT_SECONDS:
            self._beat_at = now
            super().heartbeat(timeout, pipeline)

    def check_for_suspension(self, burst: bool) -> None:  # noqa: FBT001 - rq's signature
        """Nobody suspends a worker."""

    def stop_soon(self) -> None:
        """Finish the job in hand; leave the wait for the next one at once."""
        self._stop_requested = True
        if self.get_state() != WorkerStatus.BUSY:
            raise StopRequested

    def _install_signal_handlers(self) -> None:
        """Signals are `run`'s: rq's own handlers talk to Redis, in the middle of whatever runs."""

    def subscribe(self) -> None:
        """No commands over Redis: a connection and a thread less."""

    def unsubscribe(self) -> None:
        """As `subscribe`."""

    def procline(self, message: Any) -> None:
        """The process keeps its name, `pillar worker`."""
