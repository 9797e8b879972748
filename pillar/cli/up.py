"""`pillar up`: the whole product under one process, which stops it cleanly and starts again what dies."""

import fcntl
import gc
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click
from flask import Flask

from pillar import create_app
from pillar.cli.announce import Announcement
from pillar.cli.sample import prepare
from pillar.cli.server import serve
from pillar.cli.supervisor import Child, Supervisor
from pillar.cli.valkey import become_server, choose_socket, forget_socket, wait_for_ping
from pillar.config import Config
from pillar.environment import embedded_address
from pillar.tasks.scheduler import run as run_scheduler
from pillar.tasks.worker import run as run_worker

LEFTOVER_SECONDS = 15.0
PORT_SECONDS = 5.0
VALKEY_SECONDS = 10.0


@click.command()
def up() -> None:
    """Run everything: web, worker, scheduler and, without REDIS_URL, Valkey."""
    os.umask(0o077)
    config = _with_port(Config.from_env())
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = _lock_owner(config.data_dir)
    leftovers = _wait_for_leftovers(config.data_dir)
    _check_port(config)
    for warning in config.warnings():
        print(f"Warning: {warning}", file=sys.stderr)
    with Supervisor(closed_in_children=[owner]) as supervisor:
        _run(supervisor, config, leftovers)
    if config.embedded_valkey:
        forget_socket(config.data_dir)
    if supervisor.failed:
        raise click.ClickException(supervisor.failed)


def _run(supervisor: Supervisor, config: Config, leftovers: int) -> None:
    if config.embedded_valkey:
        supervisor.start(_valkey(config, leftovers))
        config = replace(config, redis_url=embedded_address(config.data_dir))
    app = create_app(config)
    if config.embedded_valkey and not wait_for_ping(config.redis_url, seconds=VALKEY_SECONDS):
        supervisor.say("valkey", "does not answer; going on without it, messages leave a little later")
    if not supervisor.run_once(Child("setup", lambda: prepare(app))):
        supervisor.failed = "" if supervisor.stop_asked else "the database could not be prepared"
        return
    # Pages that the collector never touches stay shared between the children.
    gc.collect()
    gc.freeze()
    for child in _children(app):
        supervisor.start(child)
    supervisor.run(Announcement(config).tick)


def _children(app: Flask) -> list[Child]:
    # One import of everything, then forks: the children share most of their memory and start at once.
    return [
        Child("web", lambda: serve(app), is_essential=True),
        Child("worker", lambda: run_worker(app)),
        Child("scheduler", lambda: run_scheduler(app)),
    ]


def _valkey(config: Config, leftovers: int) -> Child:
    address = choose_socket(config.data_dir)
    # A server that outlives us for a moment keeps this lock: no second one may write its files.
    os.set_inheritable(leftovers, True)
    # Asked politely, it writes down what it holds.
    return Child(
        "valkey", lambda: become_server(config.data_dir, address), signal.SIGTERM, is_last_to_stop=True
    )


def _with_port(config: Config) -> Config:
    """With PILLAR_PORT=0, any free port."""
    if config.port:
        return config
    with socket.create_server((config.host, 0)) as listener:
        os.environ["PILLAR_PORT"] = str(listener.getsockname()[1])
    return Config.from_env()


def _lock_owner(data_dir: Path) -> int:
    """One `pillar up` for each data directory."""
    lock = os.open(data_dir / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        process = os.read(lock, 20).decode(errors="replace").strip()
        raise click.ClickException(
            f"Pillar already runs with the data directory {data_dir} (process {process}). "
            "Stop it first, or set PILLAR_DATA_DIR to another one."
        ) from None
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    return lock


def _wait_for_leftovers(data_dir: Path) -> int:
    """After a kill -9 of `pillar up` its children end in a moment; they hold this lock until then."""
    lock = os.open(data_dir / "children.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > deadline:
                raise click.ClickException(
                    f"Processes of an earlier start still use {data_dir}. Stop them first."
                ) from None
            time.sleep(0.1)
        else:
            return lock


def _check_port(config: Config) -> None:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    deadline = time.monotonic() + PORT_SECONDS
    while True:
        with suppress(OSError), socket.create_server((config.host, config.port), family=family):
            return
        if time.monotonic() > deadline:
            raise click.ClickException(
                f"{config.host} port {config.port} cannot be used; another program may have it. "
                "Set PILLAR_PORT to another one."
            )
        time.sleep(0.1)
