"""No 500 from any byte string in any field, parameter, path part, cookie or file, as visitor and as admin.

The fixed list goes everywhere on each run; what hypothesis invents goes to a few places, and to a hundred times as many
under `make soak` (or with PILLAR_FUZZ=100).
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from pillar.admin.base import StaffModelView
from pillar.http.access import PUBLIC
from tests.support.client import PillarClient
from tests.support.furnished import Furnished
from tests.support.site import Address, addresses, values_for

Both = tuple[Furnished, Furnished]
FUZZ = int(os.environ.get("PILLAR_FUZZ", "1"))
EXAMPLES = 6
STEP = 8
# What breaks libraries rather than our own code goes to every form on every run.
ALWAYS = ("nul", "lone surrogate", "huge number", "past 64 bits")
BYTES: dict[str, bytes] = {
    "nul": b"a\0b",
    "lone surrogate": b"a\xed\xa0\x80b",
    "no utf-8": b"\xff\xfe\xc3(",
    "turned around": "\u202egnp.exe\u2066".encode(),
    "line ends": b"a\r\nBcc: evil@evil.example\r\n\r\nb",
    "long": b"x" * 10_000,
    "long words": "ü ".encode() * 3_000,
    "emoji": "👩‍👩‍👧 🏳️‍🌈 e\u0301\u0327".encode(),
    "template": b"{{7*7}}{% raw %}${7*7}<%= 7*7 %>",
    "script": b"<script>alert(1)</script>\"'><img src=x onerror=alert(1)>",
    "huge number": b"9" * 400,
    "past 64 bits": b"9223372036854775808",
    "negative": b"-99999999999999999999",
    "other digits": "٣١²①".encode(),
    "infinite": b"1e999",
    "no number": b"NaN",
    "up": b"../../../../etc/passwd",
    "wildcards": b"%_\\[]*?'\";--",
    "formula": b'=HYPERLINK("http://evil.example")',
    "nothing": b"",
    "space": b" \t\n\xc2\xa0\xe2\x80\x8b",
    "format": b"%s%n{0}{name!r}%(x)s",
    "day": b"9999-99-99",
    "far day": b"9999-12-31",
    "first day": b"0001-01-01",
}
QUERY = ("page", "search", "view", "sort", "desc", "next", "sent", "customer", "option", "add")
# These end the session that the rest is sent with, and turn off the pages that the rest is about.
LEAVES = ("/admin/sign-out", "/admin/settings/portal/switch/portal_enabled")
# Typeset on each request: the bytes are the same for every other page of an estimate.
SLOW = ("pdf",)


@dataclass(frozen=True)
class Sheet:
    """A form as a page shows it: where it goes, and its fields with what the page filled in."""

    path: str
    fields: tuple[tuple[str, str], ...]
    files: tuple[str, ...]
    is_upload: bool

    def typed(self) -> list[str]:
        """The fields that a person could send anything in."""
        return list(dict.fromkeys(name for name, _value in self.fields if name != "csrf_token"))


def calm(response: TestResponse, what: str) -> None:
    """No error of ours, and no word of what went wrong inside."""
    assert response.status_code < 500, f"{what}: {response.status_code}"
    assert b"Traceback" not in response.data, what
    if response.mimetype == "text/html":
        assert b"alert(1)</script>" not in response.data, f"{what}: unescaped"


def some(number: int) -> list[tuple[str, bytes]]:
    """A few of the byte strings, other ones for each place; all of them in a long run."""
    return list(BYTES.items())[0 if FUZZ > 1 else number % STEP :: 1 if FUZZ > 1 else STEP]


def encoded(pairs: list[tuple[str, bytes]]) -> str:
    """A form's body with these very bytes in it."""
    return "&".join(f"{quote_from_bytes(name.encode())}={quote_from_bytes(value)}" for name, value in pairs)


def sheets(client: PillarClient, places: list[Address]) -> list[Sheet]:
    """Every form that is sent by POST on every page, each once."""
    found: dict[tuple[str, tuple[str, ...]], Sheet] = {}
    for each in places:
        response = client.get(each.path)
        if response.mimetype != "text/html" or response.status_code != 200:
            continue
        for tag in BeautifulSoup(response.text, "html.parser").select("form"):
            if str(tag.get("method", "")).lower() == "post":
                sheet = _sheet(tag, response.request.full_path.rstrip("?"))
                if sheet.path in LEAVES:
                    continue
                found.setdefault((sheet.path, tuple(sheet.typed())), sheet)
    return list(found.values())


def _sheet(tag: Any, page: str) -> Sheet:
    fields, files = [], []
    for each in tag.select("input[name], select[name], textarea[name], button[name]"):
        if each.get("type") == "file":
            files.append(str(each["name"]))
        else:
            fields.append((str(each["name"]), str(each.get("value") or "")))
    is_upload = tag.get("enctype") == "multipart/form-data"
    return Sheet(str(tag.get("action") or page), tuple(fields), tuple(files), is_upload)


