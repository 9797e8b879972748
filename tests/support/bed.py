"""What one worker process keeps for each kind of database: its store, the application on it, and the cast."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask, g

from pillar import create_app
from pillar.config import Config
from pillar.environment import fernet_key
from pillar.extensions import db
from pillar.http import hosts
from pillar.http.limits import limiter
from pillar.services import branding
from tests.support import cast, migrations
from tests.support.browser import listening_socket
from tests.support.client import PillarClient
from tests.support.databases import Kind, Store, open_store
from tests.support.processes import DATA_SECRET

T = TypeVar("T")
_SCENE_SECONDS = 900.0


@dataclass
class Bed:
    """Everything a test runs on. `reset` gives it a fresh database, template and cast included."""

    store: Store
    config: Config
    app: Flask
    cast: cast.Cast
    listener: socket.socket
    _scenes: dict[str, tuple[float, Any]] = field(default_factory=dict)
    _kept_apps: dict[str, Flask] = field(default_factory=dict)

    @classmethod
    def make(cls, kind: Kind, run_folder: Path, worker: str) -> Bed:
        """Migrate a database, build the cast in it and keep it as the template."""
        store = open_store(kind, run_folder, worker)
        listener = listening_socket()
        config = make_config(store.url, run_folder / worker, port=listener.getsockname()[1])
        store.clear()
        app = make_app(config)
        with app.app_context():
            migrations.upgrade()
            people = cast.build()
        disconnect(app)
        store.keep_as_template()
        return cls(store, config, app, people, listener)

    @property
    def kind(self) -> Kind:
        """Which database this is."""
        return self.store.kind

    def reset(self) -> None:
        """Forget everything that a test did."""
        self._replace()
        self.set_clock("")
        shutil.rmtree(self.config.data_dir, ignore_errors=True)
        self.config.data_dir.mkdir()

    def _replace(self, scene: str = "") -> None:
        if not self.store.restore(scene):
            self._disconnect()
            self.store.reset(scene)
        # A copied database counts its settings' versions from the start again.
        branding._cache.clear()
        hosts.forget()

    def stage(self, scene: str, build: Callable[[], T]) -> T:
        """What `build` saves on a fresh database, and answers in plain values: built once, then copied.

        For what takes long to make and many tests begin with. Made anew before its short-lived links run out.
        """
        db.session.remove()
        if scene in self._scenes and time.monotonic() - self._scenes[scene][0] < _SCENE_SECONDS:
            self._replace(scene)
            kept: T = self._scenes[scene][1]
            return kept
        made = build()
        db.session.remove()
        self._disconnect()
        self.store.keep_as_template(scene)
        self._scenes[scene] = (time.monotonic(), made)
        return made

    def set_clock(self, setting: str) -> None:
        """Move the program's clock here and in the test's processes: `2026-02-05T15:00:00+00:00`, `+3d`."""
        if self.config.clock_file is None:
            raise ValueError("this configuration has no clock file")
        self.config.clock_file.write_text(setting)

    def close(self) -> None:
        """Close and delete everything."""
        self._disconnect()
        self.listener.close()
        self.store.close()

    @contextmanager
    def another_app(self, gateways: Any = None, **settings: Any) -> Iterator[Flask]:
        """A second application on the same database, with other settings or gateways."""
        app = make_app(replace(self.config, **settings), gateways)
        try:
            yield app
        finally:
            disconnect(app)
            # One limiter serves all applications of a process; the last one made has set it.
            limiter.enabled = self.config.limits_enabled

    def _disconnect(self) -> None:
        for app in (self.app, *self._kept_apps.values()):
            disconnect(app)

    def kept_app(self, **settings: Any) -> Flask:
        """As `another_app`, made once and kept for the tests that change nothing about it."""
        key = repr(sorted(settings.items()))
        if key not in self._kept_apps:
            self._kept_apps[key] = make_app(replace(self.config, **settings))
            limiter.enabled = self.config.limits_enabled
        return self._kept_apps[key]


def make_config(database_url: str, folder: Path, *, port: int = 8000, **settings: Any) -> Config:
    """The settings of the tests: every key invented, no vendor, no Redis, no limits."""
    folder.mkdir(parents=True, exist_ok=True)
    values: dict[str, Any] = {
        "database_url": database_url,
        "data_dir": folder / "var",
        "secret_key": "secret-key-of-the-tests-0123456789abcdef",
        "customer_token_secrets": ("token-secret-of-the-tests-0123456789abcdef",),
        "data_keys": (fernet_key(DATA_SECRET),),
        "port": port,
        "testing": True,
        "limits_enabled": False,
        "clock_file": folder / "clock",
    }
    return Config(**(values | settings))


def make_app(config: Config, gateways: Any = None) -> Flask:
    """The product's application, with our client."""
    app = create_app(config, gateways)
    app.test_client_class = PillarClient
    return app


@contextmanager
def inside(app: Flask) -> Iterator[Flask]:
    """The test's own view of the database. Its reads take no lock that a request would have to wait for."""
    with app.app_context():
        g.reads_only = True
        yield app
        db.session.rollback()


def disconnect(app: Flask) -> None:
    """Close the application's connections, so that its database can be replaced."""
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()
