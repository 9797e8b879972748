"""The Outbox: every message answers why it did or did not arrive, and in development it is the mailbox."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page as BrowserPage
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import AuditEvent, Message
from pillar.models.message import FailureCategory, MessageStatus
from pillar.permissions import Role
from pillar.services import staff
from pillar.services.failures import explain
from tests.support.browser import axe
from tests.support.cast import PASSWORD, Company
from tests.support.client import PillarClient
from tests.support.mail import Bell, FakeMail, delivered, saved, sent_estimate
from tests.support.office import password_link

S = MessageStatus
SignIn = Callable[..., PillarClient]


@pytest.fixture
def office(acme: Company, signed_in: SignIn) -> PillarClient:
    return signed_in(acme, Role.OFFICE)


def page_of(company: Company, row_id: int) -> str:
    with company.scope():
        return f"/admin/outbox/{db.session.get_one(Message, row_id).public_id}"


def test_the_list_is_newest_first_with_states_and_tabs(
    acme: Company, bell: Bell, office: PillarClient
) -> None:
    saved(acme, dedupe_key="1", subject="First", status=S.SENT)
    saved(acme, dedupe_key="2", subject="Second", status=S.FAILED, failure_category=FailureCategory.ADDRESS)
    saved(acme, dedupe_key="3", subject="Third", status=S.SUPPRESSED)
    page = office.page("/admin/outbox/")
    assert page.texts("tbody a.name") == ["Third", "Second", "First"]
    assert page.texts("tbody .pill") == ["Not sent", "Failed", "Sent"]
    trouble = office.page(page.link("Needs a look"))
    assert trouble.texts("tbody a.name") == ["Second"]


def test_a_message_page_says_what_to_whom_why_and_how_far(
    acme: Company, bell: Bell, office: PillarClient
) -> None:
    with acme.scope():
        estimate = sent_estimate(acme)
        row_id = db.session.scalars(select(Message.id)).one()
        public_id, number = estimate.public_id, estimate.number
        db.session.commit()
    page = office.page(page_of(acme, row_id))
    for words in (
        "Queued",
        "john.mitchell@acme.example",
        "About a document or a visit: Estimate sent",
        number,
    ):
        assert words in page.text
    assert page.link("John Mitchell").startswith("/admin/customers/")
    assert page.link("Open what it is about") == f"/admin/estimates/{public_id}"
    assert "/quote/" in page.link("/quote/")


@pytest.mark.parametrize("category", list(FailureCategory))
def test_each_failure_comes_with_its_way_out(
    acme: Company, bell: Bell, office: PillarClient, category: FailureCategory
) -> None:
    row_id = saved(acme, status=S.FAILED, failure_category=category, failure_detail="SendGrid answered 400")
    text = office.page(page_of(acme, row_id)).text
    assert explain(category).title in text
    assert explain(category).way_out in text
    assert "SendGrid answered 400" in text


def test_the_mail_itself_can_do_nothing_but_be_read(acme: Company, bell: Bell, office: PillarClient) -> None:
    row_id = saved(acme, body_html="<html><head></head><body><script>alert(1)</script>Hi</body></html>")
    page = office.page(page_of(acme, row_id))
    frame = page.one("iframe")
    assert "allow-scripts" not in frame["sandbox"]
    assert "allow-same-origin" not in frame["sandbox"]
    assert "frame-src 'self'" in page.response.headers["Content-Security-Policy"]
    mail = office.get(str(frame["src"]))
    policy = mail.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy
    assert mail.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert mail.headers["Cache-Control"] == "no-store"
    assert '<base target="_blank">' in mail.text
    assert "frame-src" not in office.page("/admin/outbox/").response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("status", [S.FAILED, S.UNKNOWN])
def test_one_click_sends_again(
    acme: Company, bell: Bell, mail: FakeMail, office: PillarClient, status: MessageStatus
) -> None:
    row_id = saved(
        acme,
        status=status,
        failure_category=FailureCategory.PROVIDER if status is S.FAILED else None,
        failure_detail="SendGrid answered 401",
        due_at=None,
        attempts=3,
    )
    bell.calls.clear()
    page = office.submit(office.page(page_of(acme, row_id)), "Send again", follow=True)
    assert "It is queued again." in page.text
    assert [call.row_id for call in bell.calls] == [row_id]
    with acme.scope():
        assert (
            db.session.scalars(select(AuditEvent.action).order_by(AuditEvent.n)).all()[-1]
            == "message.sent_again"
        )
        assert delivered(acme, row_id).status is S.SENT
    assert len(mail.sent) == 1


@pytest.mark.parametrize(
    "values",
    [
        {"status": S.SENT},
        {"status": S.QUEUED},
        {"status": S.FAILED, "failure_category": FailureCategory.ADDRESS, "to_address": "nobody"},
        {"status": S.FAILED, "failure_category": FailureCategory.TEMPLATE, "body_text": ""},
    ],
)
def test_what_cannot_help_is_not_offered_and_refused(
    acme: Company, bell: Bell, office: PillarClient, values: dict[str, object]
) -> None:
    row_id = saved(acme, **values)
    page = office.page(page_of(acme, row_id))
    assert not page.all('form[action$="send-again"]')
    sign_out = page.form('form[action$="sign-out"]')
    assert office.submit(sign_out, to=f"{page.url}/send-again", follow=True).status == 200
    with acme.scope():
        assert db.session.scalars(select(Message.status)).one() is values["status"]


def test_a_reset_mail_is_readable_where_it_is_the_mailbox(
    acme: Company, bell: Bell, mail: FakeMail, office: PillarClient
) -> None:
    mail.keeps_bodies = True
    with acme.scope():
        row_id = staff.send_link(acme.staff_row(Role.MANAGER)).id or 0
        db.session.flush()
        row_id = db.session.scalars(select(Message.id)).one()
        db.session.commit()
        waiting = office.page(page_of(acme, row_id))
        assert "A sign-in message is not kept" in waiting.text
        delivered(acme, row_id)
        db.session.rollback()
    page = office.page(page_of(acme, row_id))
    assert password_link(page.text) == password_link(mail.sent[0].text)


def test_who_may_not_read_messages_sees_none(acme: Company, bell: Bell, signed_in: SignIn) -> None:
    address = page_of(acme, saved(acme))
    technician = signed_in(acme, Role.TECHNICIAN)
    assert "Outbox" not in technician.page("/admin/").text
    for path in ("/admin/outbox/", address, f"{address}/mail"):
        assert technician.get(path).status_code == 403


def test_another_companys_message_is_not_found(
    acme: Company, rival: Company, bell: Bell, signed_in: SignIn
) -> None:
    theirs = page_of(acme, saved(acme, status=S.FAILED, failure_category=FailureCategory.PROVIDER))
    rae = signed_in(rival)
    own = rae.page("/admin/outbox/")
    assert not own.all("tbody tr")
    assert rae.get(theirs).status_code == 404
    assert rae.get(f"{theirs}/mail").status_code == 404
    assert rae.submit(own.form('form[action$="sign-out"]'), to=f"{theirs}/send-again").status == 404


@pytest.mark.browser
@pytest.mark.only_on("sqlite", "what the browser does is the same on both")
def test_links_in_a_mail_open_from_the_outbox(
    acme: Company, bell: Bell, mail: FakeMail, desk: BrowserPage
) -> None:
    with acme.scope():
        sent_estimate(acme)
        row_id = db.session.scalars(select(Message.id)).one()
        db.session.commit()
    address = page_of(acme, row_id)
    db.session.rollback()
    desk.goto("/admin/sign-in")
    desk.get_by_label("Email").fill(acme.staff[Role.OFFICE].email)
    desk.get_by_label("Password").fill(PASSWORD)
    desk.get_by_role("button", name="Sign in").click()
    desk.goto("/admin/outbox/")
    assert axe(desk) == []
    desk.goto(address)
    with desk.expect_popup() as opened:
        desk.frame_locator("iframe.mail").get_by_role("link", name="See my estimate").click()
    opened.value.wait_for_load_state()
    assert "/quote/" in opened.value.url
    assert "Water heater replacement" in opened.value.content()
    assert axe(desk) == []
