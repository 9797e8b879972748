"""What every response of the site has in common, over the whole URL map and for everybody who may ask."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from pillar.admin import access as door
from pillar.http.access import CUSTOMER, PUBLIC, need_of
from pillar.permissions import Permission, Role, granted
from pillar.tokens import document_token
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.hardening import LOOKING_LEAVES, Both, NewClient, SignIn, check, everybody, is_page
from tests.support.site import Address, addresses, dump, is_typeset

# Headers


# Between them these two see every page; reading pages as HTML takes longer than making them.
PARSED = {"visitor", Role.ADMIN}


def test_every_address_answers_with_the_headers(
    app: Flask, furnished: Both, signed_in: SignIn, new_client: NewClient
) -> None:
    ours, _rivals = furnished
    pages = 0
    for who, client in everybody(signed_in, new_client, ours.company).items():
        for each in addresses(app, ours):
            if is_typeset(each) and who != "visitor":
                continue
            response = client.get(each.path)
            named = f"{who} GET {each.path} {response.status_code}"
            assert response.status_code < 500 or each.endpoint.startswith("health."), named
            check(response, named, each.endpoint, parse=who in PARSED)
            pages += response.mimetype == "text/html" and response.status_code == 200
    assert pages > 60


def test_a_page_for_every_mistake(client: PillarClient, acme: Company) -> None:
    """Unknown address, link, method and body: a page with what to do next, and the headers."""
    mistakes = {
        404: [client.get("/nowhere"), client.get(f"/quote/{document_token()}"), client.get("/portal/nobody")],
        405: [client.post("/"), client.put(f"/portal/{acme.slug}"), client.delete("/admin/sign-in")],
        400: [client.post("/admin/sign-in", data={"email": "x"})],
        413: [client.post("/admin/sign-in", data={"email": "x" * 2_000_000})],
        410: [client.get("/admin/reset")],
    }
    for status, responses in mistakes.items():
        for response in responses:
            assert response.status_code == status, response.request.path
            check(response, f"{status} {response.request.path}")
            assert is_page(response), response.request.path
            assert response.headers["Cache-Control"] == "no-store"
    assert "GET" in mistakes[405][0].headers["Allow"]


def test_personal_pages_are_not_kept_and_files_are(
    app: Flask, furnished: Both, signed_in: SignIn, client: PillarClient
) -> None:
    ours, _rivals = furnished
    office = signed_in(ours.company)
    for each in addresses(app, ours):
        if is_typeset(each):
            continue
        response = office.get(each.path)
        kept = response.headers["Cache-Control"]
        if each.endpoint == "assets.serve":
            assert kept == "public, max-age=31536000, immutable"
        elif each.endpoint != "public.front.robots":
            assert kept == "no-store", each.path
    stale = client.get("/static/000000000000/portal.css")
    assert stale.status_code == 200
    assert stale.headers["Cache-Control"] == "no-cache"


def test_a_policy_is_new_for_each_response(client: PillarClient, acme: Company) -> None:
    policies = {client.get(f"/portal/{acme.slug}").headers["Content-Security-Policy"] for _ in range(3)}
    assert len(policies) == 3
    bare = client.get("/healthz").headers["Content-Security-Policy"]
    assert "script-src 'none'" in bare
    assert "nonce" not in bare


def test_forms_may_be_sent_to_the_vendors_that_take_payments_only(
    database: Bed, client: PillarClient
) -> None:
    def targets(response: TestResponse) -> list[str]:
        return response.headers["Content-Security-Policy"].split("form-action ")[1].split(";")[0].split()

    stripe = ["'self'", "https://checkout.stripe.com", "https://connect.stripe.com"]
    assert targets(client.get("/")) == stripe
    with database.another_app(stripe_api_base="http://127.0.0.1:12111/v1") as app:
        assert targets(app.test_client().get("/")) == [*stripe, "http://127.0.0.1:12111"]


def test_transport_security_where_there_is_tls(database: Bed, client: PillarClient) -> None:
    assert "Strict-Transport-Security" not in client.get("/").headers
    with database.another_app(base_url="https://pillar.example") as app:
        for path in ("/", "/nowhere"):
            response = app.test_client().get(path)
            assert response.headers["Strict-Transport-Security"].startswith("max-age=31536000"), path


def test_cookies_are_for_the_browser_and_this_host_alone(
    database: Bed, acme: Company, client: PillarClient
) -> None:
    def cookies(visitor: Any) -> list[str]:
        page = visitor.page("/admin/sign-in")
        answer = visitor.submit(page, email=acme.staff[Role.ADMIN].email, password="pillar-demo")
        return page.response.headers.getlist("Set-Cookie") + answer.response.headers.getlist("Set-Cookie")

    plain = cookies(client)
    assert len(plain) >= 2
    with database.another_app(base_url="https://pillar.example") as app:
        secure = cookies(app.test_client())
    for cookie in (*plain, *secure):
        parts = {part.strip() for part in cookie.split(";")[1:]}
        assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= parts, cookie
        assert not any(part.startswith("Domain") for part in parts), cookie
    for cookie in secure:
        assert cookie.startswith("__Host-"), cookie
        assert "Secure" in cookie, cookie


def test_a_visitor_leaves_no_row(app: Flask, acme: Company, client: PillarClient) -> None:
    before = dump()
    page = client.page("/admin/sign-in")
    client.submit(page, email="nobody@acme.example", password="wrong")
    assert dump() == before


# Who may


def test_every_endpoint_says_what_it_needs(app: Flask, furnished: Both, signed_in: SignIn) -> None:
    """What says nothing is refused, to an admin too."""
    ours, _rivals = furnished
    client = signed_in(ours.company)
    unmarked = []
    for each in addresses(app, ours):
        need = need_of(app, each.endpoint)
        assert need in {None, PUBLIC, CUSTOMER, *Permission}, each.endpoint
        if need is None:
            unmarked.append(each.endpoint)
            assert client.get(each.path).status_code == 404, each.path
    assert set(unmarked) <= {"admin.static"}


def test_a_new_unmarked_view_is_refused(database: Bed, acme: Company) -> None:
    with database.another_app() as app:
        app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
        visitor = app.test_client()
        assert visitor.get("/forgotten").status_code == 404
        assert visitor.sign_in(acme.staff[Role.ADMIN].email).get("/forgotten").status_code == 404


def test_every_route_and_role(app: Flask, furnished: Both, signed_in: SignIn, new_client: NewClient) -> None:
    """The matrix of roles is the truth; every rule keeps to it, for looking and for doing."""
    ours, _rivals = furnished
    for who, client in everybody(signed_in, new_client, ours.company).items():
        may = granted([who]) if who != "visitor" else frozenset()
        token = _token(client)
        for each in addresses(app, ours):
            if each.endpoint == "admin_access.sign_out" or is_typeset(each):
                continue
            # Looked at first; what POST does is refused before it is done, or done on a thing that is not there.
            for method in sorted(each.methods & {"GET", "POST"}):
                _expect(client, each, method, token, who, allowed=each.need == PUBLIC or each.need in may)


def _expect(client: PillarClient, each: Address, method: str, token: str, who: str, *, allowed: bool) -> None:
    named = f"{who} {method} {each.path}"
    if allowed and (method == "POST" or who in PARSED):
        return
    response = (
        client.get(each.path) if method == "GET" else client.post(each.path, data={"csrf_token": token})
    )
    if allowed:
        assert response.status_code != 403, named
    elif each.need is None:
        assert response.status_code == 404, named
    elif each.need == CUSTOMER:
        # The office is a stranger there as well: it looks by a session of its own (1.14).
        assert response.status_code == 303, named
        assert urlsplit(response.location).path.endswith("/sign-in"), named
    elif who == "visitor":
        assert response.status_code == 303, named
        assert response.location.startswith("/admin/sign-in"), named
    else:
        assert response.status_code == 403, named
        assert is_page(response), named


def _token(client: PillarClient) -> str:
    """A CSRF token that goes with this browser's cookie."""
    page = client.page("/admin/account/", follow=True)
    return str(page.all("input[name=csrf_token]")[0]["value"])


