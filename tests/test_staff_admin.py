"""Settings > Staff, the person's own account, and the commands that make the first people (FEATURES 9.1)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from pillar import passwords
from pillar.cli import companies as commands
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.audit import AuditEvent
from pillar.models.message import Message
from pillar.models.staff import StaffStatus, StaffUser
from pillar.permissions import Role
from pillar.services import staff
from tests.support.bed import Bed
from tests.support.cast import PASSWORD, Company
from tests.support.client import PillarClient
from tests.support.office import is_in, sign_in
from tests.support.pages import Page

STAFF = "/admin/staff/"
NEW = "four quiet herons walk"


@pytest.fixture
def admin(client: PillarClient, acme: Company) -> PillarClient:
    return client.sign_in(acme.staff[Role.ADMIN].email)


def person(company: Company, email: str) -> StaffUser | None:
    with company.scope():
        return db.session.scalars(select(StaffUser).where(StaffUser.email == email)).one_or_none()


def invite(client: PillarClient, **changes: object) -> Page:
    values = {"name": "Nia New", "email": "nia@acme.example", "roles": ["office"], "own_password": PASSWORD}
    return client.submit(client.page(f"{STAFF}new"), **(values | changes))


def edit_path(company: Company, role: Role) -> str:
    return f"{STAFF}{company.staff[role].public_id}/edit"


def test_the_list_shows_who_works_here(admin: PillarClient, acme: Company) -> None:
    page = admin.page(STAFF)
    for one in acme.staff.values():
        assert one.name in page.text
        assert one.email in page.text
    assert "rival" not in page.text.lower()


def test_an_invitation_makes_a_person_and_a_mail(admin: PillarClient, acme: Company) -> None:
    page = invite(admin)
    assert (page.status, page.location) == (303, STAFF)
    made = person(acme, "nia@acme.example")
    assert made is not None
    assert (made.status, made.roles, made.password_hash) == (StaffStatus.INVITED, ["office"], "")
    with acme.scope():
        mail = db.session.scalars(select(Message)).one()
        assert (mail.template, mail.to_address) == ("staff_invite", "nia@acme.example")
        assert "staff.created" in db.session.scalars(select(AuditEvent.action)).all()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"email": "nobody"}, "email"),
        ({"email": ""}, "email"),
        ({"roles": []}, "roles"),
        ({"own_password": "wrong password"}, "own_password"),
        ({"own_password": ""}, "own_password"),
    ],
)
def test_an_invitation_that_will_not_do(
    admin: PillarClient, acme: Company, changes: dict[str, object], field: str
) -> None:
    page = invite(admin, **changes)
    assert page.status == 422
    assert page.all(f'#errors a[href^="#{field}"]'), page.text
    if "email" not in changes:
        assert page.one('[name="email"]')["value"] == "nia@acme.example"
    assert person(acme, "nia@acme.example") is None


def test_a_taken_address_does_not_say_whose(admin: PillarClient, acme: Company, rival: Company) -> None:
    said = set()
    for email in (acme.staff[Role.OFFICE].email, rival.staff[Role.OFFICE].email.upper()):
        page = invite(admin, email=email)
        assert page.status == 422
        said.add(page.error_for("email"))
    assert len(said) == 1
    assert "Rival" not in said.pop()


def test_no_unknown_role_can_be_given(admin: PillarClient, acme: Company) -> None:
    form = admin.page(f"{STAFF}new").form().filled(name="N", email="n@acme.example", own_password=PASSWORD)
    form.setlist("roles", ["office", "owner"])
    assert admin.post(f"{STAFF}new", data=form).status_code == 422
    assert person(acme, "n@acme.example") is None


def test_roles_change_with_the_next_click(
    admin: PillarClient, acme: Company, new_client: Callable[[], PillarClient]
) -> None:
    office = new_client().sign_in(acme.staff[Role.OFFICE].email)
    assert office.get(STAFF).status_code == 403
    page = admin.page(edit_path(acme, Role.OFFICE))
    assert (
        admin.submit(page.form("form.form"), roles=["admin", "office"], own_password=PASSWORD).status == 303
    )
    assert office.get(STAFF).status_code == 200


def test_changing_roles_takes_the_password(admin: PillarClient, acme: Company) -> None:
    page = admin.page(edit_path(acme, Role.OFFICE))
    refused = admin.submit(page.form("form.form"), roles=["admin"], own_password="wrong password")
    assert refused.error_for("own_password")
    made = person(acme, acme.staff[Role.OFFICE].email)
    assert made is not None
    assert made.roles == ["office"]


def test_the_last_admin_stays(admin: PillarClient, acme: Company) -> None:
    page = admin.page(edit_path(acme, Role.ADMIN))
    refused = admin.submit(page.form("form.form"), roles=["office"], own_password=PASSWORD)
    assert refused.status == 422
    assert "at least one active admin" in refused.text
    disable = page.form('form[action$="/disable"]')
    assert "at least one active admin" in admin.follow(admin.submit(disable)).text
    assert is_in(admin)


def test_two_admins_cannot_disable_each_other(acme: Company, new_client: Callable[[], PillarClient]) -> None:
    with acme.scope():
        staff.change_roles(acme.staff_row(Role.OFFICE), ["admin"])
        db.session.commit()
    posts = []
    for mine, theirs in ((Role.ADMIN, Role.OFFICE), (Role.OFFICE, Role.ADMIN)):
        client = new_client().sign_in(acme.staff[mine].email)
        page = client.page(edit_path(acme, theirs))
        posts.append((client, page.form('form[action$="/disable"]')))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda post: post[0].submit(post[1]), posts))
    with acme.scope():
        admins = db.session.scalars(select(StaffUser).where(StaffUser.status == StaffStatus.ACTIVE)).all()
        assert [one for one in admins if one.has_role(Role.ADMIN)]


def test_disabling_and_letting_in_again(
    admin: PillarClient, acme: Company, new_client: Callable[[], PillarClient]
) -> None:
    office = new_client().sign_in(acme.staff[Role.OFFICE].email)
    page = admin.page(edit_path(acme, Role.OFFICE))
    assert admin.submit(page.form('form[action$="/disable"]')).status == 303
    assert not is_in(office)
    page = admin.page(edit_path(acme, Role.OFFICE))
    assert admin.submit(page.form('form[action$="/enable"]')).status == 303
    assert sign_in(new_client(), acme.staff[Role.OFFICE]).status == 303


def test_a_link_for_somebody_who_forgot(admin: PillarClient, acme: Company) -> None:
    page = admin.page(STAFF)
    path = f"{STAFF}{acme.staff[Role.OFFICE].public_id}/link"
    token = page.form("#row").values()["csrf_token"]
    assert admin.post(path, data={"csrf_token": token}).status_code == 303
    with acme.scope():
        assert db.session.scalars(select(Message.to_address)).all() == [acme.staff[Role.OFFICE].email]


# The person's own account


def test_a_person_changes_name_and_alerts(admin: PillarClient, acme: Company) -> None:
    page = admin.page("/admin/account/")
    saved = admin.submit(page.form("#profile"), name="Ann  \u202eAdmin", alerts_by_email=False)
    assert saved.status == 303
    made = person(acme, acme.staff[Role.ADMIN].email)
    assert made is not None
    assert (made.name, made.alerts_in_app, made.alerts_by_email) == ("Ann Admin", True, False)


def test_a_new_password_signs_out_every_other_browser(
    admin: PillarClient, acme: Company, new_client: Callable[[], PillarClient]
) -> None:
    other = new_client().sign_in(acme.staff[Role.ADMIN].email)
    page = admin.page("/admin/account/")
    form = page.form("#new-password")
    assert admin.submit(form, current="wrong password", password=NEW, again=NEW).error_for("current")
    assert admin.submit(form, current=PASSWORD, password="short", again="short").error_for("password")
    assert admin.submit(form, current=PASSWORD, password=NEW, again=NEW).status == 303
    assert is_in(admin)
    assert not is_in(other)
    assert sign_in(new_client(), acme.staff[Role.ADMIN], NEW).status == 303


@pytest.mark.parametrize("name", ["", "   ", "\x00", "x" * 201])
def test_a_name_that_will_not_do(admin: PillarClient, acme: Company, name: str) -> None:
    page = admin.submit(admin.page("/admin/account/").form("#profile"), name=name)
    assert page.status == 422
    assert page.error_for("name")


# Rules without a browser


def test_a_password_is_kept_as_argon2id_with_our_cost(acme: Company) -> None:
    hashed = passwords.hash_password(NEW)
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert passwords.verify(hashed, NEW)
    assert not passwords.verify(hashed, f"{NEW} ")
    assert not passwords.verify("", NEW)
    assert not passwords.verify("rubbish", NEW)


def test_a_short_password_makes_nobody(acme: Company) -> None:
    with acme.scope(), pytest.raises(RuleViolation):
        staff.create_staff(email="x@acme.example", name="X", roles=["office"], password="ninechars")


# Commands


@pytest.fixture
def run(database: Bed, acme: Company, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.setattr(commands, "create_app", lambda: database.app)

    def run(command: str, *arguments: str, typed: str = "", exit_code: int = 0) -> str:
        db.session.rollback()
        result = CliRunner().invoke(getattr(commands, command), arguments, input=typed)
        assert result.exit_code == exit_code, result.output
        return result.output

    return run


def test_the_first_company_and_its_first_admin(run: Callable[..., str], client: PillarClient) -> None:
    assert "/portal/blue-barn" in run("create_company", "Blue Barn", "--slug", "blue-barn")
    options = ("bea@barn.example", "--company", "blue-barn", "--name", "Bea Barn")
    said = run("create_staff", *options, typed=f"{NEW}\n{NEW}\n")
    assert NEW not in said
    assert "Blue Barn" in client.sign_in("bea@barn.example", NEW).page("/admin/").text
    assert client.page("/portal/blue-barn").status == 200


def test_a_password_may_come_from_a_pipe(run: Callable[..., str], client: PillarClient) -> None:
    options = ("pia@acme.example", "--company", "acme-hvac", "--name", "Pia", "--role", "office")
    run("create_staff", *options, "--password-stdin", typed=f"{NEW}\n")
    client.sign_in("pia@acme.example", NEW)


def test_a_command_can_invite(run: Callable[..., str], acme: Company) -> None:
    run("create_staff", "ivo@acme.example", "--company", "acme-hvac", "--name", "Ivo", "--invite")
    made = person(acme, "ivo@acme.example")
    assert made is not None
    assert (made.status, made.roles) == (StaffStatus.INVITED, ["admin"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("Acme", "--slug", "acme-hvac"), "taken"),
        (("Admin", "--slug", "admin"), "reserved"),
        (("Short", "--slug", "ab"), "3 to 40"),
        (("Loud", "--slug", "Loud"), "small letters"),
        ((" ", "--slug", "no-name"), "name"),
        (("Mars", "--slug", "mars", "--time-zone", "Mars/Olympus"), "time zone"),
        (("Up", "--slug", "upward", "--time-zone", "../etc/passwd"), "time zone"),
    ],
)
def test_a_company_that_will_not_do(
    run: Callable[..., str], arguments: tuple[str, ...], sentence: str
) -> None:
    assert sentence in run("create_company", *arguments, exit_code=1)


@pytest.mark.parametrize(
    ("email", "slug", "typed", "sentence"),
    [
        ("x@acme.example", "nobody-here", NEW, "no company"),
        ("admin@rival.example", "acme-hvac", NEW, "cannot be used"),
        ("x@acme.example", "acme-hvac", "short", "at least 10"),
        ("no address", "acme-hvac", NEW, "email address"),
    ],
)
def test_a_person_that_will_not_do(
    run: Callable[..., str], email: str, slug: str, typed: str, sentence: str
) -> None:
    options = ("--company", slug, "--name", "X", "--password-stdin")
    assert sentence in run("create_staff", email, *options, typed=f"{typed}\n", exit_code=1)
