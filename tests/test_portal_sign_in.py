"""After the door: sessions, where `next=` may lead, and passwords (1.6, 1.7; SAFETY: Sessions and roles)."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from sqlalchemy import select

from pillar import one_time_code
from pillar.extensions import db
from pillar.models import PortalSession
from pillar.models.customer import PortalAccess
from pillar.passwords import hash_password
from pillar.portal.way_back import own_page
from pillar.services import portal_passwords
from tests.support.cast import PASSWORD, Company, cheap_hash
from tests.support.client import PillarClient
from tests.support.front_door import (
    KNOWN,
    asked,
    bare,
    cookie_of,
    is_in,
    opened,
    senders_live,
    sessions,
    statements,
    take_over,
)
from tests.support.furnished import writing
from tests.support.mail import FakeMail
from tests.support.pages import Page

NewClient = Callable[[], PillarClient]


@pytest.fixture(autouse=True)
def _senders(acme: Company) -> None:
    senders_live()


# Sessions


def test_a_session_is_new_and_cannot_be_planted(client: PillarClient, acme: Company, mail: FakeMail) -> None:
    take_over(client, "pillar-customer", "planted-by-somebody-else-0123456789abcdefghi")
    sent = asked(client, acme, mail)
    before = str(client.page(f"/portal/{acme.slug}/sign-in").all("[name=csrf_token]")[0]["value"])
    client.submit(opened(client, sent))
    assert not cookie_of(client, "pillar-customer").startswith("planted")
    stale = client.post(f"/portal/{acme.slug}/sign-out", data={"csrf_token": before})
    assert stale.status_code == 400
    assert is_in(client, acme)


def test_what_was_signed_out_cannot_be_replayed(
    client: PillarClient, new_client: NewClient, acme: Company, rival: Company, mail: FakeMail
) -> None:
    client.submit(opened(client, asked(client, acme, mail)))
    thief = new_client()
    take_over(thief, "pillar-customer", cookie_of(client, "pillar-customer"))
    assert is_in(thief, acme)
    assert not is_in(thief, rival), "another slug is anonymous"
    token = client.page(f"/portal/{acme.slug}/estimates").all("[name=csrf_token]")[0]["value"]
    assert client.post(f"/portal/{acme.slug}/sign-out", data={"csrf_token": token}).status_code == 303
    assert not is_in(client, acme)
    assert not is_in(thief, acme)
    assert thief.get(f"/portal/{acme.slug}/estimates").location.startswith(
        f"/portal/{acme.slug}/sign-in?next="
    )


@pytest.mark.parametrize(
    ("moved", "used", "works"), [("+6d", "", True), ("+169h", "", False), ("+31d", "6d", False)]
)
def test_a_session_ends(
    client: PillarClient, acme: Company, mail: FakeMail, set_clock: Callable[[str], None],
    moved: str, used: str, works: bool,
) -> None:  # fmt: skip
    client.submit(opened(client, asked(client, acme, mail)))
    for day in range(6, 30, 6) if used else ():
        set_clock(f"+{day}d")
        assert is_in(client, acme)
    set_clock(moved)
    assert is_in(client, acme) is works


def test_whoever_is_in_goes_on(client: PillarClient, acme: Company, mail: FakeMail) -> None:
    door = f"/portal/{acme.slug}/sign-in"
    assert client.page(f"/portal/{acme.slug}/profile", status=303).location.startswith(f"{door}?next=")
    sent = asked(client, acme, mail, next=f"/portal/{acme.slug}/profile")
    assert client.submit(opened(client, sent)).location == f"/portal/{acme.slug}/profile"
    assert client.page(door, status=303).location == f"/portal/{acme.slug}/estimates"
    onward = client.get(door, query_string={"next": f"/portal/{acme.slug}/profile"})
    assert onward.location == f"/portal/{acme.slug}/profile"


# Where next= may lead

PORTAL = "/portal/acme-hvac"
OWN = [
    "/estimates",
    "/estimates?page=2&sort=a",
    "/profile",
    "/estimates/abc-_123",
    "/estimates/x.pdf",
    "/home?x=%20",
]
HOSTILE = [
    "", "/", "//", "///", "http://evil.example", "https://evil.example/portal/acme-hvac/", "//evil.example",
    "///evil.example", "////evil.example", "/\\evil.example",
    "\\\\evil.example", "\\/evil.example", "/%5cevil.example",
    "/%2f%2fevil.example", "javascript:alert(1)", "JaVaScRiPt:alert(1)",
    "data:text/html,x", "vbscript:x", "mailto:a@b",
    " //evil.example", "\t//evil.example", "\n//evil.example",
    "/\t/evil.example", "/\n/evil.example", "/\r\nSet-Cookie:a=b",
    "/admin/", "/portal/rival-air/estimates",
    "/portal/acme-hvac-evil/estimates", "/portal/acme-hvac.evil.example",
    "/portal/acme-hvac@evil.example", "/portal/acme-hvacs",
    "/portal/ACME-HVAC/estimates", "portal/acme-hvac/estimates",
    f"{PORTAL}//evil.example", f"{PORTAL}/../../admin/", f"{PORTAL}/..", f"{PORTAL}/../rival-air/estimates",
    f"{PORTAL}/%2e%2e/%2e%2e/admin", f"{PORTAL}/.%2e/x",
    f"{PORTAL}/%2E./x", f"{PORTAL}/./x", f"{PORTAL}/a/../../x",
    f"{PORTAL}/\\evil.example", f"{PORTAL}/%5c%5cevil.example",
    f"{PORTAL}/x\\..\\y", f"{PORTAL}/x#//evil.example",
    f"{PORTAL}/x\r\nLocation: http://evil.example", f"{PORTAL}/x\n",
    f"{PORTAL}/\0", f"{PORTAL}/%00", f"{PORTAL}/x%0d%0ay",
    f"{PORTAL}/\u2025/x", f"{PORTAL}/\uff0e\uff0e/x",
    f"{PORTAL}/\u202ex", f"{PORTAL}/x;y", f"{PORTAL}/x?u=//evil.example",
    f"{PORTAL}/x?a=<script>", f"{PORTAL}/x'\"",
    f"{PORTAL}/sign-in", f"{PORTAL}/sign-in?next={PORTAL}/sign-in",
    f"{PORTAL}/sign-in/link", f"{PORTAL}/sign-out",
    f"{PORTAL}/sign-out-everywhere", f"{PORTAL}/sent", f"{PORTAL}",
    f"{PORTAL}/{'x' * 500}", "http:/portal/acme-hvac/estimates",
    "http:portal/acme-hvac/estimates", "?next=//evil.example",
]  # fmt: skip


def test_hostile_targets_stay_at_home(client: PillarClient, acme: Company) -> None:
    assert len(HOSTILE) >= 60
    assert acme.slug == "acme-hvac"
    for rest in OWN:
        assert own_page(PORTAL + rest, PORTAL) == PORTAL + rest
    for target in HOSTILE:
        assert own_page(target, PORTAL) == "", target


def test_hostile_targets_stay_at_home_to_the_end(client: PillarClient, acme: Company) -> None:
    """Through the address, the form and the signed cookie, to where the browser is sent."""
    with writing(), acme.scope():
        portal_passwords.set_password(acme.contact_row(), cheap_hash())
    for target in HOSTILE[::3]:
        visitor = client.application.test_client()
        page = Page(visitor.get(f"{PORTAL}/sign-in", query_string={"next": target}))
        form = page.form("form:has([name=password])")
        assert "evil" not in form.action
        posted = visitor.post(
            f"{PORTAL}/sign-in/password", query_string={"next": target},
            data=form.filled(email=KNOWN, password=PASSWORD),
        )  # fmt: skip
        assert (posted.status_code, posted.location) == (303, f"{PORTAL}/estimates"), target


# Passwords


@pytest.fixture
def with_password(acme: Company) -> None:
    """John set one."""
    with writing(), acme.scope():
        portal_passwords.set_password(acme.contact_row(), cheap_hash())


def with_pass(client: PillarClient, company: Company, email: str, password: str) -> Page:
    page = client.page(f"/portal/{company.slug}/sign-in")
    return client.submit(page.form("form:has([name=password])"), email=email, password=password)


def test_a_password_opens(client: PillarClient, acme: Company, with_password: None) -> None:
    answer = with_pass(client, acme, " JOHN.Mitchell@acme.example", PASSWORD)
    assert answer.location == f"/portal/{acme.slug}/estimates"
    assert is_in(client, acme)


def test_one_sentence_and_one_work_for_every_wrong_password(
    new_client: NewClient, acme: Company, rival: Company, with_password: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []

    def no(hashed: str, _password: str) -> bool:
        checked.append(hashed)
        return False

    monkeypatch.setattr("pillar.passwords.verify", no)
    answers, done = set(), set()
    for email in (KNOWN, "nobody@acme.example", rival.contact.email, "no address"):
        client = new_client()
        client.page(f"/portal/{acme.slug}/sign-in")
        with statements() as seen:
            page = with_pass(client, acme, email, "wrong")
        answers.add(repr(bare(page, email)))
        done.add(tuple(seen))
        assert page.one("[name=email]")["value"] == email
    assert len(answers) == len(done) == 1
    assert len(checked) == 4


def test_without_a_password_none_opens(client: PillarClient, acme: Company, with_password: None) -> None:
    for password in ("", "x", PASSWORD + "x"):
        assert with_pass(client, acme, KNOWN, password).status == 422
    with writing(), acme.scope():
        portal_passwords.remove_password(acme.contact_row())
    for password in ("", PASSWORD):
        assert with_pass(client, acme, KNOWN, password).status == 422
    with writing(), acme.scope():
        contact = acme.contact_row()
        contact.password_hash, contact.portal_access = hash_password(PASSWORD), PortalAccess.NONE
    assert with_pass(client, acme, KNOWN, PASSWORD).status == 422
    assert sessions(acme) == 0


def test_reading_codes() -> None:
    for _ in range(50):
        code = one_time_code.new_code()
        assert one_time_code.read(one_time_code.shown(code).lower()) == code
    for typed in ("", "ABC", "ABCD-EFG", "ABCD-EFGHJ", "ABCD-EFGU", "ÄBCD-EFGH", "٣٣٣٣٣٣٣٣", "\0" * 8):
        assert one_time_code.read(typed) == ""


def test_sessions_are_rows_of_hashes(client: PillarClient, acme: Company, mail: FakeMail) -> None:
    client.submit(opened(client, asked(client, acme, mail)))
    with acme.scope():
        row = db.session.scalars(select(PortalSession)).one()
        assert re.fullmatch(r"[0-9a-f]{64}", row.token_hash)
