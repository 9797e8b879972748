"""Fixtures. A test that asks for `app` (or for anything on it) runs once on SQLite and once on PostgreSQL."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import settings
from playwright.sync_api import Browser, Page, sync_playwright

from pillar.permissions import Role
from tests.support import browser as browsers
from tests.support import postgres, vendors
from tests.support.bed import Bed, inside
from tests.support.cast import Company
from tests.support.client import PillarClient
from tests.support.databases import Kind
from tests.support.furnished import Furnished, furnish
from tests.support.machine import RunFolder, abandoned_folders
from tests.support.mail import bell, mail  # noqa: F401 - fixtures
from tests.support.processes import Processes, Valkey
from tests.support.texts import hooks, sms  # noqa: F401 - fixtures

# The suite tries the same examples every time, so that a red run is about the change; `make soak` tries new ones.
settings.register_profile("suite", derandomize="PILLAR_FUZZ" not in os.environ, deadline=None)
settings.load_profile("suite")

_RUN = pytest.StashKey[RunFolder]()
_FOLDER = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """One folder for the run: the controller makes it, its workers are told."""
    config.addinivalue_line(
        "markers", "only_on(kind, reason): runs on one kind of database, for a stated reason"
    )
    if workerinput := getattr(config, "workerinput", None):
        config.stash[_FOLDER] = Path(workerinput["run_folder"])
        return
    for folder in abandoned_folders():
        postgres.stop(folder)
        RunFolder(folder).remove()
    config.stash[_RUN] = RunFolder.create()
    config.stash[_FOLDER] = config.stash[_RUN].path


def pytest_collection_finish() -> None:
    """Collect garbage less often: pages and mapped rows make many short-lived rings, the program few."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker where the run's folder is."""
    node.workerinput["run_folder"] = str(node.config.stash[_FOLDER])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop and delete what all workers shared."""
    if run := config.stash.get(_RUN, None):
        postgres.stop(run.path)
        run.remove()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whatever rests on a database runs on both kinds."""
    if "database" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("only_on")
        kinds = [Kind(marker.args[0])] if marker else list(Kind)
        metafunc.parametrize("database", kinds, indirect=True, ids=str)


@pytest.fixture(scope="session")
def run_folder(pytestconfig: pytest.Config) -> Path:
    """The folder of this run, shared by all workers."""
    return pytestconfig.stash[_FOLDER]


@pytest.fixture(scope="session")
def beds(run_folder: Path, pytestconfig: pytest.Config) -> Iterator[Callable[[Kind], Bed]]:
    """Makes what a kind of database needs once per worker process."""
    worker = getattr(pytestconfig, "workerinput", {}).get("workerid", "main")
    made: dict[Kind, Bed] = {}

    def bed(kind: Kind) -> Bed:
        if kind not in made:
            made[kind] = Bed.make(kind, run_folder, worker)
        return made[kind]

    yield bed
    for one in made.values():
        one.close()


@pytest.fixture
def database(beds: Callable[[Kind], Bed], request: pytest.FixtureRequest) -> Bed:
    """A fresh database with the cast in it, and the application on it."""
    bed = beds(request.param)
    bed.reset()
    return bed


@pytest.fixture
def app(database: Bed) -> Iterator[Flask]:
    """The application. The test has its own context on it and shares only the database with requests."""
    with inside(database.app) as app:
        yield app


@pytest.fixture
def acme(database: Bed, app: Flask) -> Company:
    """Acme HVAC, its staff and its customer John Mitchell."""
    return database.cast.acme


@pytest.fixture
def rival(database: Bed, app: Flask) -> Company:
    """Rival Air, whose people must never see anything of Acme's."""
    return database.cast.rival


@pytest.fixture
def furnished(database: Bed, acme: Company, rival: Company) -> tuple[Furnished, Furnished]:
    """Acme and Rival with something of everything; Rival's things all have the word Zephyr in them."""
    return database.stage("furnished", lambda: (furnish(acme, "Amber", 3001), furnish(rival, "Zephyr", 7001)))


@pytest.fixture
def new_client(app: Flask) -> Callable[[], PillarClient]:
    """Makes visitors, each with cookies of their own."""
    return app.test_client  # type: ignore[return-value]


@pytest.fixture
def client(new_client: Callable[[], PillarClient]) -> PillarClient:
    """A visitor whom nobody knows."""
    return new_client()


@pytest.fixture
def signed_in(new_client: Callable[[], PillarClient]) -> Callable[..., PillarClient]:
    """Signs a member of a company's staff in: `signed_in(acme, Role.OFFICE)`."""

    def sign_in(company: Company, role: Role = Role.ADMIN) -> PillarClient:
        return new_client().sign_in(company.staff[role].email)

    return sign_in


@pytest.fixture
def set_clock(database: Bed) -> Callable[[str], None]:
    """Moves the program's clock for the test, its requests and its processes."""
    return database.set_clock


@pytest.fixture
def sendgrid() -> Iterator[vendors.SendGrid]:
    """A server in SendGrid's place."""
    with vendors.running(vendors.SendGrid()) as vendor:
        yield vendor


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """A real Valkey."""
    server = Valkey()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def processes(database: Bed, app: Flask, tmp_path: Path) -> Iterator[Processes]:
    """Starts real `pillar` processes on the test's database and a Valkey of its own."""
    with Processes(database.config, tmp_path) as processes:
        yield processes


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for each worker process."""
    browsers.chromium()
    with sync_playwright() as playwright:
        browser = browsers.launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def live_server(database: Bed, app: Flask) -> Iterator[str]:
    """The address where the test's application answers a browser."""
    with browsers.serving(app, database.listener) as origin:
        yield origin


@pytest.fixture
def phone(chromium: Browser, live_server: str) -> Iterator[Page]:
    """A page on a phone; fails the test when the page complains."""
    yield from _page(chromium, live_server, browsers.PHONE)


@pytest.fixture
def desk(chromium: Browser, live_server: str) -> Iterator[Page]:
    """A page on a desk; fails the test when the page complains."""
    yield from _page(chromium, live_server, browsers.DESK)


def _page(chromium: Browser, origin: str, device: dict[str, Any]) -> Iterator[Page]:
    with browsers.visiting(chromium, origin, device) as (page, visit):
        yield page
    if visit.problems:
        pytest.fail("the browser complains:\n" + "\n".join(visit.problems), pytrace=False)
