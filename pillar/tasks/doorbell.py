"""The queue as a doorbell: it says that a row waits. Losing it loses nothing, the sweep finds the row."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from pillar.breaker import Breaker

log = structlog.get_logger()

# What a request may wait for Redis at most, and for how long nobody asks again after that.
CONNECT_SECONDS = 0.25
ANSWER_SECONDS = 0.5
PAUSE_SECONDS = 3.0
JOB_SECONDS = 86_400
# By name: rq finds the function when the job runs.
_PERFORM = "pillar.tasks.registry.perform"


@dataclass(frozen=True, slots=True)
class Call:
    """One row that waits for one task. `order` sorts the queues that a worker listens to."""

    task: str
    queue: str
    tenant_id: int
    row_id: int
    time_limit: int

    def job_id(self) -> str:
        """A new name: the same row may be rung for again while its job is being finished."""
        return f"{self.task}-{self.tenant_id}-{self.row_id}-{secrets.token_hex(4)}"


class Doorbell:
    """Rings for rows. Without an address it is mute, and the scheduler does the work."""

    def __init__(self, redis_url: str) -> None:
        self.redis_url = redis_url
        self._breaker = Breaker(failures=1, seconds=PAUSE_SECONDS)
        self._redis = (
            redis.Redis.from_url(
                redis_url,
                socket_connect_timeout=CONNECT_SECONDS,
                socket_timeout=ANSWER_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
            if redis_url
            else None
        )

    def ring(self, calls: Iterable[Call]) -> bool:
        """Put the calls into their queues; False when Redis did not take them."""
        by_queue: dict[str, list[Call]] = {}
        for call in calls:
            by_queue.setdefault(call.queue, []).append(call)
        if not by_queue:
            return True
        if self._redis is None or not self._breaker.allows():
            return False
        try:
            for name, ours in by_queue.items():
                self._enqueue(self._redis, name, ours)
        except (redis.RedisError, OSError) as error:
            self._breaker.failed()
            log.warning("doorbell_broken", error=type(error).__name__, rows=sum(map(len, by_queue.values())))
            return False
        self._breaker.succeeded()
        return True

    def answers(self) -> bool:
        """Whether Redis is there. Asks in any case."""
        if self._redis is None:
            return False
        try:
            self._redis.ping()
        except (redis.RedisError, OSError):
            self._breaker.failed()
            return False
        self._breaker.succeeded()
        return True

    @staticmethod
    def _enqueue(connection: redis.Redis, name: str, calls: list[Call]) -> None:
        queue = Queue(name, connection=connection, serializer=JSONSerializer)
        queue.enqueue_many(
            [
                Queue.prepare_data(
                    _PERFORM,
                    args=(call.task, call.tenant_id, call.row_id),
                    timeout=call.time_limit,
                    # A worker that is killed leaves the job behind; the row is rung for again under another name.
                    ttl=JOB_SECONDS,
                    result_ttl=0,
                    job_id=call.job_id(),
                    description=call.task,
                )
                for call in calls
            ]
        )
