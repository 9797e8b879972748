"""The tests' own tools do what the tests rely on."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, Response
from playwright.sync_api import Browser

from tests.support import browser as browsers
from tests.support import vendors
from tests.support.databases import SqliteStore, sqlite_file
from tests.support.machine import RunFolder, abandoned_folders, lacks
from tests.support.pages import FormError, Page
from tests.support.processes import Valkey

FORM = """<!doctype html><html lang="en"><head><title>New customer</title></head><body>
<nav><form method="post" action="/sign-out"><button>Sign out</button></form></nav>
<main><h1>New   customer</h1><script>var hidden = 1;</script>
<form method="post" action="/customers?from=list" id="customer">
  <input type="hidden" name="csrf_token" value="t0ken">
  <input name="name" value="John" aria-invalid="true" aria-describedby="name-error">
  <p id="name-error">Enter a name.</p>
  <textarea name="note">
Two
lines</textarea>
  <select name="source"><option value="">None</option><option selected>Website</option></select>
  <input type="checkbox" name="tags" value="vip" checked><input type="checkbox" name="tags" value="slow">
  <input type="radio" name="kind" value="home"><input type="radio" name="kind" value="business">
  <input name="old" value="x" disabled>
  <fieldset disabled><input name="locked" value="x"></fieldset>
  <button name="do" value="save">Save</button>
  <button name="do" value="next" formaction="/customers/next">Save and add another</button>
