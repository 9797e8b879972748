"""Rate limits, with Redis and without (SAFETY: Limits)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from pillar.http.limits import limiter
from pillar.permissions import Role
from pillar.tokens import document_token
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.hardening import Both, check, is_page


@pytest.fixture
def limited(database: Bed, acme: Company) -> Any:
    """An application that counts, in memory, from nothing."""
    with database.another_app(limits_enabled=True) as app:
        limiter.reset()
        yield app
        limiter.reset()


@pytest.fixture
def limited_without_redis(database: Bed, acme: Company) -> Any:
    """An application whose Redis does not answer."""
    with database.another_app(limits_enabled=True, redis_url="redis://127.0.0.1:1/0") as app:
        yield app
    with database.another_app(limits_enabled=True):
        limiter.reset()
    limiter._storage_dead = False


def _statuses(visitor: Any, ask: Callable[[Any], Any], times: int) -> list[int]:
    return [ask(visitor).status_code for _ in range(times)]


def _sign(token: str) -> Callable[[Any], Any]:
    """Send an empty form, from another address than the one that guessed links."""
    elsewhere = {"REMOTE_ADDR": "203.0.113.5"}
    path = f"/quote/{token}/approval"
    return lambda visitor: visitor.post(path, data=_form(visitor), environ_overrides=elsewhere)


def _form(visitor: Any) -> dict[str, str]:
    page = visitor.page("/admin/sign-in")
    return {"csrf_token": str(page.one("form input[name=csrf_token]")["value"])}


@pytest.mark.parametrize("which", ["limited", "limited_without_redis"])
def test_limits_hold(which: str, furnished: Both, request: pytest.FixtureRequest) -> None:
    """With Redis away they hold just as well: the limiter counts in memory and never opens."""
    ours, _rivals = furnished
    app = request.getfixturevalue(which)
    visitor = app.test_client()
    misses = _statuses(visitor, lambda each: each.get(f"/quote/{document_token()}"), 32)
    assert misses == [404] * 30 + [429] * 2
    # A good link is not a miss, but a client that guesses has to wait for it too.
    assert visitor.get(f"/quote/{ours.sent_token}").status_code == 429
    signing = _statuses(app.test_client(), _sign(ours.sent_token), 7)
    # Nothing was sent that anybody saw, so each of the five is answered with the offer as it stands.
    assert signing == [409] * 5 + [429] * 2
    # Each document has its own count.
    assert _statuses(app.test_client(), _sign(ours.signed_token), 1) != [429]
    over = visitor.get(f"/quote/{document_token()}")
    check(over, "429")
    assert is_page(over)


def test_good_links_are_not_counted(limited: Flask, furnished: Both) -> None:
    ours, _rivals = furnished
    visitor = limited.test_client()
    seen = _statuses(visitor, lambda each: each.get(f"/quote/{ours.sent_token}"), 40)
    assert set(seen) == {200}


def test_sign_in_is_limited(limited: Flask, acme: Company) -> None:
    visitor = limited.test_client()
    tries = []
    for _ in range(12):
        data = _form(visitor) | {"email": acme.staff[Role.ADMIN].email, "password": "wrong"}
        tries.append(visitor.post("/admin/sign-in", data=data).status_code)
    assert tries == [422] * 10 + [429] * 2


def test_signed_in_pages_are_limited_by_session(limited: Flask, acme: Company) -> None:
    one = limited.test_client().sign_in(acme.staff[Role.ADMIN].email)
    other = limited.test_client().sign_in(acme.staff[Role.OFFICE].email)
    seen = _statuses(one, lambda each: each.get("/admin/account/"), 125)
    assert set(seen[:115]) == {200}
    assert seen[-1] == 429
    assert other.get("/admin/account/").status_code == 200
    assert one.get("/healthz").status_code == 200
    # Whoever is over the limit can still leave.
    assert limited.test_client().get("/").status_code == 200
