"""How the office gets in: password, sessions (FEATURES 9.1; SAFETY: Sessions and roles)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from sqlalchemy import event, func, select
from werkzeug.test import TestResponse

from pillar.extensions import db
from pillar.models.staff import SignInSession
from pillar.models.tenant import TenantStatus
from pillar.permissions import Role
from pillar.services import staff
from tests.support.bed import Bed
from tests.support.cast import PASSWORD, Company, Person
from tests.support.client import PillarClient
from tests.support.office import SIGN_IN, is_in, limits_on, sign_in
from tests.support.pages import Page

COOKIE = "pillar-staff"


HOST = "127.0.0.1"


def cookie(client: PillarClient) -> str:
    found = client.get_cookie(COOKIE, HOST)
    return found.value if found else ""


def plant(client: PillarClient, value: str) -> None:
    client.set_cookie(COOKIE, value, domain=HOST)


def sessions(company: Company) -> int:
    with company.scope():
        return db.session.scalar(select(func.count(SignInSession.id))) or 0


@pytest.fixture
def admin(acme: Company) -> Person:
    return acme.staff[Role.ADMIN]


# Password


def test_the_right_password_opens_the_office(client: PillarClient, admin: Person) -> None:
    page = sign_in(client, admin)
    assert (page.status, page.location) == (303, "/admin/")
    assert "Admin Acme" in client.follow(page).text


def test_the_address_may_be_typed_in_capitals(client: PillarClient, admin: Person) -> None:
    page = client.submit(client.page(SIGN_IN), email=f" {admin.email.upper()} ", password=PASSWORD)
    assert page.status == 303


def test_every_refusal_reads_the_same(
    client: PillarClient, acme: Company, rival: Company, admin: Person
) -> None:
    with acme.scope():
        staff.disable_staff(acme.staff_row(Role.OFFICE))
        staff.create_staff(email="new@acme.example", name="New", roles=[Role.OFFICE])
        db.session.commit()
    with rival.scope() as tenant:
        tenant.status = TenantStatus.CLOSED
        db.session.commit()
    typed = {
        admin.email: "wrong password",
        "nobody@acme.example": PASSWORD,
        acme.staff[Role.OFFICE].email: PASSWORD,
        "new@acme.example": "",
        rival.staff[Role.ADMIN].email: PASSWORD,
        "no address": PASSWORD,
    }
    pages = set()
    for email, password in typed.items():
        page = client.submit(client.page(SIGN_IN), email=email, password=password or "x")
        assert page.status == 422
        assert page.one('[name="email"]')["value"] == email
        pages.add(_without_secrets(page).replace(email, ""))
        assert not cookie(client)
    assert len(pages) == 1
    assert "do not go together" in pages.pop()


def test_an_empty_form_says_what_is_missing(client: PillarClient, acme: Company) -> None:
    page = client.submit(client.page(SIGN_IN))
    assert page.status == 422
    assert page.error_for("email")
    assert page.error_for("password")


@pytest.mark.parametrize("junk", ["\x00", "\ud800", "\u202e" * 300, "a" * 100_000, "💥'\";--"])
def test_no_byte_string_breaks_the_form(client: PillarClient, acme: Company, junk: str) -> None:
    form = client.page(SIGN_IN).form().filled()
    for field in ("email", "password"):
        sent = {**form, "email": "x@x.example", "password": "x", field: junk.encode("utf-8", "surrogatepass")}
        assert client.post(SIGN_IN, data=sent).status_code == 422


def test_without_the_forms_token_nothing_happens(client: PillarClient, admin: Person) -> None:
    response = client.post(SIGN_IN, data={"email": admin.email, "password": PASSWORD})
    assert response.status_code == 400
    assert not cookie(client)


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/admin/",
        "//evil.example/admin/",
        "/\\evil.example",
        "/admin/\\evil.example",
        "/admin//evil.example",
        "/admin/../portal/acme-hvac",
        "javascript:alert(1)",
        "/admin/\r\nSet-Cookie: a=b",
        "/admin/\x00",
        "/administrators",
        "/portal/acme-hvac",
        "admin/",
        " /admin/",
        "",
    ],
)
def test_a_hostile_next_leads_to_the_dashboard(client: PillarClient, admin: Person, target: str) -> None:
    page = Page(client.get(SIGN_IN, query_string={"next": target}))
    assert client.submit(page, email=admin.email, password=PASSWORD).location == "/admin/"


def test_the_page_that_was_asked_for_opens_after_signing_in(client: PillarClient, admin: Person) -> None:
    asked = Page(client.get("/admin/audit/?by=staff"))
    assert asked.status == 303
    page = client.submit(client.follow(asked), email=admin.email, password=PASSWORD)
    assert page.location == "/admin/audit/?by=staff"


def test_tries_are_limited(limited: Flask) -> None:
    client = limited.test_client()
    form = client.page(SIGN_IN).form().filled(email="nobody@acme.example", password="x")
    answers = [client.post(SIGN_IN, data=form).status_code for _ in range(11)]
    assert answers == [422] * 10 + [429]
    assert client.get(SIGN_IN).status_code == 200


@pytest.fixture
def limited(database: Bed, acme: Company) -> Iterator[Flask]:
    with limits_on(database) as app:
        yield app


# Sessions


def test_the_cookie_is_for_us_alone(client: PillarClient, admin: Person) -> None:
    page = sign_in(client, admin)
    header = next(line for line in page.response.headers.getlist("Set-Cookie") if line.startswith(COOKIE))
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    assert "Path=/;" in f"{header};"
    assert "Domain" not in header
    assert len(cookie(client)) == 43


def test_over_tls_the_cookie_is_bound_to_the_host(database: Bed, admin: Person) -> None:
    with database.another_app(base_url="https://office.pillar.example") as app:
        client = app.test_client()
        page = sign_in(client, admin)
        header = next(line for line in page.response.headers.getlist("Set-Cookie") if COOKIE in line)
        assert header.startswith(f"__Host-{COOKIE}=")
        assert "Secure" in header
        assert is_in(client)


def test_the_database_holds_only_the_hash(client: PillarClient, acme: Company, admin: Person) -> None:
    client.sign_in(admin.email)
    with acme.scope():
        kept = db.session.scalars(select(SignInSession)).one()
        assert cookie(client) not in (kept.token_hash, kept.user_agent)
        assert kept.ip == "127.0.0.1"


def test_a_planted_cookie_is_not_kept(client: PillarClient, admin: Person) -> None:
    plant(client, "p" * 43)
    client.sign_in(admin.email)
    assert cookie(client) != "p" * 43


def test_signing_in_again_makes_a_new_session(
    client: PillarClient, new_client: Callable[[], PillarClient], acme: Company, admin: Person
) -> None:
    page = client.page(SIGN_IN)
    client.sign_in(admin.email)
    first, thief = cookie(client), new_client()
    assert client.submit(page, email=admin.email, password=PASSWORD).status == 400, "the old CSRF token lives"
    assert again(client, admin).status_code == 303
    assert cookie(client) != first
    plant(thief, first)
    assert not is_in(thief)
    assert sessions(acme) == 1


def test_signing_out_ends_the_session_for_good(
    client: PillarClient, new_client: Callable[[], PillarClient], acme: Company, admin: Person
) -> None:
    home = client.sign_in(admin.email).page("/admin/")
    copy, thief = cookie(client), new_client()
    assert copy
    page = client.submit(home.form('form[action$="/sign-out"]'))
    assert page.location == SIGN_IN
    assert not cookie(client)
    plant(thief, copy)
    assert not is_in(thief)
    assert sessions(acme) == 0
    assert client.get("/admin/sign-out").status_code in (303, 405)


@pytest.mark.parametrize("cookies", ["", "x", "\x00", "ü", "a" * 4_000, "'; drop table tenant"])
def test_a_made_up_cookie_is_nobody(client: PillarClient, acme: Company, cookies: str) -> None:
    plant(client, cookies)
    assert client.get("/admin/").status_code == 303
    assert client.get(SIGN_IN).status_code == 200


def test_a_session_ends_after_two_idle_hours(
    client: PillarClient, admin: Person, set_clock: Callable[[str], None]
) -> None:
    client.sign_in(admin.email)
    for setting in ("+119m", "+238m"):
        set_clock(setting)
        assert is_in(client)
    set_clock("+359m")
    assert not is_in(client)


def test_a_session_ends_after_twelve_hours_of_work(
    client: PillarClient, admin: Person, set_clock: Callable[[str], None]
) -> None:
    client.sign_in(admin.email)
    for hour in range(1, 12):
        set_clock(f"+{hour}h")
        assert is_in(client)
    set_clock("+721m")
    assert not is_in(client)


def test_being_here_is_noted_once_a_minute(
    client: PillarClient, acme: Company, admin: Person, set_clock: Callable[[str], None]
) -> None:
    def seen() -> str:
        with acme.scope():
            return db.session.scalars(select(SignInSession.last_seen_at)).one().isoformat()

    set_clock("2026-03-02T15:00:00+00:00")
    client.sign_in(admin.email)
    for now, noted in (("15:00:59", "15:00:00"), ("15:01:01", "15:01:01"), ("15:01:59", "15:01:01")):
        set_clock(f"2026-03-02T{now}+00:00")
        assert is_in(client)
        assert seen() == f"2026-03-02T{noted}+00:00"


def test_a_disabled_person_is_out_with_the_next_click(
    client: PillarClient, acme: Company, new_client: Callable[[], PillarClient]
) -> None:
    office = acme.staff[Role.OFFICE]
    client.sign_in(office.email)
    with acme.scope():
        staff.disable_staff(acme.staff_row(Role.OFFICE))
        db.session.commit()
    assert not is_in(client)
    assert sessions(acme) == 0
    with acme.scope():
        staff.enable_staff(acme.staff_row(Role.OFFICE))
        db.session.commit()
    assert not is_in(client), "an old cookie came back to life"
    assert is_in(new_client().sign_in(office.email))


def test_the_companys_end_is_the_end_of_its_sessions(
    client: PillarClient, acme: Company, admin: Person
) -> None:
    client.sign_in(admin.email)
    with acme.scope() as tenant:
        tenant.status = TenantStatus.CLOSED
        db.session.commit()
    assert not is_in(client)


def test_outside_the_office_nobody_is_signed_in_and_nothing_is_asked(
    client: PillarClient, app: Flask, admin: Person
) -> None:
    client.sign_in(admin.email)
    asked: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    assert client.get("/").status_code == 200
    assert not [statement for statement in asked if "sign_in_session" in statement]


def test_two_companies_are_two_sessions(
    client: PillarClient, acme: Company, rival: Company, admin: Person
) -> None:
    client.sign_in(admin.email)
    assert again(client, rival.staff[Role.ADMIN]).status_code == 303
    assert "Rival Air" in client.page("/admin/").text
    assert "Acme" not in client.page("/admin/").text


def again(client: PillarClient, person: Person) -> TestResponse:
    """Sign in over a session that there is: the page itself would lead to the dashboard."""
    token = client.page("/admin/account/").form("#profile").values()["csrf_token"]
    return client.post(SIGN_IN, data={"csrf_token": token, "email": person.email, "password": PASSWORD})


def _without_secrets(page: Page) -> str:
    html = re.sub(r'nonce="[^"]*"', "", page.html)
    return re.sub(r'name="csrf_token"[^>]*', "", html)
