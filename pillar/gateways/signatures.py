"""Whether a vendor really sent what came in, by the vendors' own SDKs."""

from __future__ import annotations

from typing import Any

TWILIO_SIGNATURE = "X-Twilio-Signature"
TWILIO_SETTINGS = "X-Twilio-Webhooks-Signature-Settings"
SENDGRID_SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
SENDGRID_TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"


def twilio_signed(auth_token: str, url: str, fields: Any, signature: str) -> bool:
    """Whether the signature over the public address and all fields (a form's MultiDict) is Twilio's."""
    # Only who gets webhooks loads the SDK.
    from twilio.request_validator import RequestValidator  # noqa: PLC0415

    if not auth_token or not signature or not signature.isascii():
        return False
    return bool(RequestValidator(auth_token).validate(url, fields, signature))


def sendgrid_signed(public_key: str, body: str, signature: str, timestamp: str) -> bool:
    """Whether the signature over time stamp and raw body was made with SendGrid's key."""
    from sendgrid.helpers.eventwebhook import EventWebhook  # noqa: PLC0415

    if not public_key or not signature or not timestamp:
        return False
    try:
        return bool(EventWebhook(public_key).verify_signature(body, signature, timestamp))
    except (ValueError, TypeError, AttributeError):
        # The SDK raises for what is no base64, no signature or no key.
        return False
