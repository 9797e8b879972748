"""Making a text ready to leave: who sends it, from which account, and whether the hour allows it."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app

from pillar import clock
from pillar.config import Config
from pillar.environment import LOOPBACK
from pillar.gateways import Gateways, OutgoingText, SmsGateway
from pillar.gateways.sms import TwilioAccount
from pillar.models.message import FailureCategory, Message, MessageStatus, Purpose
from pillar.models.phone_number import PhoneNumber, Registration
from pillar.models.tenant import Tenant
from pillar.services import phone_numbers
from pillar.services.messages import fail
from pillar.services.quiet_hours import quiet_until

CALLBACK = "/webhooks/twilio/status"
_NO_NUMBER = "There is no sending number."
_NOT_READY = {
    Registration.NONE: "The sending number is not registered with the carriers.",
    Registration.SUBMITTED: "The carriers have not approved the sending number yet.",
    Registration.REJECTED: "The carriers rejected the sending number's registration.",
}


def ready(message: Message, company: Tenant) -> OutgoingText | None:
    """The text as the vendor wants it; None when it must not go now, with the reason on its row."""
    sender = phone_numbers.current_sender()
    if reason := why_no_sender(sender):
        fail(message, FailureCategory.REGISTRATION, reason)
        return None
    if message.purpose is Purpose.MARKETING and _hold_until_morning(message, company):
        return None
    message.status = MessageStatus.SENDING
    message.first_tried_at = message.first_tried_at or clock.real_now()
    return _outgoing(message, sender) if sender else None


def why_no_sender(sender: PhoneNumber | None) -> str:
    """Why no text can leave the company at all; empty when one can."""
    if sender is None:
        return _NO_NUMBER
    return _NOT_READY.get(sender.registration, "")


def is_phone() -> bool:
    """Whether nothing leaves, so that the Outbox is where texts are read."""
    return sms_gateway().keeps_bodies


def sms_gateway() -> SmsGateway:
    """The application's gateway for texts."""
    gateways: Gateways = current_app.extensions["gateways"]
    return gateways.sms


def _outgoing(message: Message, sender: PhoneNumber) -> OutgoingText:
    account = None
    if sender.account_sid:
        account = TwilioAccount(sender.account_sid, phone_numbers.auth_token(sender))
    return OutgoingText(
        to=message.to_address,
        body=message.body_text,
        from_number=sender.e164,
        messaging_service=sender.messaging_service,
        account=account,
        status_callback=_callback(message),
        message_id=message.public_id,
    )


def _callback(message: Message) -> str:
    """Where the vendor tells what became of it; it carries our name for the message, for when its own got lost."""
    config: Config = current_app.config["PILLAR_CONFIG"]
    # Twilio refuses a text altogether when this address is one it cannot reach.
    is_local = urlsplit(config.base_url).hostname in LOOPBACK and not config.twilio_api_base
    return "" if is_local else f"{config.base_url}{CALLBACK}?m={message.public_id}"


def _hold_until_morning(message: Message, company: Tenant) -> bool:
    now = clock.now()
    end = quiet_until(message.to_address, company.time_zone, now)
    if end is None:
        return False
    message.status = MessageStatus.HELD
    message.failure_category = FailureCategory.QUIET_HOURS
    message.failure_detail = "It waits for the morning where the person lives."
    # The row's own times are real ones, whatever the program's clock says.
    message.finish()
    message.due_at = clock.real_now() + (end - now)
    message.rung_at = None
    return True