# Looking changes nothing


def test_looking_changes_nothing(
    app: Flask, furnished: Both, signed_in: SignIn, new_client: NewClient
) -> None:
    """GET, HEAD and OPTIONS of every address, as everybody: not a row is different afterwards."""
    ours, _rivals = furnished
    clients = everybody(signed_in, new_client, ours.company)
    before = dump(besides=LOOKING_LEAVES)
    for who, client in clients.items():
        if who not in PARSED:
            continue
        for each in addresses(app, ours):
            for method in ("GET", "HEAD", "OPTIONS"):
                response = client.open(each.path, method=method)
                assert response.status_code < 500 or each.endpoint.startswith("health."), (who, each.path)
                if method == "HEAD":
                    assert response.data == b"", (who, method, each.path)
    assert dump(besides=LOOKING_LEAVES) == before


# CSRF


# Compares a file that is sent with one of ours and changes nothing: the dump says so.
COMPARES = "public.verify.compare"
# Vendors sign what they send; the tests of the webhooks prove that.
SIGNED = "/webhooks/"
# Reads long files, so it lets only those in who may import, and asks for the token then.
ASKS_LATER = {"imports.create_view"}


def test_no_form_is_taken_without_its_token(
    app: Flask, furnished: Both, signed_in: SignIn, new_client: NewClient
) -> None:
    ours, _rivals = furnished
    for client, is_staff in ((new_client(), False), (signed_in(ours.company), True)):
        _token(client)
        before = dump(besides=LOOKING_LEAVES)
        other = _token(new_client())
        posts = [each for each in addresses(app, ours) if "POST" in each.methods]
        assert len(posts) > 20
        for each in posts:
            for data in ({}, {"csrf_token": ""}, {"csrf_token": "x"}, {"csrf_token": other}):
                response = client.post(each.path, data=data)
                if each.endpoint == COMPARES or (each.endpoint in ASKS_LATER and not is_staff):
                    continue
                if each.path.startswith(SIGNED):
                    assert response.status_code in {400, 403, 503}, each.path
                    continue
                assert response.status_code == 400, (each.path, data)
                assert is_page(response), each.path
        assert dump(besides=LOOKING_LEAVES) == before


def test_methods_that_nobody_uses_change_nothing(app: Flask, furnished: Both, signed_in: SignIn) -> None:
    ours, _rivals = furnished
    client = signed_in(ours.company)
    before = dump(besides=LOOKING_LEAVES)
    for each in addresses(app, ours):
        for method in ("PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"):
            response = client.open(each.path, method=method, data={"csrf_token": "x"})
            assert response.status_code in {400, 404, 405}, (method, each.path)
    assert dump(besides=LOOKING_LEAVES) == before


def test_an_unsafe_sign_in_never_sees_its_own_password_again(
    app: Flask, acme: Company, client: PillarClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page for a database that takes no writes repeats what was typed, but no secret."""

    def locked(_email: str) -> None:
        raise OperationalError("UPDATE", {}, Exception("database is locked"))

    monkeypatch.setattr(door.proofs, "find_candidate", locked)
    page = client.submit(client.page("/admin/sign-in"), email="a@acme.example", password="hunter2-hunter2")
    assert page.status == 503
    assert page.one("input[name=email]")["value"] == "a@acme.example"
    assert "hunter2" not in page.html
    check(page.response, "503")
