"""What a customer answers beside signing (2.7, 1.12): kept, told to the office, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import AuditEvent, Estimate, EstimateReply, Message, Notification
from pillar.permissions import Permission, Role, granted
from pillar.services import estimates
from tests.support import choices
from tests.support import estimates as making
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.office import limits_on
from tests.support.pages import Page

OFFICE = [role for role in Role if Permission.ESTIMATE_WRITE in granted([role.value])]


@pytest.fixture
def token(database: Bed, acme: Company) -> str:
    """The link of a sent estimate."""
    return database.stage("sent", lambda: making.make_sent(acme))


def ask(client: PillarClient, page: Page, press: str = "Ask a question", **typed: Any) -> Page:
    form = page.form("#ask form")
    return client.submit(form, press, **{"message": "Is the old tank hauled away?", **typed})


def decline(client: PillarClient, page: Page, **typed: Any) -> Page:
    return client.submit(page.form("#decline form"), **typed)


def replies(company: Company) -> list[dict[str, Any]]:
    with company.scope():
        return [
            {
                "kind": row.kind.value,
                "line": row.line_text,
                "reason": row.reason and row.reason.value,
                "body": row.body,
                "name": row.name,
            }
            for row in db.session.scalars(select(EstimateReply).order_by(EstimateReply.id))
        ]


def status(company: Company) -> str:
    with company.scope():
        return db.session.scalars(select(Estimate)).one().status.value


def told(company: Company) -> tuple[int, int]:
    """How many alerts and mails about replies there are."""
    with company.scope():
        alerts = db.session.scalars(select(Notification.kind)).all()
        mails = db.session.scalars(select(Message).where(Message.template == "estimate_reply_office")).all()
        return len([kind for kind in alerts if kind != "estimate_accepted"]), len(mails)


def timeline(company: Company, office: PillarClient) -> str:
    with company.scope():
        public_id = db.session.scalars(select(Estimate.public_id)).one()
    return office.page(f"/admin/estimates/{public_id}").text


def test_a_question_is_kept_and_the_office_told_once(
    acme: Company, client: PillarClient, token: str, signed_in: Callable[..., PillarClient]
) -> None:
    page = client.page(f"/quote/{token}")
    for _double_click in range(2):
        sent = ask(client, page)
        assert sent.location == f"/quote/{token}"
    assert "We have your question. You hear from us soon." in client.follow(sent).text
    assert replies(acme) == [
        {
            "kind": "question",
            "line": "",
            "reason": None,
            "body": "Is the old tank hauled away?",
            "name": "John Mitchell",
        }
    ]
    assert status(acme) == "sent"
    assert told(acme) == (len(OFFICE), len(OFFICE))
    with acme.scope():
        mail = db.session.scalars(select(Message).where(Message.template == "estimate_reply_office")).first()
        assert mail is not None
        assert mail.subject == "John Mitchell asked about EST-2026-00001, Water heater replacement"
        for body in (mail.body_text, mail.body_html):
            assert "Is the old tank hauled away?" in body
            assert "/admin/estimates/" in body
    shown = timeline(acme, signed_in(acme, Role.OFFICE))
    assert "Is the old tank hauled away?" in shown
    assert "A question by John Mitchell" in shown


def test_a_question_about_one_line(acme: Company, client: PillarClient) -> None:
    token = choices.make(acme)
    page = choices.choose(client, token, option="1", addon=[choices.SENSOR])
    options = [tag.get_text() for tag in page.all("#about_line option")]
    assert options == ["The whole estimate", "Gas tank", "Labor", "Leak sensor", "Haul away"]
    sent = ask(client, page, about_line="addon.1")
    assert sorted(sent.location.partition("?")[2].split("&")) == ["addon=1", "option=1"]
    assert replies(acme)[0]["line"] == "Leak sensor"


@pytest.mark.parametrize("key", ["9.1", "1.9", "addon.9", "addon", "-1", "1.1.1", "estimate_line:1"])
def test_a_line_that_is_not_there_is_refused(
    acme: Company, client: PillarClient, token: str, key: str
) -> None:
    page = client.page(f"/quote/{token}")
    sent = page.form("#ask form").filled(message="What is this?")
    sent["about_line"] = key
    answer = Page(client.post(f"/quote/{token}/questions", data=sent, headers={"Referer": page.url}))
    assert answer.status == 422
    assert "Choose one of the lines on this page." in answer.text
    assert "What is this?" in answer.one("#message").get_text()
    assert replies(acme) == []


def test_asking_again_with_other_words_is_another_question(
    acme: Company, client: PillarClient, token: str
) -> None:
    page = client.page(f"/quote/{token}")
    ask(client, page)
    ask(client, page, message="And the pipes?")
    ask(client, client.page(f"/quote/{token}"), message="And the pipes?")
    assert [reply["body"] for reply in replies(acme)] == [
        "Is the old tank hauled away?",
        "And the pipes?",
        "And the pipes?",
    ]


def test_changes_are_asked_for_and_it_can_still_be_signed(
    acme: Company, client: PillarClient, token: str, signed_in: Callable[..., PillarClient]
) -> None:
    sent = ask(
        client, client.page(f"/quote/{token}"), "Request a change", message="Without the permit, please."
    )
    assert status(acme) == "changes_requested"
    page = client.follow(sent)
    assert "Changes requested" in page.text
    assert "We know what you want to have changed." in page.text
    assert told(acme) == (len(OFFICE), len(OFFICE))
    shown = timeline(acme, signed_in(acme, Role.OFFICE))
    assert "Without the permit, please." in shown
    # Once more, then signed as it is.
    ask(client, page, "Request a change", message="Or with it.")
    assert status(acme) == "changes_requested"
    assert making.approve(client, token).status == 303
    assert status(acme) == "accepted"


def test_no_with_a_reason(
    acme: Company, client: PillarClient, token: str, signed_in: Callable[..., PillarClient]
) -> None:
    page = client.page(f"/quote/{token}")
    for _double_click in range(2):
        sent = decline(client, page, reason="price", words="Maybe next year.")
        assert sent.status == 303
    assert status(acme) == "declined"
    with acme.scope():
        estimate = db.session.scalars(select(Estimate)).one()
        assert estimate.decline_reason == "It costs more than I planned. Maybe next year."
        events = list(db.session.scalars(select(AuditEvent.action)))
        assert events.count("estimate.declined") == 1
    assert told(acme) == (len(OFFICE), len(OFFICE))
    shown = client.follow(sent)
    assert "We noted that you do not want to go ahead." in shown.text
    assert "This estimate was declined." in shown.text
    assert not shown.all("#sign, #ask, #decline")
    assert "Maybe next year." in timeline(acme, signed_in(acme, Role.OFFICE))


def test_no_without_a_reason_is_fine_too(acme: Company, client: PillarClient, token: str) -> None:
    assert decline(client, client.page(f"/quote/{token}")).status == 303
    assert replies(acme)[0]["reason"] is None
    assert status(acme) == "declined"


@pytest.mark.parametrize(
    ("path", "typed", "field", "sentence"),
    [
        ("questions", {"message": "  "}, "message", "Write your question."),
        ("changes", {"message": ""}, "message", "Write what you would like to have changed."),
        ("questions", {"message": "x" * 2_001}, "message", "Use at most 2000 characters."),
        ("questions", {"message": "Why?", "asker": "N" * 121}, "asker", "Use at most 120 characters."),
        (
            "decline",
            {"reason": "because", "words": "No thanks"},
            "reason",
            "Choose one of the reasons, or none.",
        ),
        ("decline", {"words": "x" * 3_000}, "words", "Use at most 2000 characters."),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_kept(
    acme: Company,
    client: PillarClient,
    token: str,
    path: str,
    typed: dict[str, str],
    field: str,
    sentence: str,
) -> None:
    page = client.page(f"/quote/{token}")
    sent = page.form("#decline form" if path == "decline" else "#ask form").values()
    for name, value in typed.items():
        sent[name] = value
    answer = Page(client.post(f"/quote/{token}/{path}", data=sent, headers={"Referer": page.url}))
    assert answer.status == 422
    assert answer.link(sentence) == f"#{field}"
    assert answer.all(f"[id={field}]")
    assert answer.one("details[open]")["id"] == ("decline" if path == "decline" else "ask")
    for name, value in typed.items():
        if name != "reason":
            assert value.strip() in answer.one(f"[name={name}]").get(
                "value", answer.one(f"[name={name}]").text
            )
    assert replies(acme) == []
    assert status(acme) == "sent"


def test_what_is_typed_is_only_text(
    acme: Company, client: PillarClient, token: str, signed_in: Callable[..., PillarClient]
) -> None:
    words = "<script>alert(1)</script> {{ESTIMATE_LINK}}\r\nSecond \u202eline\0"
    ask(client, client.page(f"/quote/{token}"), message=words, asker="Eve\r\nBcc: all@example.com <b>")
    reply = replies(acme)[0]
    assert reply["body"] == "<script>alert(1)</script> {{ESTIMATE_LINK}}\nSecond line"
    assert reply["name"] == "Eve Bcc: all@example.com <b>"
    with acme.scope():
        for mail in db.session.scalars(select(Message).where(Message.template == "estimate_reply_office")):
            assert "\n" not in mail.subject
            assert "<script" not in mail.body_html
            assert "{{ESTIMATE_LINK}}" in mail.body_html
    assert "<script>alert" not in signed_in(acme, Role.OFFICE).page("/admin/").html
    with acme.scope():
        public_id = db.session.scalars(select(Estimate.public_id)).one()
    assert "<script>alert" not in signed_in(acme, Role.OFFICE).page(f"/admin/estimates/{public_id}").html


CLOSED: dict[str, Callable[[Estimate], object]] = {
    "declined": lambda estimate: estimates.decline_estimate(estimate, ""),
    "expired": lambda estimate: estimate.expire(),
    "withdrawn": estimates.withdraw_estimate,
}


@pytest.mark.parametrize("closed", CLOSED)
@pytest.mark.parametrize("path", ["questions", "changes", "decline"])
def test_a_closed_estimate_takes_no_answer(
    acme: Company, client: PillarClient, token: str, closed: str, path: str
) -> None:
    page = client.page(f"/quote/{token}")
    with acme.scope():
        CLOSED[closed](db.session.scalars(select(Estimate)).one())
        db.session.commit()
    form = page.form("#decline form" if path == "decline" else "#ask form")
    values = {} if path == "decline" else {"message": "Why?"}
    answer = client.submit(form, to=f"/quote/{token}/{path}", **values)
    assert answer.status == 422
    assert not answer.all("#sign")
    assert status(acme) == closed
    assert replies(acme) == []


def test_another_revision_is_shown_before_it_is_declined(
    acme: Company, client: PillarClient, token: str
) -> None:
    page = client.page(f"/quote/{token}")
    with acme.scope() as tenant:
        estimate = db.session.scalars(select(Estimate)).one()
        estimates.start_revision(estimate).change_note = "One hour less."
        estimates.send_estimate(tenant, estimate)
        db.session.commit()
    answer = decline(client, page, words="Too late")
    assert answer.status == 409
    assert "We changed this estimate while you had it open." in answer.text
    assert status(acme) == "sent"
    assert "Too late" in answer.one("#words").get_text()
    assert decline(client, answer).status == 303
    assert status(acme) == "declined"


def test_an_expired_one_asks_for_an_update(
    acme: Company,
    client: PillarClient,
    set_clock: Callable[[str], None],
    signed_in: Callable[..., PillarClient],
) -> None:
    token = making.make_sent(acme)
    set_clock("+40d")
    page = client.page(f"/quote/{token}")
    assert "past its last day" in page.text
    assert not page.all("#sign, #ask")
    for _double_click in range(2):
        sent = client.submit(page.form("#update"))
        assert sent.status == 303
    after = client.follow(sent)
    assert "You get a new estimate, or a call." in after.text
    assert not after.all("#update")
    assert "You asked us for an update." in client.page(f"/quote/{token}").text
    assert [reply["kind"] for reply in replies(acme)] == ["update"]
    assert told(acme) == (len(OFFICE), len(OFFICE))
    assert "An update wanted" in timeline(acme, signed_in(acme, Role.OFFICE))
    # The office gives it more days; when those are over too, one may ask again.
    with acme.scope() as tenant:
        estimate = db.session.scalars(select(Estimate)).one()
        estimates.extend_estimate(tenant, estimate, tenant.today())
        db.session.commit()
    assert client.page(f"/quote/{token}").all("#sign")
    assert client.submit(page.form("#update")).status == 303


def test_somebody_changes_their_mind(acme: Company, client: PillarClient, token: str) -> None:
    declined = client.follow(decline(client, client.page(f"/quote/{token}")))
    form = declined.form("#update")
    assert form.button("I changed my mind") is not None
    assert client.submit(form).status == 303
    assert [reply["kind"] for reply in replies(acme)] == ["decline", "update"]
    assert status(acme) == "declined"


@pytest.mark.parametrize("closed", ["withdrawn"])
def test_what_was_taken_back_offers_nothing(
    acme: Company, client: PillarClient, token: str, closed: str
) -> None:
    with acme.scope():
        CLOSED[closed](db.session.scalars(select(Estimate)).one())
        db.session.commit()
    assert not client.page(f"/quote/{token}").all("main form")


def test_an_open_one_needs_no_update(acme: Company, client: PillarClient, token: str) -> None:
    page = client.page(f"/quote/{token}")
    sent = page.form("#decline form").values()
    answer = client.post(f"/quote/{token}/update", data=sent, headers={"Referer": page.url})
    assert answer.status_code == 409
    assert replies(acme) == []


def test_the_office_tries_it_out_and_nobody_is_told(
    acme: Company, token: str, signed_in: Callable[..., PillarClient]
) -> None:
    office = signed_in(acme, Role.OFFICE)
    presses: list[Callable[[Page], Page]] = [
        lambda page: ask(office, page),
        lambda page: ask(office, page, "Request a change"),
        lambda page: decline(office, page, reason="price"),
    ]
    for press in presses:
        answer = press(office.page(f"/quote/{token}"))
        assert answer.status == 303
        assert "This is a preview, so nothing was sent." in office.follow(answer).text
    assert replies(acme) == []
    assert told(acme) == (0, 0)
    assert status(acme) == "sent"


def test_staff_who_want_no_alerts_get_none(acme: Company, client: PillarClient, token: str) -> None:
    with acme.scope():
        for role in Role:
            person = acme.staff_row(role)
            person.alerts_by_email, person.alerts_in_app = False, role is Role.ADMIN
        db.session.commit()
    ask(client, client.page(f"/quote/{token}"))
    assert told(acme) == (1, 0)


def test_a_form_takes_five_a_minute(database: Bed, acme: Company) -> None:
    token = making.make_sent(acme)
    with limits_on(database) as app:
        visitor: PillarClient = app.test_client()  # type: ignore[assignment]
        answers = [
            ask(visitor, visitor.page(f"/quote/{token}"), message=f"Question {n}").status for n in range(6)
        ]
        assert answers == [303] * 5 + [429]
        # Another form is not held up by it.
        assert decline(visitor, visitor.page(f"/quote/{token}")).status == 303


def test_another_companys_link_is_not_reached(rival: Company, client: PillarClient, acme: Company) -> None:
    theirs = making.make_sent(rival)
    ask(client, client.page(f"/quote/{theirs}"))
    assert replies(acme) == []
    assert len(replies(rival)) == 1
