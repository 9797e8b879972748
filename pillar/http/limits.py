"""Rate limits. When Redis is away the limiter counts in memory; it never opens (SAFETY: Limits)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import redis
import structlog
from flask import Flask, g, request
from flask_limiter import ApplicationLimit, Limiter
from flask_login import current_user
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter, RateLimiter

from pillar.breaker import Breaker
from pillar.config import Config
from pillar.http.scope import client_address

SIGNED_IN_PAGES = "120 per minute"


def _is_signed_out() -> bool:
    return not current_user.is_authenticated


def _session() -> str:
    """The key for signed-in pages. Asked only when somebody is signed in."""
    return f"session:{g.signed_in.token_hash}"


limiter = Limiter(
    client_address,
    application_limits=[ApplicationLimit(SIGNED_IN_PAGES, key_function=_session, exempt_when=_is_signed_out)],
    in_memory_fallback_enabled=True,
    swallow_errors=False,
    headers_enabled=False,
    strategy="fixed-window",
)

STAFF_SIGN_IN = "10 per 5 minutes"
# A customer who is signed in and types the old password before a new one.
CUSTOMER_PASSWORD = "10 per 5 minutes"  # noqa: S105 - a rate
STAFF_MAIL = "5 per 5 minutes"
SIGNED_OUT_FORM = "5 per minute"
LINK_MISSES = "30 per minute"
# Over these a page looks as ever and nothing is done, so they are asked (`is_within`) instead of answered with 429.
LOOKUPS_OF_ADDRESS = ("3 per minute", "10 per hour")
LOOKUPS_OF_CLIENT = ("10 per minute", "60 per hour")
PASSWORDS_OF_ADDRESS = ("10 per 5 minutes", "30 per hour")
PASSWORDS_OF_CLIENT = ("10 per minute", "60 per hour")
CODES_OF_CLIENT = ("20 per minute", "120 per hour")

log = structlog.get_logger()

_spare = MovingWindowRateLimiter(MemoryStorage())
# Nobody waits for a Redis that is away more than once in these seconds.
_breaker = Breaker(failures=1, seconds=5)


def init_app(app: Flask, config: Config) -> None:
    """Count in Redis when there is one, so that all processes share the counts."""
    app.config["RATELIMIT_ENABLED"] = config.limits_enabled
    app.config["RATELIMIT_STORAGE_URI"] = _storage(config.redis_url)
    app.config["RATELIMIT_STORAGE_OPTIONS"] = (
        {"socket_connect_timeout": 1, "socket_timeout": 1} if config.redis_url else {}
    )
    limiter.init_app(app)


def _storage(redis_url: str) -> str:
    if not redis_url:
        return "memory://"
    return redis_url.replace("unix://", "redis+unix://", 1) if redis_url.startswith("unix:") else redis_url


def client_and_document() -> str:
    """The key for signed-out forms: one client on one document or form."""
    return f"{client_address()}:{request.path}"


def is_post() -> bool:
    """Only the attempt counts, not looking at the page."""
    return request.method == "POST"


def is_within(rates: Sequence[str], *key: str) -> bool:
    """Count one attempt under this key; whether all rates still allow it, in any minute and not in each by the clock.

    Counted here as well: a Redis that goes away takes no counts with it, and one that comes back forgives none.
    """
    if not limiter.enabled:
        return True
    items = [_rate(each) for each in rates]
    is_allowed_here = _hit(_spare, items, key)
    if isinstance(limiter.storage, MemoryStorage) or not _breaker.allows():
        return is_allowed_here
    try:
        is_allowed = _hit(MovingWindowRateLimiter(limiter.storage), items, key)
    except (redis.RedisError, OSError) as error:
        _breaker.failed()
        log.warning("limits_without_redis", error=type(error).__name__)
        return is_allowed_here
    _breaker.succeeded()
    # Both: what was counted here while Redis was away is not in its counts.
    return is_allowed and is_allowed_here


def _hit(counter: RateLimiter, items: Sequence[RateLimitItem], key: Sequence[str]) -> bool:
    # Every one counts what came, also after one that says no.
    answers = [counter.hit(item, *key) for item in items]
    return all(answers)


@cache
def _rate(words: str) -> RateLimitItem:
    return parse(words)