def send(client: PillarClient, sheet: Sheet, changes: dict[str, bytes]) -> TestResponse:
    """Send a form with these bytes in these fields, and what the page filled in for the rest."""
    pairs = [(name, changes.get(name, value.encode())) for name, value in sheet.fields]
    if sheet.is_upload:
        data: dict[str, Any] = {name: value.decode("utf-8", "replace") for name, value in pairs}
        data |= {
            name: (io.BytesIO(changes.get(name, b"")), _file_name(changes.get(name, b"")))
            for name in sheet.files
        }
        return client.post(sheet.path, data=data, content_type="multipart/form-data")
    return client.post(sheet.path, data=encoded(pairs), content_type="application/x-www-form-urlencoded")


def _file_name(content: bytes) -> str:
    return content[:100].decode("utf-8", "replace").replace("\0", "") + ".csv"


@dataclass
class Crowd:
    """A visitor and an admin, with the places that each can reach."""

    app: Flask
    has: Furnished
    visitor: PillarClient
    admin: PillarClient

    def people(self) -> Iterator[tuple[str, PillarClient, list[Address]]]:
        """Who asks, and where."""
        places = [each for each in addresses(self.app, self.has) if each.path not in LEAVES]
        yield "visitor", self.visitor, [each for each in places if each.need == PUBLIC]
        yield "admin", self.admin, places

    def are_still_in(self) -> None:
        """The control: what the admin sent was sent as an admin until the end."""
        assert self.admin.get("/admin/account/").status_code == 200


@pytest.fixture
def crowd(
    app: Flask,
    furnished: Both,
    client: PillarClient,
    signed_in: Callable[..., PillarClient],
) -> Crowd:
    """Whoever sends the bytes."""
    ours, _rivals = furnished
    return Crowd(app, ours, client, signed_in(ours.company))


def test_any_bytes_in_the_fields_of_any_form(crowd: Crowd) -> None:
    """All fields of a form at once, and each alone with bytes in turn."""
    turn = 0
    for who, client, places in crowd.people():
        found = sheets(client, places)
        assert len(found) > (3 if who == "visitor" else 25), who
        for number, sheet in enumerate(found):
            # A sample once left out the one number that WTForms could not compare.
            for name, value in {**dict(some(number)), **{name: BYTES[name] for name in ALWAYS}}.items():
                changes = dict.fromkeys((*sheet.typed(), *sheet.files), value)
                calm(send(client, sheet, changes), f"{who} POST {sheet.path} {name}")
        for sheet in found:
            for field in (*sheet.typed(), *sheet.files):
                for _ in range(min(FUZZ, len(BYTES))):
                    name, value = list(BYTES.items())[turn % len(BYTES)]
                    turn += 1
                    calm(send(client, sheet, {field: value}), f"{who} POST {sheet.path} {field}={name}")
    crowd.are_still_in()


def test_any_bytes_to_every_address_that_takes_posts(crowd: Crowd) -> None:
    """Addresses behind buttons, with fields that they know and that they do not."""
    names = (
        "action",
        "rowid",
        "url",
        "reason",
        "valid_until",
        "seen_version",
        "do",
        "id",
        "method",
        "strokes",
    )
    for who, client, places in crowd.people():
        page = client.page("/admin/account/", follow=True)
        token = str(page.all("input[name=csrf_token]")[0]["value"]).encode()
        for number, each in enumerate(places):
            if "POST" not in each.methods:
                continue
            for name, value in some(number):
                pairs = [("csrf_token", token), *((field, value) for field in names)]
                answer = client.post(
                    each.path, data=encoded(pairs), content_type="application/x-www-form-urlencoded"
                )
                calm(answer, f"{who} POST {each.path} {name}")


def test_any_bytes_in_any_parameter(crowd: Crowd) -> None:
    views = [view for view in crowd.app.extensions["admin"][0]._views if isinstance(view, StaffModelView)]
    names = {*QUERY, *(choice.name for view in views for choice in view.choices)}
    for who, client, places in crowd.people():
        for number, each in enumerate(places):
            if "GET" not in each.methods or each.endpoint == "assets.serve" or each.path.endswith(SLOW):
                continue
            for name, value in some(number):
                # No server takes a longer line than about this.
                query = "&".join(f"{field}={quote_from_bytes(value[:300])}" for field in sorted(names))
                calm(client.get(f"{each.path}?{query}"), f"{who} GET {each.path} {name}")


def test_any_bytes_in_one_parameter_of_a_list(crowd: Crowd) -> None:
    """Alone, so that nonsense beside it does not keep it from the database."""
    for path in ("/admin/customers/", "/admin/estimates/", "/admin/jobs/", "/admin/estimates/new"):
        for field in ("search", "page"):
            for name, value in BYTES.items():
                found = crowd.admin.get(f"{path}?{field}={quote_from_bytes(value[:2_000])}")
                calm(found, f"{path} {field} {name}")


def test_any_bytes_in_any_part_of_a_path(crowd: Crowd) -> None:
    for who, client, places in crowd.people():
        for number, each in enumerate(places):
            for argument in each.rule.arguments:
                values = values_for(each.rule, crowd.has)
                for name, value in some(number):
                    wanted = each.path.replace(values[argument], quote_from_bytes(value, safe=""), 1)
                    calm(client.get(wanted), f"{who} GET {each.rule} {argument} {name}")
    for name, value in BYTES.items():
        calm(crowd.visitor.get(f"/{quote_from_bytes(value)}"), name)


