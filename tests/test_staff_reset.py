"""A new password by mail, and invitations (SAFETY: Tokens)."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from pillar.extensions import db
from pillar.models.message import Message, Purpose
from pillar.models.staff import StaffStatus, StaffToken, StaffUser
from pillar.permissions import Role
from pillar.services import heartbeats, staff
from pillar.tasks.messages import deliver_message
from tests.support.bed import Bed
from tests.support.cast import PASSWORD, Company, Person
from tests.support.client import PillarClient
from tests.support.office import is_in, limits_on, password_link, sign_in
from tests.support.pages import Page

FORGOT = "/admin/forgot"
RESET = "/admin/reset"
NEW = "four quiet herons walk"


@pytest.fixture
def admin(acme: Company) -> Person:
    return acme.staff[Role.ADMIN]


def messages(company: Company) -> list[Message]:
    with company.scope():
        return list(db.session.scalars(select(Message).order_by(Message.id)))


def mailed_link(company: Company, role: Role = Role.ADMIN) -> str:
    """What the worker puts into a mail."""
    # What the test read before may be older than what a request wrote since: SQLite would refuse to write on it.
    db.session.rollback()
    with company.scope():
        link = staff.reset_link(company.staff_row(role))
        db.session.commit()
    return password_link(link)


def choose(client: PillarClient, link: str, password: str = NEW) -> Page:
    client.page(link, status=303)
    return client.submit(client.page(RESET), password=password, again=password)


def test_the_whole_way(
    client: PillarClient, new_client: Callable[[], PillarClient], acme: Company, admin: Person
) -> None:
    old = new_client().sign_in(admin.email)
    client.submit(client.page(FORGOT), email=admin.email)
    (message,) = messages(acme)
    assert (message.template, message.purpose, message.to_address) == (
        "staff_reset",
        Purpose.SECURITY,
        admin.email,
    )
    assert not message.body_text
    assert deliver_message.run(acme.tenant_id, message.id)
    (outbox,) = messages(acme)
    assert "/admin/reset/" not in outbox.body_text + outbox.body_html
    page = choose(client, mailed_link(acme))
    assert page.location == "/admin/sign-in"
    assert not is_in(client), "a mailed link signs nobody in"
    assert not is_in(old), "an old session lived on"
    assert sign_in(client, admin, PASSWORD).status == 422
    assert sign_in(client, admin, NEW).status == 303


def test_known_and_unknown_get_the_same_page(
    client: PillarClient, acme: Company, rival: Company, admin: Person
) -> None:
    with acme.scope():
        staff.disable_staff(acme.staff_row(Role.OFFICE))
        db.session.commit()
    answers = set()
    for email in (admin.email, "nobody@acme.example", acme.staff[Role.OFFICE].email):
        page = client.submit(client.page(FORGOT), email=email)
        shown = client.follow(page)
        answers.add((page.status, page.location, re.sub(r'nonce="[^"]*"', "", shown.html)))
    assert len(answers) == 1
    assert [message.to_address for message in messages(acme)] == [admin.email]
    assert messages(rival) == []


def test_while_nothing_sends_mail_everybody_is_told(
    client: PillarClient, acme: Company, admin: Person
) -> None:
    for email in (admin.email, "nobody@acme.example"):
        page = client.follow(client.submit(client.page(FORGOT), email=email))
        assert "cannot send email right now" in page.text
    heartbeats.beat(db.session(), "worker-1", "worker")
    db.session.commit()
    assert "a link is on its way" in client.page(f"{FORGOT}?sent=1").text


@pytest.mark.parametrize("typed", ["", "x", "a@b@c", "\x00", "x" * 9_000 + "@x.example"])
def test_what_is_no_address_is_refused(client: PillarClient, acme: Company, typed: str) -> None:
    page = client.submit(client.page(FORGOT), email=typed)
    assert page.status == 422
    assert page.error_for("email")


def test_asking_is_limited(database: Bed, acme: Company) -> None:
    with limits_on(database) as app:
        client = app.test_client()
        form = client.page(FORGOT).form().filled(email="nobody@acme.example")
        assert [client.post(FORGOT, data=form).status_code for _ in range(6)] == [303] * 5 + [429]


def test_opening_the_link_changes_nothing(client: PillarClient, acme: Company, admin: Person) -> None:
    link = mailed_link(acme)
    for _ in range(2):
        moved = Page(client.get(link))
        assert moved.location == RESET
        header = moved.response.headers["Set-Cookie"]
        assert "HttpOnly" in header
        assert link.rsplit("/", 1)[1] not in client.page(RESET).html
    client.head(link)
    with acme.scope():
        assert db.session.scalars(select(StaffToken.used_at)).all() == [None]
    assert sign_in(client, admin).status == 303


def test_a_link_works_once(
    client: PillarClient, new_client: Callable[[], PillarClient], acme: Company
) -> None:
    link, late = mailed_link(acme), new_client()
    late.page(link, status=303)
    open_page = late.page(RESET)
    assert choose(client, link).status == 303
    assert late.submit(open_page, password=NEW, again=NEW).status == 410
    assert late.page(RESET, status=410).status == 410


def test_many_at_once_use_a_link_once(new_client: Callable[[], PillarClient], acme: Company) -> None:
    link = mailed_link(acme)
    clients = [new_client() for _ in range(6)]
    forms = []
    for client in clients:
        client.page(link, status=303)
        forms.append(client.page(RESET).form().filled(password=NEW, again=NEW))
    with ThreadPoolExecutor(6) as pool:
        posts = [
            pool.submit(client.post, RESET, data=form) for client, form in zip(clients, forms, strict=True)
        ]
        answers = sorted(post.result().status_code for post in posts)
    assert answers == [303] + [410] * 5


def test_another_link_dies_with_the_first(client: PillarClient, acme: Company) -> None:
    first, second = mailed_link(acme), mailed_link(acme)
    assert choose(client, first).status == 303
    client.page(second, status=303)
    client.page(RESET, status=410)


@pytest.mark.parametrize(("setting", "status"), [("+59m", 200), ("+61m", 410)])
def test_a_reset_link_lasts_an_hour(
    client: PillarClient, acme: Company, set_clock: Callable[[str], None], setting: str, status: int
) -> None:
    link = mailed_link(acme)
    set_clock(setting)
    client.page(link, status=303)
    client.page(RESET, status=status)


@pytest.mark.parametrize(("setting", "status"), [("+71h", 200), ("+73h", 410)])
def test_an_invitation_lasts_three_days(
    client: PillarClient, acme: Company, set_clock: Callable[[str], None], setting: str, status: int
) -> None:
    with acme.scope():
        person = staff.invite_staff(email="new@acme.example", name="Nia New", roles=[Role.OFFICE])
        link = password_link(staff.reset_link(person))
        db.session.commit()
    set_clock(setting)
    client.page(link, status=303)
    client.page(RESET, status=status)


def test_an_invited_person_gets_in(client: PillarClient, acme: Company) -> None:
    with acme.scope():
        person = staff.invite_staff(email="new@acme.example", name="Nia New", roles=[Role.OFFICE])
        link = password_link(staff.reset_link(person))
        db.session.commit()
    assert choose(client, link).status == 303
    assert client.sign_in("new@acme.example", NEW).page("/admin/").status == 200
    with acme.scope():
        status = db.session.scalar(select(StaffUser.status).where(StaffUser.email == "new@acme.example"))
    assert status is StaffStatus.ACTIVE


def test_a_disabled_persons_link_opens_nothing(client: PillarClient, acme: Company) -> None:
    link = mailed_link(acme, Role.OFFICE)
    with acme.scope():
        staff.disable_staff(acme.staff_row(Role.OFFICE))
        db.session.commit()
    client.page(link, status=303)
    client.page(RESET, status=410)


@pytest.mark.parametrize("token", ["x" * 16, "-" * 43, "A" * 64])
def test_a_made_up_link_opens_nothing(client: PillarClient, acme: Company, token: str) -> None:
    client.page(f"{RESET}/{token}", status=303)
    client.page(RESET, status=410)


@pytest.mark.parametrize("path", [RESET, f"{RESET}/short", f"{RESET}/{'x' * 65}", f"{RESET}/%00"])
def test_without_a_link_there_is_nothing(client: PillarClient, acme: Company, path: str) -> None:
    assert client.get(path).status_code in (404, 410)


@pytest.mark.parametrize(
    ("password", "again", "field"),
    [
        ("", "", "password"),
        ("ninechars", "ninechars", "password"),
        ("x" * 201, "x" * 201, "password"),
        (NEW, "other", "again"),
    ],
)
def test_a_password_that_will_not_do(
    client: PillarClient, acme: Company, password: str, again: str, field: str
) -> None:
    client.page(mailed_link(acme), status=303)
    page = client.submit(client.page(RESET), password=password, again=again)
    assert page.status == 422
    assert page.error_for(field)


def test_passwords_may_hold_anything(client: PillarClient, acme: Company, admin: Person) -> None:
    password = " ünïcödé 💥 <script> "
    assert choose(client, mailed_link(acme), password).status == 303
    assert sign_in(client, admin, password).status == 303
