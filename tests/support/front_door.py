"""What a visitor does at the front door, and what the worker does with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import event, select

from pillar.config import Config
from pillar.extensions import db
from pillar.gateways import OutgoingMail, OutgoingText
from pillar.models import LookupRequest, Message, PortalSession
from pillar.models.outbox import OutboxRow
from pillar.services import heartbeats
from pillar.tasks.outbox import TASKS
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.furnished import writing
from tests.support.mail import FakeMail
from tests.support.pages import Page
from tests.support.site import same_page

KNOWN = "john.mitchell@acme.example"
_LINK = re.compile(r"https?://[^/\s]+(/sign-in/([A-Za-z0-9_-]{43}))(\?at=[a-z0-9-]+)?")
_CODE = re.compile(r"\b([0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4})\b")
_COOKIE = re.compile(r"^([\w-]+)=([^;]*)(.*)$")


@dataclass(frozen=True)
class Mailed:
    """What a sign-in message carried."""

    path: str
    token: str
    code: str


def senders_live() -> None:
    """Worker and mail vendor gave a sign of life."""
    with writing():
        heartbeats.beat(db.session(), "worker:1@here", "worker")
        heartbeats.beat(db.session(), "mail:worker:1@here", heartbeats.MAIL)


def ask(client: PillarClient, company: Company, typed: str, page: str = "/sign-in", **query: str) -> Page:
    """Type an address on the sign-in or proposals page and press the button."""
    path = f"/portal/{company.slug}{page}"
    seen = Page(client.get(path, query_string=query))
    return client.submit(seen.form("form:has([name=address])"), address=typed)


def work(company: Company) -> None:
    """Let a worker answer what was asked and send what that wrote."""
    for kind in (LookupRequest, Message):
        for row_id in _due(company, kind):
            assert TASKS[kind].run(company.tenant_id, row_id)


def _due(company: Company, kind: type[OutboxRow]) -> list[int]:
    db.session.rollback()
    with company.scope():
        rows = list(db.session.scalars(select(kind.id).where(kind.due_at.is_not(None)).order_by(kind.id)))
    db.session.rollback()
    return rows


def mailed(message: OutgoingMail | OutgoingText) -> Mailed:
    """Link and code of a message."""
    text = message.text if isinstance(message, OutgoingMail) else message.body
    link, code = _LINK.search(text), _CODE.search(text)
    assert link, text
    assert code, text
    return Mailed(link[1] + (link[3] or ""), link[2], code[1])


def sessions(company: Company) -> int:
    """How many browsers are signed in at the company."""
    db.session.rollback()
    with company.scope():
        return len(db.session.scalars(select(PortalSession.id)).all())


def is_in(client: PillarClient, company: Company) -> bool:
    """Whether a page of customers opens."""
    return client.get(f"/portal/{company.slug}/estimates").status_code == 200


def bare(page: Page, *typed: str) -> tuple[object, ...]:
    """Status, headers and body without what is new in every answer, and without what was typed."""
    headers = []
    for name, value in page.response.headers:
        shown = value
        if name == "Set-Cookie":
            found = _COOKIE.match(value)
            assert found, value
            shown = f"{found[1]}=…{re.sub(r'Expires=[^;]+', '', found[3])}"
        if name == "Content-Length":
            continue
        headers.append((name, same_page(shown)))
    body = page.html
    for each in typed:
        body = body.replace(each, "TYPED")
    return page.status, sorted(headers), re.sub(r'nonce="[^"]*"', "", same_page(body))


@contextmanager
def statements() -> Iterator[list[str]]:
    """Every statement that reaches the database meanwhile, without its values."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def asked(client: PillarClient, company: Company, mail: FakeMail, typed: str = KNOWN, **query: str) -> Mailed:
    """Ask for a link, let the worker send it, and read the mail."""
    ask(client, company, typed, **query)
    work(company)
    return mailed(mail.sent[-1])


def opened(client: PillarClient, sent: Mailed, status: int = 200) -> Page:
    """Open the link of a message."""
    return client.follow(client.page(sent.path, status=303), status=status)


def cookie_of(client: PillarClient, name: str) -> str:
    """What this browser keeps under a name; empty when nothing."""
    return next((each.value for each in (client._cookies or {}).values() if each.key == name), "")


def forget_all(client: PillarClient) -> None:
    """Clear this browser's cookies."""
    client._cookies = {}


def take_over(client: PillarClient, name: str, value: str) -> None:
    """Put somebody else's cookie into this browser."""
    config: Config = client.application.config["PILLAR_CONFIG"]
    client.set_cookie(name, value, domain=urlsplit(config.base_url).hostname or "localhost")
