"""What must be true of every response of the site."""

from __future__ import annotations

import re
from collections.abc import Callable

from bs4 import BeautifulSoup
from werkzeug.test import TestResponse

from pillar.permissions import Role
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.furnished import Furnished

Both = tuple[Furnished, Furnished]
SignIn = Callable[..., PillarClient]
NewClient = Callable[[], PillarClient]
# Signing in and being there leave traces; nothing else may, when somebody only looks.
LOOKING_LEAVES = frozenset({"sign_in_session.last_seen_at"})
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
NONCE = re.compile(r"'nonce-([\w-]+)'")
# The frame in which the office reads a mail, and nothing else, may be framed, by the office's own page.
FRAMED = {"outbox.mail"}


def everybody(signed_in: SignIn, new_client: NewClient, company: Company) -> dict[str, PillarClient]:
    return {"visitor": new_client()} | {str(role): signed_in(company, role) for role in Role}


def check_headers(response: TestResponse, who: str, *, framed: bool = False) -> None:
    headers = response.headers
    for name, value in ALWAYS.items():
        assert headers.get(name) == value, (who, name)
    assert "geolocation=()" in headers["Permissions-Policy"], who
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'", who
    assert policy["frame-ancestors"] == ("'self'" if framed else "'none'"), who
    assert headers["X-Frame-Options"] == ("SAMEORIGIN" if framed else "DENY"), who
    assert policy["base-uri"] == "'none'", who
    for kind in ("script-src", "style-src"):
        assert not set(policy.get(kind, "'none'").split()) & {
            "'unsafe-inline'",
            "'unsafe-eval'",
            "*",
            "https:",
        } or (framed and kind == "style-src"), (who, kind)
    assert headers.get("Cache-Control"), who


def check_page(response: TestResponse, who: str) -> None:
    """Every script and style carries this response's nonce; no handler and no style stands in an attribute."""
    soup = BeautifulSoup(response.text, "html.parser")
    nonces = set(NONCE.findall(response.headers["Content-Security-Policy"]))
    assert len(nonces) <= 1, who
    for tag in soup.select("script, style, link[rel~=stylesheet]"):
        assert tag.get("nonce") in nonces, (who, str(tag)[:100])
    for tag in soup.find_all(True):
        loud = [name for name in tag.attrs if name.startswith("on") or name == "style"]
        assert not loud, (who, str(tag)[:120])
        for name in ("href", "src", "action", "formaction"):
            assert not str(tag.get(name, "")).strip().lower().startswith("javascript:"), (who, str(tag)[:120])
    for form in soup.select("form[method=post], form[method=POST]"):
        if "/verify/" in who:
            continue
        assert form.select("input[name=csrf_token]"), (who, str(form)[:200])
    foreign = [
        str(tag)[:120]
        for tag in soup.select("script[src], link[rel~=stylesheet][href], img[src], iframe[src]")
        if "//" in str(tag.get("src") or tag.get("href"))
    ]
    assert not foreign, (who, foreign)


def check(response: TestResponse, who: str, endpoint: str = "", *, parse: bool = True) -> None:
    framed = endpoint in FRAMED and response.status_code == 200
    check_headers(response, who, framed=framed)
    if (
        parse
        and response.mimetype == "text/html"
        and not framed
        and response.status_code not in {301, 302, 303, 308}
    ):
        check_page(response, who)


def is_page(response: TestResponse) -> bool:
    return response.mimetype == "text/html" and "<h1" in response.text and "Traceback" not in response.text
