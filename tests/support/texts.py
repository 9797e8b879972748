"""Texts for tests: a gateway that does as it is told, a server in Twilio's place, and both vendors' signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask, g
from sqlalchemy import select
from werkzeug.test import TestResponse

from pillar.extensions import db
from pillar.gateways import Gateways, OutgoingText, Sent
from pillar.models import Message, WebhookEvent
from pillar.models.message import Channel
from pillar.models.phone_number import Registration
from pillar.services.phone_numbers import SenderInput, save_sender
from pillar.tasks.webhooks import apply_webhook
from tests.support.bed import Bed
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.mail import FakeMail, write_message
from tests.support.vendors import Answer, Received, Vendor

JOHN = "+19375550142"
SENDER = "+19375550199"
RIVAL_SENDER = "+19375550188"
ACCOUNT, TOKEN = "AC" + "1" * 32, "auth-token-of-the-tests"
SMS_HOOK, STATUS_HOOK, MAIL_HOOK = "/webhooks/twilio/sms", "/webhooks/twilio/status", "/webhooks/sendgrid"


class FakeSms:
    """Keeps what it is given; `answers` are used up first, then everything is sent."""

    def __init__(self) -> None:
        self.sent: list[OutgoingText] = []
        self.answers: list[Exception] = []
        self.keeps_bodies = False

    def send(self, text: OutgoingText) -> Sent:
        """Take it, or fail as told."""
        self.sent.append(text)
        if self.answers:
            raise self.answers.pop(0)
        return Sent(provider_id=f"SM{len(self.sent):032d}")


@pytest.fixture
def sms(app: Flask) -> Iterator[FakeSms]:
    """Stands where Twilio would; the test may write."""
    before, fake = app.extensions["gateways"], FakeSms()
    app.extensions["gateways"] = Gateways(mail=FakeMail(), sms=fake)
    g.reads_only = False
    yield fake
    app.extensions["gateways"] = before


class Twilio(Vendor):
    """Twilio's Messages endpoint: 201 and a queued message with a SID of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.default = lambda _request: Answer.of(
            201, {"sid": f"SM{len(self.received):032d}", "status": "queued", "error_code": None}
        )

    def forms(self) -> list[dict[str, str]]:
        """The fields of all requests."""
        return [form_of(request) for request in self.received]

    def sends(self) -> Counter[str]:
        """How often each number was texted."""
        return Counter(form["To"] for form in self.forms())


def form_of(request: Received) -> dict[str, str]:
    """The fields of a posted form, each of which must be there once."""
    fields = parse_qs(request.body.decode(), keep_blank_values=True, strict_parsing=True)
    assert all(len(values) == 1 for values in fields.values())
    return {name: values[0] for name, values in fields.items()}


def refusal(code: int, status: int = 400) -> Answer:
    """Twilio's no."""
    return Answer.of(
        status, {"code": code, "message": "No.", "more_info": "https://twilio.com", "status": status}
    )


def give_sender(company: Company, number: str = SENDER, **values: Any) -> None:
    """Let a company have a number to text from."""
    with company.scope():
        save_sender(SenderInput(number, **{"registration": Registration.APPROVED, **values}))
        db.session.commit()


def write_text(key: str = "text", **values: Any) -> Message:
    """Add a plain text to the bound company's outbox."""
    written = {
        "channel": Channel.SMS,
        "to_address": JOHN,
        "body_text": "Acme HVAC: hello",
        "subject": "",
        "body_html": "",
    }
    return write_message(key, **(written | values))


def saved_text(company: Company, **values: Any) -> int:
    """Commit one text; its row id."""
    with company.scope():
        message = write_text(**values)
        db.session.flush()
        row_id = message.id
        db.session.commit()
    return row_id


def texts() -> list[Message]:
    """All texts of the bound company, oldest first."""
    return list(
        db.session.scalars(select(Message).where(Message.channel == Channel.SMS).order_by(Message.id))
    )


