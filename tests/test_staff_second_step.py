"""The second step of signing in: authenticator app and recovery codes (FEATURES 9.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyotp
import pytest
from flask import Flask
from sqlalchemy import func, select

from pillar import clock
from pillar.extensions import db
from pillar.models.staff import RecoveryCode, StaffUser
from pillar.permissions import Role
from pillar.services import companies, staff
from tests.support.bed import Bed
from tests.support.cast import PASSWORD, Company, Person
from tests.support.client import PillarClient
from tests.support.office import SIGN_IN, is_in, limits_on, sign_in
from tests.support.pages import Page

SECURITY = "/admin/security"


@pytest.fixture
def admin(acme: Company) -> Person:
    return acme.staff[Role.ADMIN]


@pytest.fixture
def limited(database: Bed, acme: Company) -> Iterator[Flask]:
    with limits_on(database) as app:
        yield app


def test_the_second_step_is_set_up_and_asked_for(
    client: PillarClient, new_client: Callable[[], PillarClient], acme: Company, admin: Person
) -> None:
    seed, codes = turn_on(client.sign_in(admin.email))
    assert len(set(codes)) == 10
    other = new_client()
    page = sign_in(other, admin)
    assert page.location == "/admin/sign-in/code"
    assert not is_in(other)
    page = other.submit(other.follow(page), code=next_code(acme, seed))
    assert page.location == "/admin/"
    assert is_in(other)


def test_looking_at_the_set_up_stores_nothing(client: PillarClient, acme: Company, admin: Person) -> None:
    page = client.sign_in(admin.email).page(SECURITY)
    assert page.all(".qr svg path")
    with acme.scope():
        assert not acme.staff_row().totp_sealed
    assert client.submit(page, code="000000").status == 422
    with acme.scope():
        assert not acme.staff_row().has_totp


def test_the_seed_is_sealed(client: PillarClient, acme: Company, admin: Person) -> None:
    seed, _codes = turn_on(client.sign_in(admin.email))
    with acme.scope():
        assert seed not in acme.staff_row().totp_sealed
        assert not any(
            code in hashed for code in _codes for hashed in db.session.scalars(select(RecoveryCode.code_hash))
        )


def test_a_code_is_good_once(
    client: PillarClient, new_client: Callable[[], PillarClient], acme: Company, admin: Person
) -> None:
    seed, _codes = turn_on(client.sign_in(admin.email))
    code = next_code(acme, seed)
    first, second = new_client(), new_client()
    assert first.submit(first.follow(sign_in(first, admin)), code=code).status == 303
    page = second.submit(second.follow(sign_in(second, admin)), code=code)
    assert page.status == 422
    assert page.error_for("code")
    assert not is_in(second)


def test_a_recovery_code_is_good_once(
    client: PillarClient, new_client: Callable[[], PillarClient], admin: Person
) -> None:
    _seed, codes = turn_on(client.sign_in(admin.email))
    typed = codes[3].lower().replace("-", " ")
    for expected in (303, 422):
        other = new_client()
        assert other.submit(other.follow(sign_in(other, admin)), code=typed).status == expected
    assert "9 recovery codes left" in client.page(SECURITY).text


@pytest.mark.parametrize("code", ["", "000000", "٠٠٠٠٠٠", "x" * 5_000, "\x00", "-" * 20])
def test_no_wrong_code_opens(
    client: PillarClient, new_client: Callable[[], PillarClient], admin: Person, code: str
) -> None:
    turn_on(client.sign_in(admin.email))
    other = new_client()
    assert other.submit(other.follow(sign_in(other, admin)), code=code).status == 422
    assert not is_in(other)


def test_half_a_sign_in_lasts_five_minutes(
    client: PillarClient,
    new_client: Callable[[], PillarClient],
    acme: Company,
    admin: Person,
    set_clock: Callable[[str], None],
) -> None:
    seed, _codes = turn_on(client.sign_in(admin.email))
    other = new_client()
    page = other.follow(sign_in(other, admin))
    set_clock("+301s")
    assert other.submit(page, code=next_code(acme, seed)).location == SIGN_IN
    assert not is_in(other)


def test_half_a_sign_in_ends_with_the_password(
    client: PillarClient, new_client: Callable[[], PillarClient], acme: Company, admin: Person
) -> None:
    seed, _codes = turn_on(client.sign_in(admin.email))
    other = new_client()
    page = other.follow(sign_in(other, admin))
    with acme.scope():
        staff.set_password(acme.staff_row(), "another hash")
        db.session.commit()
    assert other.submit(page, code=next_code(acme, seed)).location == SIGN_IN


def test_the_code_page_alone_leads_back(client: PillarClient, acme: Company) -> None:
    assert Page(client.get("/admin/sign-in/code")).location == SIGN_IN


def test_guesses_count_for_the_person(limited: Flask, admin: Person) -> None:
    turn_on(limited.test_client().sign_in(admin.email))
    answers = []
    for n in range(11):
        other = limited.test_client()
        other.environ_base = {"REMOTE_ADDR": f"192.0.2.{n}"}
        answers.append(other.submit(other.follow(sign_in(other, admin)), code="000000").status)
    assert answers == [422] * 10 + [429]


def test_where_codes_are_required_they_come_first(client: PillarClient, acme: Company) -> None:
    with acme.scope() as tenant:
        companies.update_settings(tenant, requires_totp=True)
        db.session.commit()
    client.sign_in(acme.staff[Role.TECHNICIAN].email)
    for path in ("/admin/", "/admin/account/"):
        assert Page(client.get(path)).location == SECURITY
    turn_on(client)
    assert is_in(client)


def test_in_production_admins_need_codes(database: Bed, acme: Company, admin: Person) -> None:
    with database.another_app(env="production", base_url="https://pillar.example") as app:
        boss, office = app.test_client(), app.test_client()
        assert Page(boss.sign_in(admin.email).get("/admin/")).location == SECURITY
        assert is_in(office.sign_in(acme.staff[Role.OFFICE].email))


def test_turning_it_off_takes_the_password(client: PillarClient, acme: Company, admin: Person) -> None:
    turn_on(client.sign_in(admin.email))
    page = client.page(SECURITY)
    refused = client.submit(page, "turn_off", password="wrong password")
    assert refused.error_for("password")
    assert client.submit(page, "turn_off", password=PASSWORD).status == 303
    with acme.scope():
        assert not acme.staff_row().has_totp
        assert db.session.scalar(select(func.count(RecoveryCode.id))) == 0


def test_new_recovery_codes_replace_the_old_ones(
    client: PillarClient, new_client: Callable[[], PillarClient], admin: Person
) -> None:
    _seed, old = turn_on(client.sign_in(admin.email))
    shown = client.submit(client.page(SECURITY), "new_codes", password=PASSWORD)
    new = shown.texts(".codes li")
    assert not set(old) & set(new)
    for code, expected in ((old[0], 422), (new[0], 303)):
        other = new_client()
        assert other.submit(other.follow(sign_in(other, admin)), code=code).status == expected


def test_a_set_up_page_of_another_person_is_refused(
    client: PillarClient, new_client: Callable[[], PillarClient], acme: Company, admin: Person
) -> None:
    other = new_client()
    theirs = other.sign_in(acme.staff[Role.OFFICE].email).page(SECURITY)
    seed = theirs.one("details .code").get_text()
    mine = client.sign_in(admin.email).page(SECURITY).form().filled(code=pyotp.TOTP(seed).now())
    sent = {**mine, "seed": theirs.form().values()["seed"]}
    assert client.post(SECURITY, data=sent).status_code == 422
    with acme.scope():
        assert not acme.staff_row().has_totp


def turn_on(client: PillarClient) -> tuple[str, list[str]]:
    """Set the second step up; the seed and the recovery codes."""
    page = client.page(SECURITY)
    seed = page.one("details .code").get_text()
    shown = client.submit(page, code=pyotp.TOTP(seed).now())
    assert shown.status == 200, shown
    return seed, shown.texts(".codes li")


def next_code(company: Company, seed: str) -> str:
    """A code that was not used yet: the step of the set-up is spent."""
    with company.scope():
        last = db.session.scalars(select(StaffUser.totp_last_step).where(StaffUser.totp_last_step > 0)).one()
    now = int(clock.real_now().timestamp()) // 30
    return pyotp.TOTP(seed).generate_otp(max(last + 1, now))
