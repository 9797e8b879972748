"""Imports by the office's pages and by the command (6.7)."""

from __future__ import annotations

import csv
import io
import json

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from pillar.cli import imports as cli
from pillar.config import Config
from pillar.extensions import db
from pillar.models import ImportBatch
from pillar.permissions import Role
from pillar.services.imports.reading import EMPTY
from tests.support.imports import SAMPLE, SAMPLE_ROWS, count, table, work, writing_in
from tests.support.office import sign_in

NEW = "/admin/imports/new"


@pytest.fixture
def config(app) -> Config:
    return app.config["PILLAR_CONFIG"]


def test_the_office_sends_a_file_and_fetches_the_rejects(acme, rival, client, new_client, config):
    sign_in(client, acme.staff[Role.OFFICE])
    body = io.BytesIO(table("Name,Phone,Remark", "Ann,9375550142,a", ",1,=cmd|' /C calc'!A0", ",-5,-5"))
    page = client.submit(client.page(NEW), file=(body, "../my list.csv"))
    assert page.status == 303
    shown = client.follow(page)
    assert "Starts in a moment" in shown.text
    with writing_in(acme):
        batch = db.session.scalars(select(ImportBatch)).one()
        work(config, batch.id)
    shown = client.follow(page)
    assert "Done 3 of 3 rows" in shown.text
    assert "Row 3: There is no name in this row." in shown.text
    assert "Remark" in shown.one("aside, .columns > :last-child").get_text()
    rejects = client.get(shown.link("Download rejects"))
    lines = list(csv.reader(io.StringIO(rejects.get_data(as_text=True).removeprefix("\ufeff"))))
    assert lines == [
        ["Row", "Reason", "Name", "Phone", "Remark"],
        ["3", "There is no name in this row.", "", "1", "'=cmd|' /C calc'!A0"],
        ["4", "There is no name in this row.", "", "-5", "-5"],
    ]
    stranger = new_client()
    sign_in(stranger, rival.staff[Role.ADMIN])
    for address in (page.location, shown.link("Download rejects")):
        assert stranger.get(address).status_code == 404


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


def test_a_file_far_too_large_is_refused_before_it_is_read(acme, client):
    sign_in(client, acme.staff[Role.ADMIN])
    page = client.submit(client.page(NEW), file=(io.BytesIO(b"Name\n" + b"x\n" * 10_600_000), "x.csv"))
    assert (page.status, "larger than 20 MB" in page.text) == (422, True)
    assert client.submit(client.page(NEW), file=(io.BytesIO(b"x" * 45_000_000), "x.csv")).status == 413


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