@pytest.mark.only_on("sqlite", "headers and cookies are read before any database is asked")
def test_any_bytes_in_headers_and_cookies(crowd: Crowd) -> None:
    for name, value in BYTES.items():
        text = value.replace(b"\0", b"").replace(b"\r", b"").replace(b"\n", b"").decode("latin-1")
        for header in (
            "User-Agent",
            "Referer",
            "Accept",
            "Accept-Encoding",
            "Accept-Language",
            "If-None-Match",
            "If-Modified-Since",
            "Range",
            "X-Forwarded-For",
            "Content-Type",
            "Origin",
        ):
            calm(crowd.visitor.get("/admin/sign-in", headers={header: text}), f"{header} {name}")
            calm(
                crowd.visitor.post("/admin/sign-in", headers={header: text}, data=b"a=b"), f"{header} {name}"
            )
        for cookie in ("pillar", "pillar-staff", "pillar-reset"):
            jar = {"Cookie": f"{cookie}={text}"}
            stranger = crowd.app.test_client()
            for path in ("/admin/", "/admin/reset", "/admin/sign-in/code", f"/quote/{crowd.has.sent_token}"):
                calm(stranger.get(path, headers=jar), f"{cookie} {name}")


@pytest.mark.only_on("sqlite", "what is no form never reaches a database")
def test_any_bytes_as_a_body(crowd: Crowd) -> None:
    """Bodies that are no form: broken multipart, JSON, too many fields, a body of the wrong length."""
    bodies = {
        "application/json": b'{"a": [',
        "multipart/form-data": b"no boundary",
        "multipart/form-data; boundary=x": b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff',
        "multipart/form-data; boundary=": b"----",
        "application/x-www-form-urlencoded": b"&=&%&%zz=%zz&a[]=" + b"a=b&" * 2_000,
        "application/x-www-form-urlencoded; charset=utf-16": b"a=b",
        "text/plain; charset=nonsense": b"\0\0\0",
    }
    for who, client, places in crowd.people():
        for each in places:
            if "POST" in each.methods:
                for kind, body in bodies.items():
                    calm(client.post(each.path, data=body, content_type=kind), f"{who} {each.path} {kind}")


def test_text_that_looks_like_code_stays_text(crowd: Crowd) -> None:
    """What was typed comes back as it was typed, on every page that shows it."""
    customer = crowd.has.company.customer.public_id
    page = crowd.admin.page(f"/admin/customers/{customer}/edit")
    typed = "<script>alert(1)</script> {{7*7}} & \"quoted\" 'too'"
    answer = crowd.admin.submit(page, display_name=typed)
    assert answer.status == 303, answer
    for path in (
        f"/admin/customers/{customer}",
        "/admin/customers/?search=7*7",
        "/admin/estimates/",
        "/admin/audit/",
    ):
        shown = crowd.admin.page(path)
        assert "<script>alert(1)" not in shown.html, path
        assert "{{7*7}}" in shown.text or "49" not in shown.text, path
    assert typed in crowd.admin.page(f"/admin/customers/{customer}").text


_anything = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.integers().map(lambda number: str(number).encode()),
    st.sampled_from(list(BYTES.values())),
)


def invent(crowd: Crowd, examples: int) -> None:
    """Bytes that hypothesis makes up, in forms, parameters and paths that it chooses."""
    places = [(who, client, list(found)) for who, client, found in crowd.people()]
    forms = [(who, client, sheet) for who, client, found in places for sheet in sheets(client, found)]

    @settings(
        max_examples=examples,
        deadline=None,
        # The short run is the same each time; the long one is new each time.
        derandomize=examples == EXAMPLES,
        database=None,
        phases=(Phase.generate, Phase.shrink) if FUZZ > 1 else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        who, client, sheet = data.draw(st.sampled_from(forms))
        names = [*sheet.typed(), *sheet.files]
        if names:
            changes = data.draw(st.dictionaries(st.sampled_from(names), _anything, max_size=4))
            calm(send(client, sheet, changes), f"{who} POST {sheet.path} {changes}")
        who, client, found = data.draw(st.sampled_from(places))
        path = data.draw(st.sampled_from(found)).path
        query = data.draw(st.dictionaries(st.sampled_from(QUERY), _anything, max_size=3))
        calm(client.get(f"{path}?{urlencode(query)}"), f"{who} GET {path} {query}")
        tail = quote_from_bytes(data.draw(_anything))
        calm(client.get(f"{path.rsplit('/', 1)[0]}/{tail}"), f"{who} GET {path} {tail}")

    run()


def test_bytes_that_nobody_thought_of(crowd: Crowd) -> None:
    invent(crowd, EXAMPLES * FUZZ)


@pytest.mark.soak
def test_many_bytes_that_nobody_thought_of(crowd: Crowd) -> None:
    invent(crowd, EXAMPLES * max(FUZZ, 100))
