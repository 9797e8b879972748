"""Texts: Twilio, the built-in phone of development, and what production says without an account.

What goes wrong is told in the three errors of every gateway (see `pillar.gateways.mail`), and in `GatewayOptedOut`
where the vendor itself keeps an opt-out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol
from urllib.parse import urlsplit

from pillar.breaker import Breaker
from pillar.errors import GatewayBusy, GatewayOptedOut, GatewayRefused, GatewayUnsure
from pillar.gateways.mail import Sent

TIMEOUT_SECONDS = 10
_DETAIL_LENGTH = 500
_TOO_MANY, _SERVER_ERROR = 429, 500
_OPTED_OUT = 21610
_BUSY_CODES = frozenset({20429, 20503, 14107, 30001, 30022, 63038})
# Not a number, not one that takes texts, not one we may reach (https://www.twilio.com/docs/api/errors).
_ADDRESS_CODES = frozenset(
    {21211, 21214, 21217, 21265, 21604, 21612, 21614, 21635, 30003, 30004, 30005, 30006}
)
_REGISTRATION_CODES = frozenset({21606, 21659, 21660, 21661, 21703, 21704, 30032, 30033, 30034, 30035})
_CONSENT_CODES = frozenset({_OPTED_OUT})
_TEMPLATE_CODES = frozenset({21602, 21605, 21617, 30007, 30019})


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """An account of a company's own, below the platform's."""

    sid: str
    auth_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OutgoingText:
    """One text to one number. With a messaging service Twilio picks the sender from it."""

    to: str
    body: str
    from_number: str
    status_callback: str
    message_id: str
    messaging_service: str = ""
    account: TwilioAccount | None = None


class SmsGateway(Protocol):
    """Sends one text. `keeps_bodies` is true where nothing leaves: the Outbox is the reader's phone."""

    keeps_bodies: bool

    def send(self, text: OutgoingText) -> Sent:
        """Send it, or raise one of the errors of a gateway."""
        ...


class BuiltInSms:
    """Development without an account: the text goes nowhere, Admin → Outbox shows it."""

    keeps_bodies = True

    def send(self, text: OutgoingText) -> Sent:
        """Take it; the row in the Outbox is the phone."""
        return Sent(provider_id=f"built-in-{text.message_id}")


class MissingSms:
    """Production without an account."""

    keeps_bodies = False

    def send(self, text: OutgoingText) -> Sent:  # noqa: ARG002 - the protocol's
        """Refuse, saying what is missing."""
        raise GatewayRefused(
            "provider", "Texts are not set up: TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN are missing."
        )


class TwilioSms:
    """Twilio's Messages API (https://www.twilio.com/docs/messaging/api/message-resource)."""

    keeps_bodies = False

    def __init__(self, account_sid: str, auth_token: str, api_base: str = "") -> None:
        self._account = TwilioAccount(account_sid, auth_token)
        self._base = api_base
        self._breaker = Breaker(failures=5, seconds=15)

    def send(self, text: OutgoingText) -> Sent:
        """Send through Twilio. While it is down, most callers are told at once instead of waiting."""
        if not self._breaker.allows():
            raise GatewayBusy("Twilio did not answer several times in a row; trying again soon")
        try:
            sent = self._send(text)
        except (GatewayBusy, GatewayUnsure):
            self._breaker.failed()
            raise
        except GatewayRefused:
            self._breaker.succeeded()
            raise
        self._breaker.succeeded()
        return sent

    def _send(self, text: OutgoingText) -> Sent:
        # The SDK takes a noticeable moment to load, and most processes never send.
        from requests.exceptions import RequestException  # noqa: PLC0415
        from twilio.base.exceptions import TwilioException  # noqa: PLC0415
        from twilio.rest import Client  # noqa: PLC0415

        account = text.account or self._account
        vendor = Client(account.sid, account.auth_token, http_client=_http_client(self._base))
        try:
            answer = vendor.messages.create(**twilio_request(text))
        except TwilioException as error:
            _explain(error)
        except RequestException as error:
            if _never_left(error):
                raise GatewayBusy(f"No connection to Twilio: {type(error).__name__}") from error
            raise GatewayUnsure(f"Twilio did not answer: {type(error).__name__}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # It answered 2xx with something that cannot be read: it may well have sent it.
            raise GatewayUnsure(f"Twilio's answer could not be read: {type(error).__name__}") from error
        return Sent(provider_id=str(answer.sid or ""))


def twilio_request(text: OutgoingText) -> dict[str, Any]:
    """What `messages.create` is given; it leaves out None."""
    if not text.to:
        # The SDK drops an empty receiver without a word.
        raise GatewayRefused("address", "There is no number to send this to.")
    sender = (
        {"messaging_service_sid": text.messaging_service}
        if text.messaging_service
        else {"from_": text.from_number}
    )
    return {"to": text.to, "body": text.body, "status_callback": text.status_callback or None, **sender}


def category_of(code: int) -> str:
    """Our category for one of Twilio's error codes, from an answer or from a status callback."""
    for codes, category in (
        (_CONSENT_CODES, "consent"),
        (_ADDRESS_CODES, "address"),
        (_REGISTRATION_CODES, "registration"),
        (_TEMPLATE_CODES, "template"),
    ):
        if code in codes:
            return category
    return "provider"


def is_opt_out(code: int) -> bool:
    """Whether this code says that the person opted out at the vendor."""
    return code == _OPTED_OUT


def _http_client(base: str) -> Any:
    from twilio.http.http_client import TwilioHttpClient  # noqa: PLC0415

    class _Client(TwilioHttpClient):
        """Twilio's own client, sent to another server where `base` names one: the SDK has no setting for it."""

        def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            return super().request(method, _swapped(url, base), *args, **kwargs)

    # No kept-open connections: one that the other side has closed would look like an answer that never came.
    return _Client(timeout=TIMEOUT_SECONDS, pool_connections=False)


def _swapped(url: str, base: str) -> str:
    if not base:
        return url
    parts = urlsplit(url)
    return f"{base}{parts.path}" + (f"?{parts.query}" if parts.query else "")


def _never_left(error: Exception) -> bool:
    """Whether the connection failed before anything was sent."""
    from requests.exceptions import ConnectionError, ConnectTimeout, SSLError  # noqa: A004, PLC0415
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError  # noqa: PLC0415

    if isinstance(error, (ConnectTimeout, SSLError)):
        return True
    if not isinstance(error, ConnectionError) or not error.args:
        return False
    reason = getattr(error.args[0], "reason", None)
    return isinstance(reason, (NewConnectionError, ConnectTimeoutError))


def _explain(error: Any) -> NoReturn:
    """Twilio's no, in our categories. Both of its kinds of errors have a status and a code."""
    status, code = int(getattr(error, "status", 0) or 0), int(getattr(error, "code", 0) or 0)
    words = str(
        getattr(error, "msg", "") or getattr(error, "detail", "") or getattr(error, "title", "") or error
    )
    detail = f"Twilio answered {status or 'nothing'} ({code}): {words}"[:_DETAIL_LENGTH]
    if status == _TOO_MANY or status >= _SERVER_ERROR or code in _BUSY_CODES:
        raise GatewayBusy(detail) from error
    if is_opt_out(code):
        raise GatewayOptedOut("consent", detail) from error
    raise GatewayRefused(category_of(code), detail) from error
