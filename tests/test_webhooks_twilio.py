"""What Twilio tells us: believed only when signed, kept once, applied once (SAFETY: Webhooks)."""

from __future__ import annotations

import threading

import pytest
from flask import Flask
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import ConsentRecord, Message, StrayWebhook, WebhookEvent
from pillar.services import consent, webhook_intake
from pillar.tasks.registry import HOOKS, POST, QUEUES
from pillar.tasks.webhooks import apply_webhook
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.mail import Bell
from tests.support.texts import (
    ACCOUNT,
    JOHN,
    RIVAL_SENDER,
    SENDER,
    SMS_HOOK,
    STATUS_HOOK,
    TOKEN,
    Hooks,
    apply_all,
    give_sender,
    incoming,
    outcomes,
    texts,
    twilio_signature,
)


@pytest.fixture
def sender(acme: Company, bell: Bell) -> None:
    """Acme has a number."""
    give_sender(acme)


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
    assert webhook_intake.stray_count(db.session()) == 1
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
