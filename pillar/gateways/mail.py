"""E-mail: SendGrid, the built-in mailbox of development, and what production says without a key.

What goes wrong is told in one of three errors: `GatewayRefused` (no for good, with the category that the
office reads), `GatewayBusy` (nothing was sent, try later), `GatewayUnsure` (it left and no answer came).
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, NoReturn, Protocol
from urllib.error import URLError

from pillar.breaker import Breaker
from pillar.errors import GatewayBusy, GatewayRefused, GatewayUnsure

TIMEOUT_SECONDS = 10
_SENDGRID = "https://api.sendgrid.com"
_DETAIL_LENGTH = 500
_TOO_MANY, _SERVER_ERROR, _TOO_LARGE = 429, 500, 413
_BAD_KEY = (401, 403)
_NO_KEY = "E-mail is not set up: SENDGRID_API_KEY is missing."
_MAY_SEND = "mail.send"
# What SendGrid names when the address is at fault.
_ADDRESS_FIELDS = ("personalizations", "to")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes along with a mail."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """One mail to one person. Public ids go along, so that events about it find their way back."""

    to: str
    to_name: str
    from_address: str
    from_name: str
    reply_to: str
    subject: str
    text: str
    html: str
    message_id: str
    tenant_id: str
    is_security: bool = False
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """The vendor took it."""

    provider_id: str


class MailGateway(Protocol):
    """Sends one mail. `keeps_bodies` is true where nothing leaves: the Outbox is the reader's mailbox."""

    keeps_bodies: bool

    def send(self, mail: OutgoingMail) -> Sent:
        """Send it, or raise one of the three errors of a gateway."""
        ...

    def check(self) -> None:
        """Send nothing, and raise as `send` would when no mail could be sent now."""
        ...


class BuiltInMail:
    """Development without a key: the mail goes nowhere, Admin → Outbox shows it."""

    keeps_bodies = True

    def send(self, mail: OutgoingMail) -> Sent:
        """Take it; the row in the Outbox is the mailbox."""
        return Sent(provider_id=f"built-in-{mail.message_id}")

    def check(self) -> None:
        """It is always there."""


class MissingMail:
    """Production without a key."""

    keeps_bodies = False

    def send(self, mail: OutgoingMail) -> Sent:  # noqa: ARG002 - the protocol's
        """Refuse, saying what is missing."""
        raise GatewayRefused("provider", _NO_KEY)

    def check(self) -> None:
        """Nothing can be sent."""
        raise GatewayRefused("provider", _NO_KEY)


class SendGridMail:
    """SendGrid's v3 mail API (https://www.twilio.com/docs/sendgrid/api-reference/mail-send)."""

    keeps_bodies = False

    def __init__(self, api_key: str, api_base: str = "") -> None:
        self._api_key = api_key
        self._host = api_base or _SENDGRID
        self._breaker = Breaker(failures=5, seconds=15)

    def send(self, mail: OutgoingMail) -> Sent:
        """Send through SendGrid. While it is down, most callers are told at once instead of waiting."""
        if not self._breaker.allows():
            raise GatewayBusy("SendGrid did not answer several times in a row; trying again soon")
        try:
            sent = self._send(mail)
        except (GatewayBusy, GatewayUnsure):
            self._breaker.failed()
            raise
        except GatewayRefused:
            self._breaker.succeeded()
            raise
        self._breaker.succeeded()
        return sent

    def check(self) -> None:
        """Ask what our key may do: SendGrid has to answer, and sending has to be in it."""
        from python_http_client.exceptions import HTTPError  # noqa: PLC0415

        try:
            answer = self._vendor().client.scopes.get()
            scopes = answer.to_dict["scopes"]
        except HTTPError as error:
            _explain(error)
        except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
            raise GatewayBusy(f"SendGrid did not answer: {type(error).__name__}") from error
        if _MAY_SEND not in scopes:
            raise GatewayRefused("provider", "The SendGrid key may not send mail.")

    def _vendor(self) -> Any:
        from sendgrid import SendGridAPIClient  # noqa: PLC0415

        # A client of its own for each call: it keeps headers on itself, so threads must not share one.
        vendor = SendGridAPIClient(self._api_key, host=self._host)
        # It has no time-out unless told, and what is called through it copies the one it has.
        vendor.client.timeout = TIMEOUT_SECONDS
        return vendor

    def _send(self, mail: OutgoingMail) -> Sent:
        # The SDKs take a noticeable moment to load, and most processes (web, scheduler) never send.
        from python_http_client.exceptions import HTTPError  # noqa: PLC0415

        try:
            answer = self._vendor().client.mail.send.post(request_body=sendgrid_request(mail))
        except HTTPError as error:
            _explain(error)
        except URLError as error:
            # urllib wraps what fails before the whole body has left: nothing was sent.
            raise GatewayBusy(f"No connection to SendGrid: {error.reason}"[:_DETAIL_LENGTH]) from error
        except (OSError, HTTPException) as error:
            # Bare errors come from waiting for the answer.
            raise GatewayUnsure(f"SendGrid did not answer: {type(error).__name__}") from error
        return Sent(provider_id=str(answer.headers.get("X-Message-Id") or ""))


def sendgrid_request(mail: OutgoingMail) -> dict[str, Any]:
    """The JSON that SendGrid is sent."""
    request: dict[str, Any] = {
        "personalizations": [{"to": [_person(mail.to, mail.to_name)]}],
        "from": _person(mail.from_address, mail.from_name),
        "subject": mail.subject,
        # Plain text has to come first.
        "content": [
            {"type": "text/plain", "value": mail.text},
            {"type": "text/html", "value": mail.html},
        ],
        # Text only; these come back at the top level of every event.
        "custom_args": {"message_id": mail.message_id, "tenant_id": mail.tenant_id},
        # Click tracking would send people's private links round by the vendor, so it is off for all mail.
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": not mail.is_security},
        },
    }
    if mail.reply_to:
        request["reply_to"] = _person(mail.reply_to, mail.from_name)
    if mail.attachments:
        # Left out where there is none: SendGrid refuses an empty list.
        request["attachments"] = [_attached(each) for each in mail.attachments]
    return request


def _attached(file: Attachment) -> dict[str, str]:
    return {
        "content": b64encode(file.content).decode("ascii"),
        "type": file.content_type,
        "filename": file.name,
        "disposition": "attachment",
    }


def _person(address: str, name: str) -> dict[str, str]:
    return {"email": address, "name": name} if name else {"email": address}


def _explain(error: Any) -> NoReturn:
    """SendGrid's no, in our categories."""
    status, complaints = int(error.status_code), _complaints(error)
    words = " ".join(str(complaint.get("message") or "") for complaint in complaints).strip()
    detail = f"SendGrid answered {status}: {words or error.reason}"[:_DETAIL_LENGTH]
    if status == _TOO_MANY or status >= _SERVER_ERROR:
        raise GatewayBusy(detail) from error
    if status in _BAD_KEY:
        raise GatewayRefused("provider", detail) from error
    if status == _TOO_LARGE:
        raise GatewayRefused("template", detail) from error
    fields = [str(complaint.get("field") or "").split(".") for complaint in complaints]
    is_address = any(field[0] == _ADDRESS_FIELDS[0] and _ADDRESS_FIELDS[1] in field for field in fields)
    raise GatewayRefused("address" if is_address else "provider", detail) from error


def _complaints(error: Any) -> list[dict[str, Any]]:
    try:
        complaints = error.to_dict["errors"]
    except (ValueError, KeyError, TypeError):
        return []
    return [complaint for complaint in complaints if isinstance(complaint, dict)]
