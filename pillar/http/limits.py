"""Rate limits. When Redis is away the limiter counts in memory; it never opens (SAFETY: Limits)."""

from __future__ import annotations

from flask import Flask, g, request
from flask_limiter import ApplicationLimit, Limiter
from flask_login import current_user

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
STAFF_MAIL = "5 per 5 minutes"
SIGNED_OUT_FORM = "5 per minute"
LINK_MISSES = "30 per minute"


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
