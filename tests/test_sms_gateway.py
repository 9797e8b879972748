"""Twilio, asked as its description says, and each of its answers in our own terms."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pillar.errors import GatewayBusy, GatewayOptedOut, GatewayRefused, GatewayUnsure
from pillar.gateways import Gateways, OutgoingText, sms
from pillar.gateways.sms import BuiltInSms, MissingSms, TwilioAccount, TwilioSms
from tests.support import vendors
from tests.support.bed import make_config
from tests.support.machine import REPOSITORY
from tests.support.texts import ACCOUNT, JOHN, SENDER, TOKEN, Twilio, refusal
from tests.support.vendors import Answer

TEXT = OutgoingText(
    to=JOHN,
    body="Acme HVAC: hello & good-bye, 100% + é",
    from_number=SENDER,
    status_callback="https://portal.example/webhooks/twilio/status?m=abc",
    message_id="m-public-id",
)


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    with vendors.running(Twilio()) as server:
        yield server


def gateway(server: Twilio) -> TwilioSms:
    return TwilioSms(ACCOUNT, TOKEN, server.url)


def test_a_text_is_asked_for_as_twilio_wants_it(twilio: Twilio) -> None:
    sent = gateway(twilio).send(TEXT)
    (request,) = twilio.received
    assert sent.provider_id == f"SM{1:032d}"
    assert (request.method, request.path) == ("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
    assert request.authorization == f"{ACCOUNT}:{TOKEN}"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert twilio.forms() == [
        {"To": JOHN, "From": SENDER, "Body": TEXT.body, "StatusCallback": TEXT.status_callback}
    ]


def test_a_messaging_service_chooses_the_sender(twilio: Twilio) -> None:
    gateway(twilio).send(replace(TEXT, messaging_service="MG" + "2" * 32, status_callback=""))
    assert twilio.forms() == [{"To": JOHN, "MessagingServiceSid": "MG" + "2" * 32, "Body": TEXT.body}]


def test_a_company_with_an_account_of_its_own_uses_it(twilio: Twilio) -> None:
    own = TwilioAccount("AC" + "9" * 32, "its-token")
    gateway(twilio).send(replace(TEXT, account=own))
    assert twilio.received[0].authorization == f"{own.sid}:its-token"
    assert f"/Accounts/{own.sid}/" in twilio.received[0].path
    assert "its-token" not in repr(own)


def test_nobody_to_text_is_not_asked_for(twilio: Twilio) -> None:
    with pytest.raises(GatewayRefused) as refused:
        gateway(twilio).send(replace(TEXT, to=""))
    assert refused.value.category == "address"
    assert not twilio.received


@pytest.mark.parametrize(
    ("answer", "category"),
    [
        (refusal(21211), "address"),
        (refusal(21614), "address"),
        (refusal(30034), "registration"),
        (refusal(21606), "registration"),
        (refusal(21703), "registration"),
        (refusal(21602), "template"),
        (refusal(20003, 401), "provider"),
        (refusal(20404, 404), "provider"),
        (Answer(400, b"what?"), "provider"),
        (Answer.of(400, {"type": "t", "title": "Bad number", "status": 400, "code": 21211}), "address"),
    ],
)
def test_a_refusal_has_a_category(twilio: Twilio, answer: Answer, category: str) -> None:
    twilio.will_answer(answer)
    with pytest.raises(GatewayRefused) as refused:
        gateway(twilio).send(TEXT)
    assert refused.value.category == category
    assert str(answer.status) in refused.value.detail
    assert len(twilio.received) == 1


def test_an_opt_out_at_twilio_is_told_apart(twilio: Twilio) -> None:
    twilio.will_answer(refusal(21610))
    with pytest.raises(GatewayOptedOut) as refused:
        gateway(twilio).send(TEXT)
    assert refused.value.category == "consent"


@pytest.mark.parametrize("answer", [refusal(20429, 429), Answer(429), Answer(500), Answer(503, b"<html>")])
def test_a_busy_vendor_is_asked_again_later_and_not_by_the_gateway(twilio: Twilio, answer: Answer) -> None:
    twilio.will_answer(answer)
    with pytest.raises(GatewayBusy):
        gateway(twilio).send(TEXT)
    assert len(twilio.received) == 1


def test_no_connection_means_nothing_was_sent() -> None:
    server = Twilio()
    server._server.server_close()
    with pytest.raises(GatewayBusy, match="No connection"):
        gateway(server).send(TEXT)


@pytest.mark.parametrize("answer", [vendors.CUT, Answer(201, b"not JSON"), Answer(201, b"[]")])
def test_no_answer_that_can_be_read_leaves_us_unsure(twilio: Twilio, answer: Answer) -> None:
    twilio.will_answer(answer)
    with pytest.raises(GatewayUnsure):
        gateway(twilio).send(TEXT)
    assert len(twilio.received) == 1


def test_no_answer_in_time_leaves_us_unsure(twilio: Twilio, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sms.TIMEOUT_SECONDS == 10
    monkeypatch.setattr(sms, "TIMEOUT_SECONDS", 0.2)
    twilio.will_answer(vendors.slow(5))
    with pytest.raises(GatewayUnsure):
        gateway(twilio).send(TEXT)
    assert len(twilio.received) == 1


def test_a_dead_vendor_is_left_alone_for_a_while(twilio: Twilio) -> None:
    one = gateway(twilio)
    twilio.default = Answer(503)
    for _ in range(8):
        with pytest.raises(GatewayBusy):
            one.send(TEXT)
    assert len(twilio.received) == 5


def test_which_gateway_the_settings_give(tmp_path: Path) -> None:
    def chosen(**settings: Any) -> object:
        return Gateways.from_config(make_config("", tmp_path, **settings)).sms

    production = {"env": "production", "base_url": "https://portal.example"}
    keys = {"twilio_account_sid": ACCOUNT, "twilio_auth_token": TOKEN}
    assert isinstance(chosen(), BuiltInSms)
    assert isinstance(chosen(**keys), TwilioSms)
    assert isinstance(chosen(**production, **keys), TwilioSms)
    assert isinstance(chosen(**production), MissingSms)
    with pytest.raises(GatewayRefused, match="TWILIO_ACCOUNT_SID") as refused:
        MissingSms().send(TEXT)
    assert refused.value.category == "provider"
    assert BuiltInSms().send(TEXT).provider_id == "built-in-m-public-id"


def test_a_process_that_texts_nobody_does_not_load_the_sdk() -> None:
    program = "import sys, pillar; sys.exit('twilio' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=REPOSITORY)
