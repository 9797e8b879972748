"""What SendGrid tells us: batches of events, signed, in any order, some of them twice, of several companies."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import ConsentRecord, Message, StrayWebhook, Suppression, WebhookEvent
from pillar.models.consent import ConsentAction, SuppressionReason
from pillar.models.message import Channel, FailureCategory, MessageStatus, Purpose
from pillar.services import consent
from tests.support.cast import Company
from tests.support.mail import Bell, saved
from tests.support.texts import MAIL_KEY, Hooks, MailKey, apply_all, outcomes

S, R = MessageStatus, SuppressionReason


def sent_mail(company: Company, state: MessageStatus = S.SENT, **values: Any) -> dict[str, str]:
    """A mail that SendGrid took; what its events say about it."""
    to = company.contact.email
    row_id = saved(company, status=state, provider_id="x-message", due_at=None, to_address=to, **values)
    with company.scope():
        public_id = db.session.get_one(Message, row_id).public_id
        db.session.rollback()
    return {"email": to, "message_id": public_id, "tenant_id": company.public_id}


def event(about: dict[str, str], kind: str, number: str = "", **more: Any) -> dict[str, Any]:
    """One event as SendGrid writes it."""
    return {
        **about,
        "event": kind,
        "timestamp": int(time.time()),
        "sg_event_id": f"{kind}-{number or about['message_id']}",
        "sg_message_id": "x-message.recvd-1.0",
        "smtp-id": "<x@ismtpd>",
        "new_field": {"score": 0.5},
        **more,
    }


def mail_of(company: Company) -> Message:
    with company.scope():
        return db.session.scalars(select(Message)).one()


def suppressions(company: Company) -> list[tuple[str, SuppressionReason]]:
    with company.scope():
        return [(row.address, row.reason) for row in db.session.scalars(select(Suppression))]


@pytest.mark.parametrize(
    ("kinds", "end"),
    [
        (["processed", "delivered", "open"], S.OPENED),
        (["open", "delivered", "processed"], S.OPENED),
        (["delivered", "deferred"], S.DELIVERED),
        (["click"], S.OPENED),
        (["bounce", "delivered"], S.BOUNCED),
        (["delivered", "bounce"], S.DELIVERED),
        (["something new"], S.SENT),
    ],
)
def test_states_only_rise(
    acme: Company, bell: Bell, hooks: Hooks, kinds: list[str], end: MessageStatus
) -> None:
    about = sent_mail(acme)
    assert hooks.sendgrid([event(about, kind) for kind in kinds]).status_code == 200
    apply_all(acme)
    assert mail_of(acme).status is end


def test_a_machine_that_opens_is_no_reader(acme: Company, bell: Bell, hooks: Hooks) -> None:
    about = sent_mail(acme)
    hooks.sendgrid([event(about, "open", sg_machine_open=True)])
    assert apply_all(acme) == [("open", "no_effect")]


@pytest.mark.parametrize(
    ("kind", "more", "state", "category", "reason"),
    [
        ("bounce", {"type": "bounce", "reason": "550"}, S.BOUNCED, FailureCategory.ADDRESS, R.BOUNCED),
        ("bounce", {"type": "blocked", "reason": "full"}, S.BOUNCED, FailureCategory.ADDRESS, None),
        ("dropped", {"reason": "Bounced Address"}, S.FAILED, FailureCategory.ADDRESS, R.BOUNCED),
        ("dropped", {"reason": "Spam Reporting Address"}, S.FAILED, FailureCategory.CONSENT, R.SPAM_REPORT),
        ("dropped", {"reason": "Unsubscribed Address"}, S.FAILED, FailureCategory.CONSENT, R.UNSUBSCRIBED),
        ("dropped", {"reason": "Spam Content"}, S.FAILED, FailureCategory.PROVIDER, None),
        ("spamreport", {}, S.SENT, None, R.SPAM_REPORT),
        ("unsubscribe", {}, S.SENT, None, R.UNSUBSCRIBED),
        ("group_unsubscribe", {"asm_group_id": 1}, S.SENT, None, R.UNSUBSCRIBED),
    ],
)
def test_what_comes_back_suppresses_the_address(
    acme: Company,
    bell: Bell,
    hooks: Hooks,
    kind: str,
    more: dict[str, Any],
    state: MessageStatus,
    category: FailureCategory | None,
    reason: SuppressionReason | None,
) -> None:
    about = sent_mail(acme)
    hooks.sendgrid([event(about, kind, **more), event(about, kind, "again", **more)])
    apply_all(acme)
    message = mail_of(acme)
    assert (message.status, message.failure_category) == (state, category)
    assert suppressions(acme) == ([(about["email"], reason)] if reason else [])


def test_a_spam_report_and_an_unsubscribe_are_on_record(acme: Company, bell: Bell, hooks: Hooks) -> None:
    about = sent_mail(acme)
    with acme.scope():
        consent.agree(
            about["email"], Channel.EMAIL, Purpose.MARKETING, consent.Said(consent.ConsentSource.FORM)
        )
        db.session.commit()
    hooks.sendgrid([event(about, "unsubscribe")])
    apply_all(acme)
    with acme.scope():
        last = db.session.scalars(select(ConsentRecord).order_by(ConsentRecord.id.desc())).first()
        assert last is not None
        assert (last.action, last.purpose) == (ConsentAction.REVOKED, Purpose.MARKETING)
        assert consent.may_mail(about["email"]) is None
        assert consent.may_mail(about["email"], Purpose.MARKETING) is not None


def test_one_batch_of_two_companies(acme: Company, rival: Company, bell: Bell, hooks: Hooks) -> None:
    ours, theirs = sent_mail(acme), sent_mail(rival)
    # Our company with their message belongs to nobody.
    mixed = {**ours, "message_id": theirs["message_id"]}
    nobody = {"email": "x@y.example", "message_id": "", "tenant_id": ""}
    batch = [
        event(ours, "delivered"),
        event(theirs, "open"),
        event(mixed, "bounce"),
        event(nobody, "open", "n"),
    ]
    assert hooks.sendgrid(batch).status_code == 200
    assert apply_all(acme) == [("delivered", "applied")]
    assert apply_all(rival) == [("open", "applied")]
    assert [row.kind for row in db.session.scalars(select(StrayWebhook).order_by(StrayWebhook.id))] == [
        "bounce",
        "open",
    ]
    assert mail_of(acme).status is S.DELIVERED
    assert mail_of(rival).status is S.OPENED


def test_a_replay_has_no_second_effect(acme: Company, bell: Bell, hooks: Hooks) -> None:
    about = sent_mail(acme)
    batch = [event(about, "spamreport"), event(about, "spamreport"), event(about, "delivered")]
    for _ in range(3):
        assert hooks.sendgrid(batch).status_code == 200
        apply_all(acme)
    assert outcomes(acme) == [("spamreport", "applied"), ("delivered", "applied")]
    with acme.scope():
        assert len(db.session.scalars(select(ConsentRecord)).all()) == 1


def test_an_event_without_a_name_is_named_by_what_it_says(acme: Company, bell: Bell, hooks: Hooks) -> None:
    about = sent_mail(acme)
    nameless = event(about, "delivered") | {"sg_event_id": None}
    hooks.sendgrid([nameless, nameless])
    assert outcomes(acme) == [("delivered", "waiting")]


def test_an_event_about_another_address_is_shown_and_not_applied(
    acme: Company, bell: Bell, hooks: Hooks
) -> None:
    about = sent_mail(acme) | {"email": "someone.else@acme.example"}
    hooks.sendgrid([event(about, "bounce", type="bounce")])
    assert apply_all(acme) == [("bounce", "unknown")]
    assert suppressions(acme) == []


# Forged


def test_what_is_not_signed_is_refused(acme: Company, bell: Bell, hooks: Hooks) -> None:
    batch = [event(sent_mail(acme), "delivered")]
    for signature in ("", "x", "é", "AAAA", MailKey().sign(str(int(time.time())), b"[]")):
        assert hooks.sendgrid(batch, signature=signature).status_code == 403
    assert outcomes(acme) == []


@pytest.mark.parametrize("age", [-301, 301, -86_400])
def test_an_old_signature_is_refused(acme: Company, bell: Bell, hooks: Hooks, age: int) -> None:
    batch = [event(sent_mail(acme), "delivered")]
    assert hooks.sendgrid(batch, at=time.time() + age).status_code == 403
    assert hooks.sendgrid(batch, at=time.time() + age * 0.9 if abs(age) < 400 else None).status_code == 200


@pytest.mark.parametrize("timestamp", ["", "now", "-1", "1" * 40, "１２３"])
def test_a_time_that_is_none_is_refused(bell: Bell, hooks: Hooks, timestamp: str) -> None:
    answer = hooks.client.post(
        "/webhooks/sendgrid",
        data=b"[]",
        headers={
            "X-Twilio-Email-Event-Webhook-Signature": MAIL_KEY.sign(timestamp, b"[]"),
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp.encode().decode("latin-1"),
        },
    )
    assert answer.status_code == 403


def test_the_raw_body_is_what_is_signed(acme: Company, bell: Bell, hooks: Hooks) -> None:
    body = b'[ {"event" : "x\\u0000", "sg_event_id":"1"} ]\r\n'
    assert hooks.sendgrid(None, body=body).status_code == 200
    timestamp = str(int(time.time()))
    signature = MAIL_KEY.sign(timestamp, body.strip())
    assert hooks.sendgrid(None, body=body, signature=signature).status_code == 403


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[1]", b"nothing", b'{"event": "x"}', b"\xff\xfe", b"[" * 5_000]
)
def test_what_is_no_batch_is_told(bell: Bell, hooks: Hooks, body: bytes) -> None:
    assert hooks.sendgrid(None, body=body).status_code in {400, 403}


def test_too_much_is_not_read(bell: Bell, hooks: Hooks) -> None:
    assert hooks.sendgrid(None, body=b" " * (256 * 1024 + 1)).status_code == 413


def test_without_a_key_nobody_is_believed(database: Any, bell: Bell) -> None:
    with database.another_app(sendgrid_webhook_public_key="") as other:
        hooks = Hooks(other.test_client(), database.config.base_url)
        assert hooks.sendgrid([]).status_code == 403
    with database.another_app(sendgrid_webhook_public_key="no key") as other:
        hooks = Hooks(other.test_client(), database.config.base_url)
        assert hooks.sendgrid([]).status_code == 403


def test_a_large_batch_comes_in_at_once(acme: Company, bell: Bell, hooks: Hooks) -> None:
    about = sent_mail(acme)
    started = time.perf_counter()
    assert hooks.sendgrid([event(about, "open", str(n)) for n in range(500)]).status_code == 200
    assert time.perf_counter() - started < 10
    with acme.scope():
        assert len(db.session.scalars(select(WebhookEvent.id)).all()) == 500
