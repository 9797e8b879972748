"""Imports by the office's pages and by the command (6.7)."""

from __future__ import annotations

import csv
import io
import json
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from pillar.admin import imports
from pillar.cli import imports as cli
from pillar.config import Config
from pillar.extensions import db
from pillar.models import Customer, ImportBatch
from pillar.permissions import Role
from pillar.services.imports import files
from pillar.services.imports.columns import REASON_HEAD, ROW_HEAD
from pillar.services.imports.limits import EMPTY
from tests.support.imports import SAMPLE, SAMPLE_ROWS, count, table, work, writing_in
from tests.support.office import sign_in
from tests.support.pages import Page

NEW = "/admin/imports/new"


@pytest.fixture
def config(app) -> Config:
    return app.config["PILLAR_CONFIG"]


LINES = ("Wer,Telefon,Remark", "Ann,9375550142,a", ",1,=cmd|' /C calc'!A0", ",-5,-5", "Bob,,=1+1")


def send(client, body: bytes) -> Page:
    """Upload a file; the page that asks for its columns."""
    return client.follow(client.submit(client.page(NEW), file=(io.BytesIO(body), "../my list.csv")))


def home_of(page: Page) -> str:
    """The address of the import."""
    return urlsplit(page.url).path.removesuffix("/columns")


def batch_work(config, company) -> None:
    """What the worker does with the newest import."""
    with writing_in(company):
        work(config, db.session.scalars(select(ImportBatch.id).order_by(ImportBatch.id.desc())).first())


def test_the_columns_are_asked_for_and_the_file_is_only_looked_at(acme, client, config):
    sign_in(client, acme.staff[Role.OFFICE])
    page = send(client, table(*LINES))
    home = home_of(page)
    assert "Ann · Bob" in page.text
    refused = client.submit(page)
    assert (refused.status, "We found no column with names." in refused.text) == (422, True)
    twice = client.submit(page, **{"column-0": "name", "column-1": "name"})
    assert "Wer and Telefon are taken for the same thing." in twice.text
    forged = {**page.form().values(), "column-0": "tenant_id"}
    assert client.post(f"{home}/columns", data=forged).status_code == 422
    shown = client.follow(client.submit(page, **{"column-0": "name", "column-1": "phone"}))
    assert "Being checked" in shown.text
    with acme.scope():
        before = count(Customer)
    batch_work(config, acme)
    with acme.scope():
        assert count(Customer) == before
    shown = client.page(home)
    assert "Checked, not imported yet" in shown.text
    assert "Remark" in shown.one("aside, .columns > :last-child").get_text()
    rejected = client.page(f"{home}?verdict=reject")
    assert "There is no name in this row." in rejected.text
    assert "Bob" not in rejected.one("main table").get_text()


def test_what_was_looked_at_comes_in_once_and_is_taken_back(acme, client, config):
    sign_in(client, acme.staff[Role.OFFICE])
    with acme.scope():
        before = count(Customer)
    page = send(client, table(*LINES))
    home = home_of(page)
    client.submit(page, **{"column-0": "name", "column-1": "phone"})
    batch_work(config, acme)
    shown = client.page(home)
    assert "Import 2 rows" in shown.text
    run = client.submit(shown)
    # The second click of two.
    assert client.submit(shown).status == 303
    assert "Starts in a moment" in client.follow(run).text
    batch_work(config, acme)
    shown = client.page(home)
    assert "Done 4 of 4 rows" in shown.text
    with acme.scope():
        assert count(Customer) == before + 2
    assert "Being undone" in client.follow(client.submit(shown)).text
    assert client.submit(shown).status == 303
    batch_work(config, acme)
    assert "Undone 2 of 2 rows" in client.page(home).text
    with acme.scope():
        assert count(Customer) == before


def test_rejects_are_mended_in_their_own_columns_and_sent_again(acme, client, config):
    sign_in(client, acme.staff[Role.OFFICE])
    page = send(client, table(*LINES))
    client.submit(page, **{"column-0": "name", "column-1": "phone"})
    batch_work(config, acme)
    rejects = client.get(f"{home_of(page)}/rejects.csv").get_data(as_text=True)
    assert list(csv.reader(io.StringIO(rejects.removeprefix("\ufeff")))) == [
        ["Wer", "Telefon", "Remark", ROW_HEAD, REASON_HEAD],
        ["", "1", "'=cmd|' /C calc'!A0", "3", "There is no name in this row."],
        ["", "-5", "-5", "4", "There is no name in this row."],
    ]
    again = send(client, rejects.replace("\r\n,1,", "\r\nCleo,1,").encode())
    # The same headings are taken as they were the last time.
    assert [box["value"] for box in again.all("select option[selected]")] == ["name", "phone"]
    client.submit(again)
    batch_work(config, acme)
    with acme.scope():
        batch = db.session.scalars(select(ImportBatch).order_by(ImportBatch.id.desc())).first()
        assert (batch.created_rows, batch.rejected_rows) == (1, 1)