</form>
<input name="outside" value="o" form="customer"><a href="/customers/7">Back to list</a></main>
</body></html>"""


@pytest.fixture
def shown() -> Page:
    app = Flask("harness")
    app.add_url_rule("/customers/new", view_func=lambda: FORM, endpoint="new")
    return Page(app.test_client().get("/customers/new"))


def test_a_form_sends_what_the_page_filled_in(shown: Page) -> None:
    sent = shown.form().filled()
    assert sent.to_dict(flat=False) == {
        "csrf_token": ["t0ken"],
        "name": ["John"],
        "note": ["Two\nlines"],
        "source": ["Website"],
        "tags": ["vip"],
        "outside": ["o"],
        "do": ["save"],
    }


def test_a_person_changes_fields_and_presses_a_button(shown: Page) -> None:
    form = shown.form()
    sent = form.filled("Save and add another", name="Rae", tags=["vip", "slow"], kind="home", source="")
    assert (sent["name"], sent.getlist("tags"), sent["kind"], sent["source"]) == (
        "Rae",
        ["vip", "slow"],
        "home",
        "",
    )
    assert sent["do"] == "next"
    assert form.target("next").endswith("/customers/next")
    assert form.target().endswith("/customers?from=list")
    assert "tags" not in form.filled(tags=False)


@pytest.mark.parametrize("change", [{"nmae": "x"}, {"source": "Radio"}, {"old": "y"}, {"locked": "y"}])
def test_a_person_cannot_send_what_the_form_does_not_offer(shown: Page, change: dict[str, str]) -> None:
    with pytest.raises(FormError):
        shown.form().filled(**change)


def test_a_page_reads_as_a_person_reads_it(shown: Page) -> None:
    assert shown.title == "New customer"
    assert "New customer" in shown.text
    assert "hidden" not in shown.text
    assert shown.link("Back") == "/customers/7"
    assert shown.error_for("name") == "Enter a name."
    assert shown.error_for("note") == ""


def test_a_vendor_records_and_answers_as_told() -> None:
    with vendors.running(vendors.SendGrid()) as sendgrid:
        sendgrid.will_answer(vendors.BUSY, vendors.CUT)
        statuses = [_post(sendgrid.url), _post(sendgrid.url), _post(sendgrid.url)]
        assert statuses == [429, 0, 202]
        assert sendgrid.sends() == {"m1": 3}
        assert sendgrid.recipients() == ["john@acme.example"] * 3


def test_a_vendor_may_be_slow() -> None:
    with vendors.running(vendors.Vendor()) as vendor:
        vendor.will_answer(vendors.slow(0.2))
        before = time.monotonic()
        assert _post(vendor.url) == 202
        assert time.monotonic() - before >= 0.2


def test_valkey_keeps_its_rows_over_a_crash(valkey: Valkey) -> None:
    valkey.client().set("kept", "yes")
    time.sleep(1.1)  # its log reaches the disk every second
    valkey.stop()
    valkey.start()
    assert valkey.client().get("kept") == b"yes"


def test_a_reset_forgets_everything(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    sqlite_file(store.url).write_bytes(b"")
    store.keep_as_template()
    Path(f"{store.file}-wal").write_bytes(b"left over")
    store.file.write_bytes(b"spoiled")
    store.reset()
    assert store.file.read_bytes() == b""
    assert not Path(f"{store.file}-wal").exists()


def test_only_folders_of_dead_runs_are_abandoned() -> None:
    alive = RunFolder.create()
    try:
        assert alive.path not in abandoned_folders()
        alive.let_go()
        assert alive.path in abandoned_folders()
    finally:
        alive.remove()


def test_what_is_missing_is_skipped_by_name_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Typewriter: no ribbon"):
        lacks("Typewriter", "no ribbon")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="Typewriter: no ribbon"):
        lacks("Typewriter", "no ribbon")


@pytest.fixture
def origin() -> Iterator[str]:
    """A small site with a good page and bad ones."""
    app = Flask("site")
    policy = "default-src 'none'; script-src 'nonce-n'; connect-src 'self'; img-src 'self' data:"
    pages = {
        "good": '<h1>Good</h1><p class="agent"></p>',
        "inline": "<h1>Bad</h1><script>document.title = 'ran'</script>",
        "style": '<h1>Bad</h1><p style="color: red">red</p>',
        "offsite": '<h1>Bad</h1><img alt="" src="http://127.0.0.1:9/x.png">',
        "error": '<h1>Bad</h1><script nonce="n">throw new Error("oops")</script>',
        "broken": '<h1>Bad</h1><script nonce="n">fetch("/missing")</script>',
        "unlabelled": '<h1>Bad</h1><form><input name="x"></form>',
    }

    @app.after_request
    def _policy(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        return response

    @app.get("/<name>")
    def page(name: str) -> tuple[str, int]:
        body = pages.get(name)
        head = '<!doctype html><html lang="en"><head><title>T</title><link rel="icon" href="data:,"></head>'
        return (f"{head}<body><main>{body}</main></body></html>", 200) if body else ("", 404)

    listener = browsers.listening_socket()
    with browsers.serving(app, listener) as address:
        yield address
    listener.close()


def test_a_good_page_raises_no_complaint(chromium: Browser, origin: str) -> None:
    with browsers.visiting(chromium, origin, browsers.PHONE) as (page, visit):
        page.goto("/good")
        assert browsers.axe(page) == []
        assert browsers.fits(page)
        assert page.viewport_size == {"width": 390, "height": 844}
    assert visit.problems == []


@pytest.mark.parametrize("name", ["inline", "style", "offsite", "error", "broken"])
def test_a_bad_page_raises_a_complaint(chromium: Browser, origin: str, name: str) -> None:
    with browsers.visiting(chromium, origin, browsers.DESK) as (page, visit):
        page.goto(f"/{name}")
        deadline = time.monotonic() + 5
        while not visit.problems and time.monotonic() < deadline:
            page.wait_for_timeout(20)
    assert visit.problems


def test_axe_finds_what_it_should(chromium: Browser, origin: str) -> None:
    with browsers.visiting(chromium, origin, browsers.DESK) as (page, _visit):
        page.goto("/unlabelled")
        assert [line.split()[0] for line in browsers.axe(page)] == ["label"]


def _post(url: str) -> int:
    """The answer's status; 0 when there was none."""
    person = {"to": [{"email": "john@acme.example"}], "custom_args": {"message_id": "m1"}}
    mail = json.dumps({"personalizations": [person]}).encode()
    asked = urllib.request.Request(f"{url}/v3/mail/send", data=mail, method="POST")
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
