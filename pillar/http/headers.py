"""Security headers on every response, and the hosts we answer on (SAFETY: Input and output)."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, g

from pillar.config import Config
from pillar.http import hosts

_PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()"


def csp_nonce() -> str:
    """This response's nonce, made when a template first asks."""
    nonce: str | None = g.get("csp_nonce")
    if nonce is None:
        nonce = g.csp_nonce = secrets.token_urlsafe(16)
    return nonce


def allow_own_frames() -> None:
    """Let this page show another page of ours in a frame (a mail in the Outbox)."""
    g.csp_frames = True


def allow_own_worker() -> None:
    """Let this page register a service worker of ours (1.15)."""
    g.csp_worker = True


def init_app(app: Flask, config: Config) -> None:
    """Check the Host before, add the headers after."""
    policy_end = _policy_end(config)
    app.before_request(lambda: hosts.admit(config))

    @app.after_request
    def _add_headers(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", _policy(policy_end))
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("X-Frame-Options", "DENY")
        # `no-referrer` would break CSRF checking over HTTPS.
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", _PERMISSIONS)
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Cache-Control", "no-store")
        if config.is_https:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
        return response


def _policy(end: str) -> str:
    """A page may run the scripts and use the styles that it names with its nonce, and nothing else.

    quote.js hands its nonce to the drawing pad that it loads, so nothing wider is needed.
    """
    nonce: str | None = g.get("csp_nonce")
    named = f"'nonce-{nonce}'" if nonce else "'none'"
    frames = "frame-src 'self'; " if g.get("csp_frames") else ""
    worker = "worker-src 'self'; " if g.get("csp_worker") else ""
    return f"default-src 'none'; {frames}{worker}script-src {named}; style-src {named}; {end}"


def _policy_end(config: Config) -> str:
    targets = "'self' https://checkout.stripe.com https://connect.stripe.com"
    if config.stripe_api_base and not config.is_production:
        parts = urlsplit(config.stripe_api_base)
        targets += f" {parts.scheme}://{parts.netloc}"
    return (
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; "
        f"base-uri 'none'; frame-ancestors 'none'; form-action {targets}"
    )
