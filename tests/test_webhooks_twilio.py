"""What Twilio tells us: believed only when signed, kept once, applied once, and states only rise (SAFETY: Webhooks)."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import ConsentRecord, Message, StrayWebhook, Suppression, WebhookEvent
from pillar.models.message import FailureCategory, MessageStatus
from pillar.models.webhook_event import WebhookOutcome
from pillar.permissions import Role
from pillar.services import consent, webhook_effects
from pillar.tasks.registry import HOOKS, POST, QUEUES
from pillar.tasks.webhooks import apply_webhook
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.mail import Bell, delivered
from tests.support.texts import (
    ACCOUNT,
    JOHN,
    RIVAL_SENDER,
    SENDER,
    SMS_HOOK,
    STATUS_HOOK,
    TOKEN,
    FakeSms,
    Hooks,
    apply_all,
    give_sender,
    incoming,
    outcomes,
    saved_text,
    status,
    texts,
    twilio_signature,
)

S = MessageStatus
SID = "SM" + "a" * 32


@pytest.fixture
def sender(acme: Company, bell: Bell) -> None:
    """Acme has a number."""
    give_sender(acme)


def sent_text(company: Company, state: MessageStatus = S.SENT, sid: str = SID, **values: Any) -> str:
    """A text that Twilio took; its public id."""
    row_id = saved_text(company, status=state, provider_id=sid, due_at=None, **values)
    with company.scope():
        public_id = db.session.get_one(Message, row_id).public_id
        db.session.rollback()
    return public_id


def state_of(company: Company) -> Message:
    with company.scope():
        return db.session.scalars(select(Message)).one()


# Coming in


def test_a_stop_that_came_in_stops(acme: Company, sender: None, hooks: Hooks) -> None:
    answer = hooks.text("Please stop texting me")
    assert answer.status_code == 200
    assert answer.mimetype == "text/xml"
    assert answer.text.endswith("<Response></Response>")
    assert outcomes(acme) == [("sms", "waiting")]
    assert apply_all(acme) == [("sms", "applied")]
    with acme.scope():
        assert consent.may_text(JOHN) is not None
        record = db.session.scalars(select(ConsentRecord)).one()
        assert record.wording == "Please stop texting me"
        (reply,) = texts()
        assert (reply.template, reply.to_address, reply.to_name) == ("texts_stopped", JOHN, "John Mitchell")
        event = db.session.scalars(select(WebhookEvent)).one()
        assert event.applied_at is not None
        assert (event.account, event.object_id) == (ACCOUNT, "SM1")


@pytest.mark.parametrize("word", ["STOP", "START", "HELP"])
def test_what_twilio_answered_itself_gets_no_second_answer(
    acme: Company, sender: None, hooks: Hooks, word: str
) -> None:
    hooks.text("whatever", OptOutType=word)
    assert apply_all(acme) == [("sms", "applied")]
    with acme.scope():
        assert texts() == []
        assert len(db.session.scalars(select(ConsentRecord)).all()) == (word != "HELP")


def test_an_ordinary_text_is_kept_and_changes_nothing(acme: Company, sender: None, hooks: Hooks) -> None:
    hooks.text("See you on Tuesday 🙂")
    assert apply_all(acme) == [("sms", "no_effect")]
    with acme.scope():
        assert db.session.scalars(select(WebhookEvent.payload)).one()["Body"] == "See you on Tuesday 🙂"
        assert db.session.scalars(select(Message)).all() == []


def test_a_text_goes_to_the_company_whose_number_it_is(
    acme: Company, rival: Company, sender: None, hooks: Hooks
) -> None:
    give_sender(rival, RIVAL_SENDER)
    hooks.text("STOP", to=RIVAL_SENDER)
    assert outcomes(acme) == []
    assert apply_all(rival) == [("sms", "applied")]
    with acme.scope():
        assert consent.may_text(JOHN) is None
    with rival.scope():
        assert consent.may_text(JOHN) is not None


def test_what_is_nobodys_is_kept_and_not_dropped(acme: Company, sender: None, hooks: Hooks) -> None:
    assert hooks.text("STOP", to="+19375550000").status_code == 200
    assert hooks.text("STOP", to="+19375550000").status_code == 200
    assert outcomes(acme) == []
    stray = db.session.scalars(select(StrayWebhook)).one()
    assert (stray.kind, stray.payload["Body"]) == ("sms", "STOP")


def test_a_company_with_its_own_account_signs_with_its_own_token(
    acme: Company, rival: Company, sender: None, hooks: Hooks
) -> None:
    own = {"AccountSid": "AC" + "9" * 32}
    give_sender(rival, RIVAL_SENDER, account_sid=own["AccountSid"], auth_token="rivals-token")
    fields = incoming("STOP", to=RIVAL_SENDER) | own
    assert hooks.twilio(SMS_HOOK, fields, token=TOKEN).status_code == 403
    assert hooks.twilio(SMS_HOOK, fields, token="rivals-token").status_code == 200
    assert outcomes(rival) == [("sms", "waiting")]
    # With its own token it cannot speak about another company's number.
    theirs = incoming("STOP", sid="SM2", to=SENDER) | own
    assert hooks.twilio(SMS_HOOK, theirs, token="rivals-token").status_code == 200
    assert outcomes(acme) == []


# Forged


@pytest.mark.parametrize("path", [SMS_HOOK, STATUS_HOOK])
@pytest.mark.parametrize("signature", ["", "x", "é", "AAAA", twilio_signature("https://evil.example", {})])
def test_what_is_not_signed_is_refused(
    acme: Company, sender: None, hooks: Hooks, path: str, signature: str
) -> None:
    assert hooks.twilio(path, incoming("STOP"), signature=signature).status_code == 403
    assert outcomes(acme) == []


def test_every_part_is_signed(acme: Company, sender: None, hooks: Hooks) -> None:
    fields = incoming("STOP")
    good = twilio_signature(hooks.base_url + SMS_HOOK, fields)
    for changed in (
        fields | {"From": "+19375550177"},
        fields | {"Extra": "1"},
        {name: value for name, value in fields.items() if name != "FromCity"},
        fields | {"AccountSid": "AC" + "2" * 32},
        fields | {"AccountSid": ""},
    ):
        assert hooks.twilio(SMS_HOOK, changed, signature=good).status_code == 403
    assert hooks.twilio(STATUS_HOOK, fields, signature=good).status_code == 403
    assert hooks.twilio(f"{SMS_HOOK}?x=1", fields, signature=good).status_code == 403
    assert hooks.twilio(SMS_HOOK, fields, token="other").status_code == 403
    assert outcomes(acme) == []
    assert hooks.twilio(SMS_HOOK, fields, signature=good).status_code == 200


def test_the_signed_address_is_the_public_one(acme: Company, database: Bed, sender: None) -> None:
    fields = incoming("STOP")
    settings = {
        "twilio_account_sid": ACCOUNT,
        "twilio_auth_token": TOKEN,
        "base_url": "https://portal.example",
    }
    with database.another_app(**settings) as other:
        hooks = Hooks(other.test_client(), "https://portal.example")  # type: ignore[arg-type]
        assert hooks.twilio(SMS_HOOK, fields).status_code == 200
        hooks.base_url = "http://127.0.0.1"
        assert hooks.twilio(SMS_HOOK, fields | {"MessageSid": "SM2"}).status_code == 403


def test_without_an_account_nobody_is_believed(
    app: Flask, acme: Company, sender: None, database: Bed
) -> None:
    hooks = Hooks(app.test_client(), database.config.base_url)  # type: ignore[arg-type]
    fields = incoming("STOP")
    for token in ("", TOKEN):
        for account in ("", ACCOUNT):
            assert hooks.twilio(SMS_HOOK, fields | {"AccountSid": account}, token=token).status_code == 403


def test_too_much_is_not_read(acme: Company, sender: None, hooks: Hooks) -> None:
    assert hooks.text("x" * (256 * 1024)).status_code == 413
    assert hooks.text("x" * (200 * 1024)).status_code == 200


@pytest.mark.parametrize("path", [SMS_HOOK, STATUS_HOOK, "/webhooks/sendgrid"])
def test_looking_at_it_does_nothing(hooks: Hooks, path: str) -> None:
    assert hooks.client.get(path).status_code == 405


# Once


def test_a_replay_has_no_second_effect(acme: Company, sender: None, hooks: Hooks) -> None:
    for _ in range(3):
        assert hooks.text("STOP").status_code == 200
    assert apply_all(acme) == [("sms", "applied")]
    assert hooks.text("STOP").status_code == 200
    assert apply_all(acme) == [("sms", "applied")]
    with acme.scope():
        assert len(db.session.scalars(select(ConsentRecord)).all()) == 1
        assert len(texts()) == 1


def test_many_deliveries_at_once_are_one(acme: Company, sender: None, hooks: Hooks) -> None:
    app, codes = hooks.client.application, []
    gate = threading.Barrier(8)

    def deliver() -> None:
        mine = Hooks(app.test_client(), hooks.base_url)  # type: ignore[arg-type]
        gate.wait()
        codes.append(mine.text("STOP").status_code)

    threads = [threading.Thread(target=deliver) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [200] * 8
    with acme.scope():
        (row_id,) = db.session.scalars(select(WebhookEvent.id)).all()
        db.session.rollback()
    workers = [threading.Thread(target=_apply, args=(app, acme.tenant_id, row_id)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert outcomes(acme) == [("sms", "applied")]
    with acme.scope():
        assert len(db.session.scalars(select(ConsentRecord)).all()) == 1
        assert len(texts()) == 1


def _apply(app: Flask, tenant_id: int, row_id: int) -> None:
    with app.app_context():
        assert apply_webhook.run(tenant_id, row_id)


def test_an_event_rings_before_the_post(acme: Company, sender: None, hooks: Hooks, bell: Bell) -> None:
    assert QUEUES.index(HOOKS) < QUEUES.index(POST)
    hooks.text("STOP")
    with acme.scope():
        row_id = db.session.scalars(select(WebhookEvent.id)).one()
    assert apply_webhook.call(acme.tenant_id, row_id).queue == HOOKS


# What became of a text


@pytest.mark.parametrize(
    ("states", "end"),
    [
        (["sent", "delivered"], S.DELIVERED),
        (["delivered", "sent", "queued"], S.DELIVERED),
        (["sending", "sent"], S.SENT),
        (["delivered", "undelivered"], S.DELIVERED),
        (["sent", "undelivered", "delivered"], S.FAILED),
        (["failed"], S.FAILED),
        (["delivered", "read"], S.OPENED),
        (["something new"], S.SENT),
    ],
)
def test_states_only_rise(
    acme: Company, sender: None, hooks: Hooks, states: list[str], end: MessageStatus
) -> None:
    sent_text(acme)
    for state in states:
        assert hooks.twilio(STATUS_HOOK, status(SID, state)).status_code == 200
    apply_all(acme)
    assert state_of(acme).status is end


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("30034", FailureCategory.REGISTRATION),
        ("30003", FailureCategory.ADDRESS),
        ("30007", FailureCategory.TEMPLATE),
        ("30008", FailureCategory.PROVIDER),
        ("", FailureCategory.PROVIDER),
    ],
)
def test_a_failure_has_its_category(
    acme: Company, sender: None, hooks: Hooks, code: str, category: FailureCategory
) -> None:
    sent_text(acme)
    hooks.twilio(STATUS_HOOK, status(SID, "undelivered", ErrorCode=code))
    assert apply_all(acme) == [("status", "applied")]
    message = state_of(acme)
    assert (message.status, message.failure_category) == (S.FAILED, category)


def test_an_opt_out_by_status_suppresses(acme: Company, sender: None, hooks: Hooks) -> None:
    sent_text(acme)
    hooks.twilio(STATUS_HOOK, status(SID, "failed", ErrorCode="21610"))
    apply_all(acme)
    with acme.scope():
        assert db.session.scalars(select(Suppression.address)).all() == [JOHN]
        assert consent.may_text(JOHN) is not None


def test_the_fate_of_a_text_nobody_answered_for_is_found_by_its_name(
    acme: Company, sender: None, hooks: Hooks
) -> None:
    public_id = sent_text(acme, S.UNKNOWN, sid="")
    hooks.twilio(f"{STATUS_HOOK}?m={public_id}", status(SID, "delivered"))
    assert apply_all(acme) == [("status", "applied")]
    message = state_of(acme)
    assert (message.status, message.provider_id) == (S.DELIVERED, SID)
    assert message.failure_detail == ""


def test_a_status_that_is_faster_than_our_own_record_waits(
    acme: Company, sender: None, hooks: Hooks, sms: FakeSms
) -> None:
    row_id = saved_text(acme)
    with acme.scope():
        public_id = db.session.get_one(Message, row_id).public_id
        db.session.rollback()
    path = f"{STATUS_HOOK}?m={public_id}"
    hooks.twilio(path, status(f"SM{1:032d}", "delivered"))
    assert apply_all(acme) == [("status", "waiting")]
    with acme.scope():
        assert delivered(acme, row_id).status is S.SENT
        event = db.session.scalars(select(WebhookEvent)).one()
        assert event.due_at is not None
        event.due_at = event.received_at
        db.session.commit()
    assert apply_all(acme) == [("status", "applied")]
    assert state_of(acme).status is S.DELIVERED


@pytest.mark.parametrize(
    "fields",
    [status("SM" + "f" * 32, "delivered"), status(SID, "delivered", to="+19375550177")],
)
def test_what_we_do_not_know_is_kept_and_shown(
    acme: Company, sender: None, hooks: Hooks, signed_in: Any, fields: dict[str, str]
) -> None:
    sent_text(acme)
    hooks.twilio(STATUS_HOOK, fields)
    assert apply_all(acme) == [("status", "unknown")]
    assert state_of(acme).status is S.SENT
    office = signed_in(acme, Role.OFFICE)
    page = office.page("/admin/webhooks/?view=trouble")
    assert page.texts("tbody .pill") == ["Not ours"]
    shown = office.page(page.link("Text status"))
    assert "We have no text with this number." in shown.text
    assert fields["MessageSid"] in shown.text
    assert office.post("/admin/webhooks/new").status_code == 404


def test_another_companys_events_are_not_there(
    acme: Company, rival: Company, sender: None, hooks: Hooks, signed_in: Any
) -> None:
    hooks.text("secret words")
    apply_all(acme)
    office, rae = signed_in(acme, Role.OFFICE), signed_in(rival)
    address = office.page("/admin/webhooks/").link("A text came in")
    assert "secret words" in office.page(address).text
    assert rae.get(address).status_code == 404
    assert not rae.page("/admin/webhooks/").all("tbody tr")
    assert signed_in(acme, Role.TECHNICIAN).get(address).status_code == 403


def test_an_effect_that_breaks_leaves_nothing_half_done_and_is_tried_again(
    acme: Company, sender: None, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_event: WebhookEvent) -> Any:
        consent.suppress(JOHN, consent.Channel.SMS, consent.R.OPTED_OUT)
        db.session.flush()
        raise KeyError("broken")

    hooks.text("STOP")
    with monkeypatch.context() as patched:
        patched.setattr(webhook_effects, "apply", broken)
        assert apply_all(acme) == [("sms", "failed")]
    with acme.scope():
        assert db.session.scalars(select(Suppression)).all() == []
        event = db.session.scalars(select(WebhookEvent)).one()
        assert (event.outcome, event.note, event.applied_at) == (WebhookOutcome.FAILED, "KeyError", None)
        assert event.due_at is not None
        event.due_at = event.received_at
        db.session.commit()
    assert apply_all(acme) == [("sms", "applied")]