def test_another_companys_import_is_not_there(acme, rival, client, new_client):
    sign_in(client, acme.staff[Role.OFFICE])
    home = home_of(send(client, table(*LINES)))
    stranger = new_client()
    sign_in(stranger, rival.staff[Role.ADMIN])
    for address in (home, f"{home}/columns", f"{home}/rejects.csv"):
        assert stranger.get(address).status_code == 404
    token = stranger.page(NEW).form().values()["csrf_token"]
    for address in (f"{home}/run", f"{home}/undo", f"{home}/columns"):
        assert stranger.post(address, data={"csrf_token": token}).status_code == 404


@pytest.mark.parametrize("role", [Role.ACCOUNTANT, Role.TECHNICIAN])
def test_who_may_not_import_is_told_so(acme, client, role):
    sign_in(client, acme.staff[role])
    assert client.get(NEW).status_code == 403
    assert client.get("/admin/imports/").status_code == 403


@pytest.mark.parametrize("body", [b"", b"\x89PNG\0", b"PK\x03\x04", b"Name\n", b"Name\n" + b"x" * 2_000_000])
def test_a_file_that_is_no_table_comes_back_with_a_sentence(acme, client, body):
    sign_in(client, acme.staff[Role.ADMIN])
    page = client.submit(client.page(NEW), file=(io.BytesIO(body), "x.csv"))
    assert page.status == 422
    assert page.error_for("file")


def test_no_file_and_no_token(acme, client):
    sign_in(client, acme.staff[Role.ADMIN])
    assert client.submit(client.page(NEW)).error_for("file").startswith("Choose a file first.")
    assert client.post(NEW, data={"file": (io.BytesIO(b"Name\nAnn\n"), "x.csv")}).status_code == 400
    with acme.scope():
        assert count(ImportBatch) == 0


def test_a_file_far_too_large_is_refused_before_it_is_read(acme, client, monkeypatch):
    monkeypatch.setattr(files, "MAX_BYTES", 1_000_000)
    monkeypatch.setattr(imports, "_MOST_REQUEST_BYTES", 2_000_000)
    sign_in(client, acme.staff[Role.ADMIN])
    page = client.submit(client.page(NEW), file=(io.BytesIO(b"Name\n" + b"x\n" * 600_000), "x.csv"))
    assert (page.status, "larger than" in page.text) == (422, True)
    assert client.submit(client.page(NEW), file=(io.BytesIO(b"x" * 2_500_000), "x.csv")).status == 413


def test_the_command_counts_and_brings_in(acme, app, monkeypatch):
    monkeypatch.setattr(cli, "create_app", lambda: app)
    runner = CliRunner()

    def run(*arguments: str) -> dict[str, int]:
        result = runner.invoke(cli.import_customers, [str(SAMPLE), "--company", acme.slug, *arguments])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout.splitlines()[-1])

    assert run("--dry-run") == {"create": SAMPLE_ROWS, "update": 0, "duplicate": 0, "reject": 0}
    assert run() == {"create": SAMPLE_ROWS, "update": 0, "duplicate": 0, "reject": 0}
    assert run("--dry-run") == run() == {"create": 0, "update": 0, "duplicate": SAMPLE_ROWS, "reject": 0}


def test_the_command_says_what_is_wrong(acme, app, monkeypatch, tmp_path):
    monkeypatch.setattr(cli, "create_app", lambda: app)
    runner = CliRunner()
    assert (
        "Say which company: --company acme-hvac|rival-air"
        in runner.invoke(cli.import_customers, [str(SAMPLE)]).output
    )
    unknown = runner.invoke(cli.import_customers, [str(SAMPLE), "--company", "nobody"])
    assert (unknown.exit_code, "There is no company" in unknown.output) == (1, True)
    empty = tmp_path / "empty.csv"
    empty.touch()
    refused = runner.invoke(cli.import_customers, [str(empty), "--company", acme.slug])
    assert (refused.exit_code, EMPTY in refused.output) == (1, True)
