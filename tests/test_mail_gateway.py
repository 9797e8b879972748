"""What SendGrid is asked, and what its answers mean to us."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pillar.breaker import Breaker
from pillar.errors import GatewayBusy, GatewayRefused, GatewayUnsure
from pillar.gateways import Gateways, OutgoingMail, mail
from pillar.gateways.mail import BuiltInMail, MissingMail, SendGridMail
from tests.support import vendors
from tests.support.bed import make_config
from tests.support.machine import REPOSITORY
from tests.support.vendors import Answer, SendGrid

MAIL = OutgoingMail(
    to="john@acme.example",
    to_name="John Mitchell",
    from_address="no-reply@portal.example",
    from_name="Acme HVAC",
    reply_to="office@acme.example",
    subject="Your estimate — Wärmepumpe",
    text="Hello",
    html="<p>Hello</p>",
    message_id="m-public-id",
    tenant_id="t-public-id",
)


def gateway(server: SendGrid) -> SendGridMail:
    return SendGridMail("SG.invented", server.url)


def test_a_mail_is_asked_for_as_sendgrid_wants_it(sendgrid: SendGrid) -> None:
    sent = gateway(sendgrid).send(MAIL)
    (request,) = sendgrid.received
    assert sent.provider_id == "test-1"
    assert (request.method, request.path) == ("POST", "/v3/mail/send")
    assert request.authorization == "SG.invented"
    assert request.headers["content-type"] == "application/json"
    asked = request.json
    assert asked["personalizations"] == [{"to": [{"email": "john@acme.example", "name": "John Mitchell"}]}]
    assert asked["from"] == {"email": "no-reply@portal.example", "name": "Acme HVAC"}
    assert asked["reply_to"] == {"email": "office@acme.example", "name": "Acme HVAC"}
    assert asked["subject"] == "Your estimate — Wärmepumpe"
    assert [(part["type"], part["value"]) for part in asked["content"]] == [
        ("text/plain", "Hello"),
        ("text/html", "<p>Hello</p>"),
    ]
    assert asked["custom_args"] == {"message_id": "m-public-id", "tenant_id": "t-public-id"}
    assert set(asked) == {
        "personalizations",
        "from",
        "reply_to",
        "subject",
        "content",
        "custom_args",
        "tracking_settings",
    }


@pytest.mark.parametrize("is_security", [False, True])
def test_private_links_are_never_rewritten(sendgrid: SendGrid, is_security: bool) -> None:
    gateway(sendgrid).send(replace(MAIL, is_security=is_security))
    tracking = sendgrid.mails[0]["tracking_settings"]
    assert tracking["click_tracking"] == {"enable": False, "enable_text": False}
    assert tracking["open_tracking"] == {"enable": not is_security}


def test_nobody_to_answer_to_is_left_out(sendgrid: SendGrid) -> None:
    gateway(sendgrid).send(replace(MAIL, reply_to="", to_name=""))
    assert "reply_to" not in sendgrid.mails[0]
    assert sendgrid.mails[0]["personalizations"][0]["to"] == [{"email": "john@acme.example"}]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_vendor_is_asked_again_later(sendgrid: SendGrid, status: int) -> None:
    sendgrid.will_answer(Answer(status, b"<html>not JSON</html>"))
    with pytest.raises(GatewayBusy, match=str(status)):
        gateway(sendgrid).send(MAIL)


@pytest.mark.parametrize(
    ("answer", "category"),
    [
        (vendors.REFUSED, "address"),
        (
            Answer.of(400, {"errors": [{"message": "bad", "field": "personalizations.0.to.0.email"}]}),
            "address",
        ),
        (Answer.of(400, {"errors": [{"message": "bad", "field": "from.email"}]}), "provider"),
        (Answer.of(400, {"errors": [{"message": "bad", "field": None}]}), "provider"),
        (Answer(400, b"what?"), "provider"),
        (
            Answer.of(401, {"errors": [{"message": "The provided authorization grant is invalid"}]}),
            "provider",
        ),
        (Answer.of(403, {"errors": [{"message": "does not match a verified Sender Identity"}]}), "provider"),
        (Answer(413), "template"),
    ],
)
def test_a_refusal_has_a_category(sendgrid: SendGrid, answer: Answer, category: str) -> None:
    sendgrid.will_answer(answer)
    with pytest.raises(GatewayRefused) as refused:
        gateway(sendgrid).send(MAIL)
    assert refused.value.category == category
    assert str(answer.status) in refused.value.detail


def test_no_connection_means_nothing_was_sent() -> None:
    server = SendGrid()
    server._server.server_close()
    with pytest.raises(GatewayBusy, match="No connection"):
        gateway(server).send(MAIL)


def test_a_connection_cut_after_the_body_leaves_us_unsure(sendgrid: SendGrid) -> None:
    sendgrid.will_answer(vendors.CUT)
    with pytest.raises(GatewayUnsure):
        gateway(sendgrid).send(MAIL)
    assert len(sendgrid.mails) == 1


def test_no_answer_in_time_leaves_us_unsure(sendgrid: SendGrid, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mail.TIMEOUT_SECONDS == 10
    monkeypatch.setattr(mail, "TIMEOUT_SECONDS", 0.2)
    sendgrid.will_answer(vendors.slow(5))
    with pytest.raises(GatewayUnsure):
        gateway(sendgrid).send(MAIL)


def test_a_dead_vendor_is_left_alone_for_a_while(sendgrid: SendGrid) -> None:
    one = gateway(sendgrid)
    sendgrid.default = vendors.BROKEN
    for _ in range(8):
        with pytest.raises(GatewayBusy):
            one.send(MAIL)
    assert len(sendgrid.received) == 5


def test_a_breaker_lets_one_try_after_the_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("pillar.breaker.time.monotonic", lambda: now[0])
    breaker = Breaker(failures=2, seconds=10)
    breaker.failed()
    assert breaker.allows()
    breaker.failed()
    assert not breaker.allows()
    now[0] += 11
    assert [breaker.allows(), breaker.allows()] == [True, False]
    breaker.succeeded()
    assert [breaker.allows(), breaker.allows()] == [True, True]


def test_which_gateway_the_settings_give(tmp_path: Path) -> None:
    def chosen(**settings: object) -> object:
        return Gateways.from_config(make_config("", tmp_path, **settings)).mail

    production = {"env": "production", "base_url": "https://portal.example"}
    assert isinstance(chosen(), BuiltInMail)
    assert isinstance(chosen(sendgrid_api_key="SG.x"), SendGridMail)
    assert isinstance(chosen(**production, sendgrid_api_key="SG.x"), SendGridMail)
    assert isinstance(chosen(**production), MissingMail)
    with pytest.raises(GatewayRefused, match="SENDGRID_API_KEY") as refused:
        MissingMail().send(MAIL)
    assert refused.value.category == "provider"


def test_a_process_that_sends_nothing_does_not_load_the_sdk() -> None:
    program = "import sys, pillar; sys.exit('sendgrid' in sys.modules or 'python_http_client' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=REPOSITORY)
