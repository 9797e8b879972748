"""Start a server, send it requests, and read from the system what its processes spent on them."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

_CLIENTS = 4
_START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of requests cost."""

    requests: int
    cpu_seconds: float

    @property
    def cpu_ms(self) -> float:
        """CPU of the server's processes per request, in milliseconds."""
        return self.cpu_seconds / self.requests * 1000


@dataclass(frozen=True, slots=True)
class Server:
    """A running gunicorn."""

    port: int
    process: psutil.Process

    def load(self, path: str, requests: int, headers: Mapping[str, str] | None = None) -> Load:
        """Ask for a page so many times over a few kept-open connections; every answer must be a 200."""
        share = requests // _CLIENTS
        before = self._cpu()
        with ThreadPoolExecutor(_CLIENTS) as pool:
            for result in [pool.submit(self._ask, path, share, headers or {}) for _ in range(_CLIENTS)]:
                result.result()
        return Load(share * _CLIENTS, self._cpu() - before)

    def times(self, paths: Sequence[str], headers: Mapping[str, str]) -> list[float]:
        """Milliseconds until each answer was there, asked for one after the other by one client."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        taken = []
        for path in paths:
            started = time.perf_counter()
            connection.request("GET", path, headers=dict(headers))
            response = connection.getresponse()
            response.read()
            taken.append((time.perf_counter() - started) * 1000)
            if response.status != http.client.OK:
                raise RuntimeError(f"{path} answered {response.status}")
        connection.close()
        return taken

    def _ask(self, path: str, times: int, headers: Mapping[str, str]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        for _ in range(times):
            connection.request("GET", path, headers=dict(headers))
            response = connection.getresponse()
            response.read()
            if response.status != http.client.OK:
                raise RuntimeError(f"{path} answered {response.status}")
        connection.close()

    def _cpu(self) -> float:
        """Seconds of CPU that the server's workers have used so far."""
        times = [child.cpu_times() for child in self.process.children(recursive=True)]
        return sum(each.user + each.system for each in times)


@contextmanager
def serving(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Server]:
    """Run a server for the length of a `with`; `{port}` in the command and PILLAR_PORT name its free port."""
    port = _free_port()
    process = subprocess.Popen(  # noqa: S603 - the commands are ours
        [part.format(port=port) for part in command],
        env={**os.environ, **environment, "PILLAR_PORT": str(port)},
    )
    try:
        _wait_for(port, process)
        yield Server(port, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError("The server ended before it answered")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("The server did not start")