# Webhooks


class MailKey:
    """A key as SendGrid has one, made for the tests."""

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())
        der = self._private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.public = base64.b64encode(der).decode()

    def sign(self, timestamp: str, body: bytes) -> str:
        """Over time stamp and body, as SendGrid does."""
        signature = self._private.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return base64.b64encode(signature).decode()


MAIL_KEY = MailKey()


def twilio_signature(url: str, fields: dict[str, str], token: str = TOKEN) -> str:
    """As Twilio's manual says: the address, then each field's name and value in order."""
    text = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def incoming(
    body: str, *, sid: str = "SM1", number: str = JOHN, to: str = SENDER, **more: str
) -> dict[str, str]:
    """A text that came in."""
    return {
        "AccountSid": ACCOUNT,
        "MessageSid": sid,
        "SmsSid": sid,
        "SmsStatus": "received",
        "From": number,
        "To": to,
        "Body": body,
        "NumMedia": "0",
        # Blank fields are signed too.
        "FromCity": "",
        **more,
    }


def status(sid: str, state: str, *, to: str = JOHN, sender: str = SENDER, **more: str) -> dict[str, str]:
    """What became of a text."""
    return {
        "AccountSid": ACCOUNT,
        "MessageSid": sid,
        "MessageStatus": state,
        "SmsStatus": state,
        "From": sender,
        "To": to,
        **more,
    }


@pytest.fixture
def hooks(database: Bed, app: Flask) -> Hooks:
    """The vendors on the other side, with an application that knows their keys."""
    settings = {
        "twilio_account_sid": ACCOUNT,
        "twilio_auth_token": TOKEN,
        "sendgrid_webhook_public_key": MAIL_KEY.public,
    }
    g.reads_only = False
    other = database.kept_app(**settings)
    return Hooks(other.test_client(), database.config.base_url)  # type: ignore[arg-type]


class Hooks:
    """Posts as the vendors do."""

    def __init__(self, client: PillarClient, base_url: str) -> None:
        self.client = client
        self.base_url = base_url

    def twilio(
        self, path: str, fields: dict[str, str], *, token: str = TOKEN, signature: str | None = None
    ) -> TestResponse:
        """Post a form, signed."""
        signed = twilio_signature(self.base_url + path, fields, token) if signature is None else signature
        headers = {"X-Twilio-Signature": signed} if signed else {}
        return self.client.post(path, data=fields, headers=headers)

    def text(self, body: str, **more: str) -> TestResponse:
        """Somebody texts us."""
        return self.twilio(SMS_HOOK, incoming(body, **more))

    def sendgrid(
        self, events: Any, *, at: float | None = None, signature: str | None = None, body: bytes | None = None
    ) -> TestResponse:
        """Post a batch, signed."""
        raw = json.dumps(events).encode() + b"\r\n" if body is None else body
        timestamp = str(int(time.time() if at is None else at))
        signed = MAIL_KEY.sign(timestamp, raw) if signature is None else signature
        headers = {
            "X-Twilio-Email-Event-Webhook-Signature": signed,
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        }
        return self.client.post(MAIL_HOOK, data=raw, content_type="application/json", headers=headers)


def apply_all(company: Company) -> list[tuple[str, str]]:
    """Let a worker apply what waits, oldest first; kind and outcome of every event so far."""
    with company.scope():
        rows = list(
            db.session.scalars(
                select(WebhookEvent.id).where(WebhookEvent.due_at.is_not(None)).order_by(WebhookEvent.id)
            )
        )
        db.session.rollback()
        for row_id in rows:
            assert apply_webhook.run(company.tenant_id, row_id)
        return outcomes(company)


def outcomes(company: Company) -> list[tuple[str, str]]:
    """Kind and outcome of every event."""
    with company.scope():
        rows = db.session.scalars(select(WebhookEvent).order_by(WebhookEvent.id))
        return [(event.kind, event.outcome.value) for event in rows]
