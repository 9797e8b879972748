"""Hosts of companies: whose pages answer where, how a name is verified, and where links lead (1.2, 1.13)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from pillar import clock
from pillar.config import Config
from pillar.errors import GatewayRefused
from pillar.gateways.hosts import OutsideView
from pillar.host_names import ascii_name
from pillar.services import host_names, links, portal_mail
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.estimates import make_sent
from tests.support.furnished import Furnished, furnish, writing
from tests.support.mail import FakeMail
from tests.support.personal_links import RIGHT, deliver_all, make_link, tenant_row

OWN, RIVALS = "portal.acme.example", "help.rival.example"
PAGE = "/admin/settings/portal/"


def use_host(company: Company, host: str | None, *, is_verified: bool = True) -> None:
    with writing(), company.scope() as tenant:
        tenant.custom_host = host
        tenant.custom_host_verified_at = clock.now() if is_verified and host else None


@pytest.fixture
def domain(database: Bed, app: Flask) -> Iterator[Flask]:
    with database.another_app(base_domain="pillar.example") as other:
        yield other


def test_whose_pages_answer_where(domain: Flask, acme: Company, rival: Company) -> None:
    both: tuple[Furnished, Furnished] = (furnish(acme, "Amber", 3001), furnish(rival, "Zephyr", 7001))
    use_host(acme, OWN)
    use_host(rival, RIVALS, is_verified=False)
    visitor = domain.test_client()

    def answer(host: str, path: str, **headers: str) -> int:
        return visitor.get(path, headers={"Host": host, **headers}).status_code

    subdomain = f"{acme.slug}.pillar.example"
    ours, theirs = (
        (
            f"/portal/{has.company.slug}",
            f"/quote/{has.sent_token}",
            f"/link/{has.link_token}",
            f"/verify/{has.certificate}",
        )
        for has in both
    )
    for host in (OWN, OWN.upper(), f"{OWN}:443", subdomain):
        assert [answer(host, path) for path in ours] == [200, 200, 303, 200], host
        assert [answer(host, path) for path in theirs] == [404] * 4, host
        front = visitor.get("/", headers={"Host": host})
        assert (front.status_code, front.location) == (303, f"/portal/{acme.slug}")
        for path in ("/admin/", "/admin/sign-in", "/webhooks/twilio/sms", "/readyz"):
            assert answer(host, path) == 404, (host, path)
    for host in (RIVALS, "other.pillar.example", "pillar.example", f"x.{subdomain}", "evil.example"):
        assert {answer(host, path) for path in (*ours, *theirs, "/", "/healthz")} == {400}, host
    # What a proxy or a visitor claims beside the Host counts for nothing.
    for name in ("X-Forwarded-Host", "X-Original-Host", "Forwarded"):
        assert answer(OWN, theirs[0], **{name: "localhost"}) == 404
        assert answer("evil.example", ours[0], **{name: OWN}) == 400
        assert answer("localhost", theirs[0], **{name: OWN}) == 200


def test_signing_in_works_on_the_companys_host(client: PillarClient, acme: Company) -> None:
    use_host(acme, OWN)
    path = make_link(acme)
    first = client.get(path, headers={"Host": OWN}, base_url=f"http://{OWN}")
    page = client.page(first.location, base_url=f"http://{OWN}")
    assert "Type the last four digits" in page.text
    data = page.form('form[action$="/link"]').filled(digits=RIGHT)
    headers = {"Referer": page.url}
    answer = client.post(first.location, data=data, base_url=f"http://{OWN}", headers=headers)
    assert answer.status_code == 303
    assert client.get(answer.location, base_url=f"http://{OWN}").status_code == 200
    # The cookie is that host's: elsewhere the same browser is a stranger.
    assert client.get(answer.location).status_code == 303


def test_links_use_the_verified_host(acme: Company, app: Flask, mail: FakeMail, database: Bed) -> None:
    config: Config = app.config["PILLAR_CONFIG"]
    port = config.base_url.rpartition(":")[2]
    with acme.scope():
        assert links.portal(acme.slug) == f"{config.base_url}/portal/{acme.slug}"
    use_host(acme, OWN, is_verified=False)
    with acme.scope():
        assert links.public_url() == config.base_url
    use_host(acme, OWN)
    with writing(), acme.scope() as tenant:
        portal_mail.send_link(tenant, acme.contact_row())
    make_sent(acme)
    deliver_all(acme)
    for sent in mail.sent:
        assert f"http://{OWN}:{port}/" in sent.text
        assert "127.0.0.1" not in sent.text
    with writing(), acme.scope() as tenant:
        tenant.custom_host, tenant.custom_host_verified_at = None, None
        tenant.public_site_url = "https://acme.example/"
    with acme.scope():
        # Nothing was configured, so the company's own site is the best that is known.
        assert links.public_url() == "https://acme.example"
        assert links.base_url() == config.base_url
    with database.another_app(base_url="https://app.example") as other, other.app_context(), acme.scope():
        assert links.public_url() == "https://app.example"


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (" Portal.Acme.Example ", "portal.acme.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("https://acme.example", ""),
        ("acme.example:443", ""),
        ("acme.example/x", ""),
        ("acme", ""),
        ("10.0.0.1", ""),
        ("-a.example", ""),
        ("a..example", ""),
        ("a_b.example", ""),
        ("user@acme.example", ""),
        (f"{'a' * 64}.example", ""),
        (".".join(["a" * 60] * 5), ""),
    ],
)
def test_what_a_host_name_is(typed: str, name: str) -> None:
    assert ascii_name(typed) == name


class Outside:
    """Finds `body` wherever it looks; nothing at all where that is empty."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.body = "hello"

    def fetch(self, host: str, path: str) -> str:
        """Answer as told."""
        self.asked.append((host, path))
        if not self.body:
            raise GatewayRefused("provider", "There is no such name in DNS yet.")
        return self.body


