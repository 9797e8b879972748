"""Names that we answer to, clients that proxies name, and where redirects lead."""

from __future__ import annotations

import pytest
from flask import Flask

from pillar.permissions import Role
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.hardening import NewClient, check
from tests.support.site import dump


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil.example:8000",
        "localhost@evil.example",
        "",
        "localhost, evil.example",
        "[::1].evil.example",
        "pillar.example.",
        "%6cocalhost",
        "a" * 300,
    ],
)
def test_an_unknown_host_is_refused(client: PillarClient, acme: Company, host: str) -> None:
    for path in ("/", f"/portal/{acme.slug}", "/nowhere"):
        response = client.get(path, headers={"Host": host})
        assert response.status_code == 400, path
        check(response, host)
        assert not host or host not in response.text


def test_own_hosts_are_known_by_any_spelling(database: Bed, client: PillarClient) -> None:
    for host in ("localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000", "[::1]"):
        assert client.get("/", headers={"Host": host}).status_code == 200, host
    with database.another_app(base_url="https://Pillar.Example") as app:
        assert app.test_client().get("/", headers={"Host": "pillar.example"}).status_code == 200
        assert app.test_client().get("/", headers={"Host": "pillar.example:443"}).status_code == 200


def test_in_production_only_the_configured_host_is_known(database: Bed) -> None:
    production = {"env": "production", "base_url": "https://pillar.example", "clock_file": None}
    with database.another_app(**production) as app:
        visitor = app.test_client()
        assert visitor.get("/healthz", headers={"Host": "pillar.example"}).status_code == 200
        assert visitor.get("/healthz", headers={"Host": "localhost"}).status_code == 400


@pytest.mark.parametrize(
    ("proxies", "forwarded", "seen"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.66, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.66, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
        (2, "203.0.113.9", "127.0.0.1"),
    ],
)
def test_the_client_is_who_our_own_proxies_say(
    database: Bed, acme: Company, proxies: int, forwarded: str, seen: str
) -> None:
    """The address that a session keeps; a client's own claim is never believed."""
    with database.another_app(trusted_proxies=proxies) as app:
        visitor = app.test_client()
        page = visitor.page("/admin/sign-in", headers={"X-Forwarded-For": forwarded})
        data = page.form().filled(email=acme.staff[Role.ADMIN].email, password="pillar-demo")
        headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Host": "evil.example", "Referer": page.url}
        answer = visitor.post("/admin/sign-in", data=data, headers=headers)
        assert answer.status_code == 303
        assert "evil.example" not in answer.location
    assert [row[-2] for row in dump()["sign_in_session"]] == [seen]


def test_a_forwarded_host_is_never_believed(database: Bed, acme: Company) -> None:
    for proxies in (0, 1):
        with database.another_app(trusted_proxies=proxies) as app:
            claims = {
                "X-Forwarded-Host": "evil.example",
                "X-Forwarded-Prefix": "/evil",
                "Forwarded": "host=evil",
            }
            response = app.test_client().get(f"/portal/{acme.slug}", headers=claims)
            assert response.status_code == 200
            assert "evil" not in response.text


def test_redirects_stay_here(app: Flask, acme: Company, new_client: NewClient) -> None:
    outside = ("https://evil.example/admin/", "//evil.example", "/\\evil.example", "/admin/\t//evil", "evil")
    for target in outside:
        visitor = new_client()
        page = visitor.page(f"/admin/sign-in?next={target}")
        answer = visitor.submit(page, email=acme.staff[Role.ADMIN].email, password="pillar-demo")
        assert answer.location.startswith("/admin/"), target
        assert "evil" not in answer.location, target
