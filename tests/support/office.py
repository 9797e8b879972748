"""How the tests' people of the office get in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from pillar.http.limits import limiter
from tests.support.bed import Bed
from tests.support.cast import PASSWORD, Person
from tests.support.client import PillarClient
from tests.support.pages import Page

SIGN_IN = "/admin/sign-in"


def sign_in(client: PillarClient, person: Person, password: str = PASSWORD) -> Page:
    """Fill in the sign-in page as a person does; the answer to it."""
    return client.submit(client.page(SIGN_IN), email=person.email, password=password)


def is_in(client: PillarClient) -> bool:
    """Whether the office opens."""
    return client.get("/admin/").status_code == 200


def password_link(text: str) -> str:
    """The path of the link in a mail that sets a password."""
    found = re.search(r"/admin/reset/[A-Za-z0-9_-]{43}", text)
    assert found, text
    return found[0]


@contextmanager
def limits_on(bed: Bed) -> Iterator[Flask]:
    """The application with its limits on. There is one limiter in a process, so they are put off again."""
    try:
        with bed.another_app(limits_enabled=True) as app:
            yield app
    finally:
        limiter.reset()
        limiter.enabled = False