def test_a_name_is_used_once_our_answer_came_back(
    app: Flask, acme: Company, rival: Company, signed_in: Callable[..., PillarClient], client: PillarClient
) -> None:
    gateway, office = Outside(), signed_in(acme)
    app.extensions["gateways"] = type(app.extensions["gateways"])(mail=FakeMail(), hosts=gateway)

    def press(action: str, **typed: Any) -> str:
        answer = office.submit(office.page(PAGE).form(f'form[action$="{action}"]'), **typed)
        return office.page(answer.location).text if answer.status == 303 else answer.text

    use_host(rival, RIVALS)
    for typed in ("portal", "127.0.0.1", "sub.localhost.localhost:80", RIVALS):
        assert "Check what is marked" in press("/host", custom_host=typed), typed
    assert "Not checked yet" in press("/host", custom_host=OWN)
    assert client.get("/", headers={"Host": OWN}).status_code == 400
    probe = f"{host_names.PROBE_PATH}{acme.public_id}"
    body = client.get(probe, headers={"Host": OWN}).text
    assert body.startswith("pillar-host ")
    for host, path in (
        (RIVALS, probe),
        ("localhost", probe),
        (OWN, f"{host_names.PROBE_PATH}{rival.public_id}"),
    ):
        assert client.get(path, headers={"Host": host}).status_code == 404
    for wrong in ("hello", "", client.get(probe, headers={"Host": OWN}).text[:-1]):
        gateway.body = wrong
        assert "is not ready" in press("/host/check")
        assert tenant_row(acme).custom_host_verified_at is None
    gateway.body = f"{body}\n"
    assert "works. Links to your customers use it" in press("/host/check")
    assert gateway.asked[-1] == (OWN, probe)
    assert client.get("/", headers={"Host": OWN}).status_code == 303
    # Changed or removed, it is nobody's at once.
    press("/host", custom_host="")
    assert client.get("/", headers={"Host": OWN}).status_code == 400


@pytest.fixture
def serve() -> Iterator[Callable[[bytes], int]]:
    """A server on this machine that answers with these bytes."""
    listeners: list[socket.socket] = []

    def start(answer: bytes) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        threading.Thread(target=run, daemon=True).start()
        port: int = listener.getsockname()[1]
        return port

    yield start
    for listener in listeners:
        listener.close()


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000, "x" * 4096),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n", "status 302"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "status 404"),
        (b"nonsense", "could not be reached"),
        (b"", "could not be reached"),
    ],
)
def test_the_look_from_outside(serve: Callable[[bytes], int], answer: bytes, found: str) -> None:
    view = OutsideView(serve(answer))
    if answer.startswith(b"HTTP/1.1 200"):
        assert view.fetch("acme.localhost", "/x")[:4096] == found
        return
    with pytest.raises(GatewayRefused, match=found):
        view.fetch("acme.localhost", "/x")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:192.168.0.1", "64:ff9b::a00:1", "100.64.0.1"],
)
def test_nothing_inside_is_looked_at(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    found = [(0, 0, 0, "", ("8.8.8.8", 443)), (0, 0, 0, "", (address, 443))]
    monkeypatch.setattr("pillar.gateways.hosts.socket.getaddrinfo", lambda *_args, **_named: found)
    with pytest.raises(GatewayRefused, match="public address"):
        OutsideView(8000).fetch("portal.acme.example", "/x")
