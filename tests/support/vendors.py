"""A small HTTP server that stands where a vendor would: it records what it is asked and answers as told."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request as it arrived, body complete."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def authorization(self) -> str:
        """Its credentials, basic ones decoded."""
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        return base64.b64decode(value).decode() if scheme == "Basic" else value


@dataclass(frozen=True)
class Answer:
    """What the vendor says. `cut` closes the connection after the body was read, without a word."""

    status: int = 202
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    after_seconds: float = 0.0
    cut: bool = False

    @classmethod
    def of(cls, status: int, payload: object, **headers: str) -> Answer:
        """A JSON answer."""
        typed = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return cls(status, json.dumps(payload).encode(), typed)


ACCEPTED = Answer(202)
BUSY = Answer(429, headers={"Retry-After": "1"})
BROKEN = Answer.of(500, {"errors": [{"message": "internal error", "field": None}]})
REFUSED = Answer.of(
    400, {"errors": [{"message": "Does not contain a valid address.", "field": "personalizations.0.to"}]}
)
CUT = Answer(cut=True)


def slow(seconds: float, answer: Answer = ACCEPTED) -> Answer:
    """The same answer, later."""
    return Answer(answer.status, answer.body, answer.headers, seconds, answer.cut)


class Vendor:
    """The server; `answers` are used up one by one, then `default` is given again and again."""

    def __init__(self) -> None:
        self.default: Answer | Callable[[Received], Answer] = ACCEPTED
        self._answers: list[Answer] = []
        self._received: list[Received] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler_for(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, cutting short the slow answers."""
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def will_answer(self, *answers: Answer) -> None:
        """Give these to the next requests, in order."""
        with self._lock:
            self._answers += answers

    @property
    def received(self) -> list[Received]:
        """All requests so far, in order of arrival."""
        with self._lock:
            return list(self._received)

    def answer(self, request: Received) -> tuple[Answer, int]:
        """Note the request and choose the answer; the number is the request's place in the row."""
        with self._lock:
            self._received.append(request)
            number = len(self._received)
            chosen = self._answers.pop(0) if self._answers else self.default
        answer = chosen if isinstance(chosen, Answer) else chosen(request)
        self._stopping.wait(answer.after_seconds)
        return answer, number


class SendGrid(Vendor):
    """SendGrid's mail endpoint: 202, an empty body and an X-Message-Id. `scopes` is what the key may do, or a no."""

    def __init__(self) -> None:
        super().__init__()
        self.scopes: Answer = Answer.of(200, {"scopes": ["mail.send"]})

    def answer(self, request: Received) -> tuple[Answer, int]:
        """Senders ask by themselves whether it is there; that is no mail."""
        return (self.scopes, 0) if request.path == "/v3/scopes" else super().answer(request)

    @property
    def mails(self) -> list[dict[str, Any]]:
        """The JSON of all mails that were asked for, whatever the answer was."""
        return [request.json for request in self.received if request.path == "/v3/mail/send"]

    def sends(self, name: str = "message_id") -> Counter[str]:
        """How often each message was asked for, by one of its custom arguments."""
        return Counter(_custom_arguments(mail).get(name, "") for mail in self.mails)

    def recipients(self) -> list[str]:
        """All addressees, in order."""
        return [to["email"] for mail in self.mails for one in mail["personalizations"] for to in one["to"]]


@contextmanager
def running(vendor: Vendor) -> Iterator[Any]:
    """Start, and stop at the end."""
    vendor.start()
    try:
        yield vendor
    finally:
        vendor.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that are killed in the middle are part of the tests."""


def _custom_arguments(mail: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = dict(mail.get("custom_args") or {})
    for one in mail.get("personalizations", []):
        found |= one.get("custom_args") or {}
    return found


def _handler_for(vendor: Vendor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer, number = vendor.answer(Received(self.command, self.path, headers, body))
            if answer.cut:
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("X-Message-Id", f"test-{number}")
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the base class calls them so

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
            """Requests are kept, not printed."""

    return Handler
