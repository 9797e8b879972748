"""Limits of the front door: over one, everything looks as ever and nothing is written (SAFETY: Limits)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from pillar.extensions import db
from pillar.http import limits
from pillar.models import LookupRequest, PortalSession
from pillar.services import portal_passwords
from tests.support.bed import Bed
from tests.support.cast import PASSWORD, Company, cheap_hash
from tests.support.client import PillarClient
from tests.support.front_door import KNOWN, ask, asked, bare, cookie_of, opened, senders_live
from tests.support.furnished import writing
from tests.support.mail import FakeMail
from tests.support.processes import Valkey

NOBODY = "nobody@acme.example"
# Counting has nothing to do with the database; whatever counts, the pages are the same.
pytestmark = pytest.mark.only_on("sqlite", reason="counts are not in the database")
IN_MEMORY = pytest.mark.parametrize("counting", ["memory"], indirect=True)


@pytest.fixture(autouse=True)
def _senders(acme: Company) -> None:
    senders_live()


@pytest.fixture(params=["memory", "no Redis", "Redis"])
def counting(request: pytest.FixtureRequest, database: Bed, acme: Company) -> Iterator[Flask]:
    """An application that counts: by itself, without the Redis that it should have, with it."""
    url = {"memory": "", "no Redis": "redis://127.0.0.1:1/0"}.get(request.param)
    if url is None:
        server: Valkey = request.getfixturevalue("valkey")
        url = server.url
    limits._spare.storage.reset()
    with database.another_app(limits_enabled=True, redis_url=url) as app:
        yield app
    limits.limiter._storage_dead = False
    limits._spare.storage.reset()


def requests(company: Company) -> int:
    """How many lookups were written."""
    db.session.rollback()
    with company.scope():
        return db.session.scalar(select(func.count(LookupRequest.id))) or 0


def test_an_address_is_asked_for_three_times_a_minute(counting: Flask, acme: Company) -> None:
    """From wherever, in whatever spelling, on either page; a forged header makes no new client."""
    for typed in (KNOWN, NOBODY):
        before, answers, pages = requests(acme), set(), set()
        for n in range(6):
            client: Any = counting.test_client()
            client.environ_base["REMOTE_ADDR"] = f"198.51.100.{n}"
            client.get(f"/portal/{acme.slug}/sign-in")
            answer = ask(client, acme, typed.upper() if n % 2 else typed)
            assert answer.location == f"/portal/{acme.slug}/sent"
            answers.add(repr(bare(answer)))
            pages.add(repr(bare(client.follow(answer), typed, typed.upper())))
        assert len(answers) == len(pages) == 1
        assert requests(acme) == before + 3


def test_a_client_asks_ten_times_a_minute(counting: Flask, acme: Company, rival: Company) -> None:
    client: Any = counting.test_client()
    for n in range(12):
        client.environ_base["HTTP_X_FORWARDED_FOR"] = f"203.0.113.{n}"
        assert ask(client, acme, f"person{n}@acme.example", "/proposals").status == 303
    assert requests(acme) == 10
    # What the client had left over does not count against anybody's address.
    other: Any = counting.test_client()
    other.environ_base["REMOTE_ADDR"] = "198.51.100.77"
    for _ in range(4):
        ask(other, acme, "person11@acme.example")
    assert requests(acme) == 13


@IN_MEMORY
def test_over_the_limit_the_browser_keeps_its_request(
    app: Flask, acme: Company, mail: FakeMail, counting: Flask
) -> None:
    """Whoever presses too often can still use what came last."""
    counting.extensions["gateways"] = app.extensions["gateways"]
    client: Any = counting.test_client()
    for _ in range(2):
        asked(client, acme, mail)
    last, name = asked(client, acme, mail), cookie_of(client, "pillar-pending")
    page = client.follow(ask(client, acme, KNOWN))
    assert cookie_of(client, "pillar-pending") == name
    assert client.submit(page.form("form:has([name=code])"), code=last.code).status == 303


@IN_MEMORY
def test_passwords_and_codes_are_limited(counting: Flask, acme: Company) -> None:
    """The page is that of a wrong one, for the right one too."""
    with writing(), acme.scope():
        portal_passwords.set_password(acme.contact_row(), cheap_hash())
    for n in range(11):
        client: Any = counting.test_client()
        client.environ_base["REMOTE_ADDR"] = f"198.51.100.{n}"
        page = client.page(f"/portal/{acme.slug}/sign-in")
        typed = {"email": KNOWN, "password": "wrong" if n < 10 else PASSWORD}
        assert client.submit(page.form("form:has([name=password])"), **typed).status == 422
    with acme.scope():
        assert db.session.scalars(select(PortalSession)).all() == []


def test_sign_in_works_without_redis(
    app: Flask, database: Bed, acme: Company, mail: FakeMail, new_client: Callable[[], PillarClient]
) -> None:
    with database.another_app(limits_enabled=True, redis_url="redis://127.0.0.1:1/0") as broken:
        client: Any = broken.test_client()
        sent = asked(client, acme, mail, "(937) 555-0142")
        assert client.submit(opened(client, sent)).status == 303
    limits.limiter._storage_dead = False
