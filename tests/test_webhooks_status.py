"""What became of a text, as Twilio tells it: states only rise, and what we do not know is kept and shown."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from pillar.extensions import db
from pillar.models import Message, Suppression, WebhookEvent
from pillar.models.message import FailureCategory, MessageStatus
from pillar.models.webhook_event import WebhookOutcome
from pillar.permissions import Role
from pillar.services import consent, webhook_effects
from tests.support.cast import Company
from tests.support.mail import Bell, delivered
from tests.support.texts import (
    JOHN,
    STATUS_HOOK,
    FakeSms,
    Hooks,
    apply_all,
    give_sender,
    saved_text,
    status,
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
