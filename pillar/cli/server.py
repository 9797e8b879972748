"""The web server: gunicorn's threads, from an application that is loaded before it forks."""

import re
from pathlib import Path

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker

from pillar.cli.lifeline import name_process
from pillar.config import Config
from pillar.extensions import db
from pillar.tasks.beating import start_beating

GRACE_SECONDS = 20
_TOKEN_IN_PATH = re.compile(r"/[A-Za-z0-9_~.-]{16,}")


def serve(app: Flask, *, processes: int = 2, threads: int = 4) -> None:
    """Serve until SIGTERM; requests in hand are finished."""
    _Server(app, processes, threads).run()


class QuietLogger(Logger):
    """No access log, and no token in an error: an address may be somebody's key to a document."""

    def exception(self, msg: object, *args: object, **kwargs: object) -> None:
        """Log an error with the addresses in it shortened."""
        super().exception(msg, *(_without_tokens(arg) for arg in args), **kwargs)


class _Server(BaseApplication):
    def __init__(self, app: Flask, processes: int, threads: int) -> None:
        self._app = app
        self._processes = processes
        self._threads = threads
        super().__init__(prog="pillar web")

    def load_config(self) -> None:
        """Give gunicorn its settings; it reads no file and no environment of its own."""
        config: Config = self._app.config["PILLAR_CONFIG"]
        host = f"[{config.host}]" if ":" in config.host else config.host
        settings = {
            "bind": f"{host}:{config.port}",
            "workers": self._processes,
            "threads": self._threads,
            "worker_class": "gthread",
            # One load, shared pages: two servers cost little more memory than one.
            "preload_app": True,
            "graceful_timeout": GRACE_SECONDS,
            "keepalive": 5,
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "warning",
            "logger_class": QuietLogger,
            # Forwarded headers are read by the application, from TRUSTED_PROXIES hops, and by nobody else.
            "forwarded_allow_ips": "",
            "forwarder_headers": "",
            "control_socket_disable": True,
            # gunicorn would otherwise set 0, and files in the data directory would be open to everybody.
            "umask": 0o077,
            "worker_tmp_dir": _memory_folder(),
            "post_fork": self._after_fork,
            "when_ready": lambda _arbiter: name_process("web"),
            "proc_name": "pillar web",
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application, loaded once in the parent."""
        return self._app

    def _after_fork(self, _arbiter: Arbiter, _worker: Worker) -> None:
        name_process("web")
        with self._app.app_context():
            for engine in db.engines.values():
                # A connection of the parent must not be used, nor closed, by the child.
                engine.dispose(close=False)
        start_beating(self._app, "web")


def _without_tokens(value: object) -> object:
    return _TOKEN_IN_PATH.sub("/[...]", value) if isinstance(value, str) else value


def _memory_folder() -> str | None:
    """The heartbeat files of gunicorn belong in memory: a busy disk must not look like a hung server."""
    shared_memory = Path("/dev/shm")  # noqa: S108 - gunicorn makes its own unguessable file there
    return str(shared_memory) if shared_memory.is_dir() else None
