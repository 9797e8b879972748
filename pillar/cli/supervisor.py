"""Starts processes, shows what they say, starts again those that die, stops all of them."""

import contextlib
import os
import selectors
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn, Self

from pillar.cli.lifeline import die_with_parent, name_process

STOP_SECONDS = 8.0
LONGEST_PAUSE_SECONDS = 10.0
SETTLED_SECONDS = 30.0
# If what cannot be missing never settles, the settings or the machine are wrong, and somebody must look.
MOST_EARLY_DEATHS = 6


@dataclass
class Child:
    """One process that should run. `target` runs in it, after a fork."""

    name: str
    target: Callable[[], None]
    death_signal: signal.Signals = signal.SIGKILL
    is_last_to_stop: bool = False
    is_essential: bool = False
    pid: int = 0
    output: int = -1
    started_at: float = 0.0
    restart_at: float = 0.0
    early_deaths: int = 0
    status: int | None = None
    unfinished_line: bytes = field(default=b"", repr=False)


class Supervisor:
    """Runs children until SIGINT or SIGTERM. One thread, so that forking is safe."""

    def __init__(self, *, closed_in_children: list[int]) -> None:
        self.children: list[Child] = []
        self.stop_asked = 0
        self.failed = ""
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        # Only we hold the writing end: its end tells children on systems without a death signal.
        self._life_read, self._life_write = os.pipe()
        self._closed_in_children = [*closed_in_children, self._wake_read, self._wake_write, self._life_write]
        os.set_blocking(self._wake_write, False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        """Listen to signals."""
        numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGCHLD]
        # Under nohup the end of the terminal is not meant for us.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        self._before = {number: signal.signal(number, self._on_signal) for number in numbers}
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop every child, then give the signals back."""
        self._stop_all()
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._selector.close()
        for descriptor in (self._wake_read, self._wake_write, self._life_read, self._life_write):
            os.close(descriptor)

    def start(self, child: Child) -> None:
        """Start a child, and again whenever it ends unasked."""
        self.children.append(child)
        self._fork(child)

    def run_once(self, child: Child) -> bool:
        """Run a child to its end; whether it succeeded (False also when we are asked to stop)."""
        self._fork(child)
        one = [child]
        while child.status is None and not self.stop_asked:
            self._turn(one, timeout=1.0)
        if child.status is None:
            self._end([child], STOP_SECONDS)
        self._drain(child)
        return child.status == 0

    def run(self, tick: Callable[[], float]) -> None:
        """Look after the children until asked to stop; `tick` says in how many seconds to call it again."""
        while not self.stop_asked and not self.failed:
            self._turn(self.children, timeout=min(tick(), self._next_restart()))
            for child in self.children:
                if not child.pid and time.monotonic() >= child.restart_at:
                    self._fork(child)

    def say(self, name: str, line: str) -> None:
        """Print one line of a process."""
        # Whoever read our output may be gone (`make run | head`): go on without.
        with contextlib.suppress(BrokenPipeError, ValueError):
            print(f"{name:<9} | {line}", file=sys.stderr, flush=True)

    def _on_signal(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self.stop_asked += 1

    def _fork(self, child: Child) -> None:
        reading, writing = os.pipe()
        parent = os.getpid()
        child.pid = os.fork()
        if child.pid == 0:
            self._be(child, parent, reading, writing)
        os.close(writing)
        with contextlib.suppress(OSError):
            # Both sides set it, so that it is set whoever runs first.
            os.setpgid(child.pid, child.pid)
        os.set_blocking(reading, False)
        child.output, child.started_at, child.status = reading, time.monotonic(), None
        self._selector.register(reading, selectors.EVENT_READ, child)

    def _be(self, child: Child, parent: int, reading: int, writing: int) -> NoReturn:
        """The life of a forked child: never returns into the code of the parent."""
        status = 1
        try:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            for number in self._before:
                signal.signal(number, signal.SIG_DFL)
            for descriptor in (reading, *self._closed_in_children, *self._other_outputs()):
                os.close(descriptor)
            self._selector.close()
            _redirect(writing)
            die_with_parent(parent, self._life_read, child.death_signal)
            name_process(child.name)
            child.target()
            status = 0
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        except BaseException:  # noqa: BLE001 - whatever it was, it must be seen and must not reach the parent's code
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def _other_outputs(self) -> list[int]:
        return [key.fd for key in self._selector.get_map().values() if key.data is not None]

    def _turn(self, children: list[Child], timeout: float) -> None:
        """Wait for something to happen, show what was said, note who ended."""
        for key, _ in self._selector.select(max(0.0, timeout)):
            if key.data is None:
                os.read(self._wake_read, 4096)
            else:
                self._read(key.data)
        for child in children:
            self._reap(child)

    def _reap(self, child: Child) -> None:
        if not child.pid:
            return
        ended, status = os.waitpid(child.pid, os.WNOHANG)
        if not ended:
            return
        with contextlib.suppress(ProcessLookupError):
            # What it had started itself must not stand in the way of its successor.
            os.killpg(child.pid, signal.SIGTERM)
        child.pid, child.status = 0, os.waitstatus_to_exitcode(status)
        self._drain(child)
        if child in self.children and not self.stop_asked:
            self._plan_restart(child)

    def _plan_restart(self, child: Child) -> None:
        now = time.monotonic()
        if now - child.started_at > SETTLED_SECONDS:
            child.early_deaths = 0
        child.early_deaths += 1
        if child.is_essential and child.early_deaths > MOST_EARLY_DEATHS:
            self.failed = f"{child.name} ended {child.early_deaths} times in a row"
            return
        pause = min(LONGEST_PAUSE_SECONDS, 0.25 * 2 ** min(child.early_deaths - 1, 10))
        child.restart_at = now + pause
        self.say(child.name, f"ended unexpectedly ({_cause(child.status)}), starts again in {pause:g} s")

    def _next_restart(self) -> float:
        now = time.monotonic()
        return min((child.restart_at - now for child in self.children if not child.pid), default=60.0)

    def _read(self, child: Child) -> bool:
        try:
            part = os.read(child.output, 65536)
        except BlockingIOError:
            return False
        *lines, child.unfinished_line = (child.unfinished_line + part).split(b"\n")
        if not part and child.unfinished_line:
            lines, child.unfinished_line = [child.unfinished_line], b""
        for line in lines:
            self.say(child.name, line.decode(errors="replace"))
        if not part:
            self._close_output(child)
        return bool(part)

    def _drain(self, child: Child) -> None:
        """Show the last words; a grandchild may still hold the pipe, so do not wait for its end."""
        while child.output >= 0 and self._read(child):
            pass
        self._close_output(child)

    def _close_output(self, child: Child) -> None:
        if child.output >= 0:
            self._selector.unregister(child.output)
            os.close(child.output)
            child.output = -1

    def _stop_all(self) -> None:
        self.stop_asked = max(1, self.stop_asked)
        self._end([child for child in self.children if not child.is_last_to_stop], STOP_SECONDS)
        self._end([child for child in self.children if child.is_last_to_stop], STOP_SECONDS / 4)

    def _end(self, children: list[Child], seconds: float) -> None:
        """SIGTERM, and SIGKILL for what is still there in the end or when we are asked a second time."""
        for child in children:
            if child.pid:
                os.kill(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while any(child.pid for child in children) and time.monotonic() < deadline and self.stop_asked < 2:  # noqa: PLR2004
            self._turn(children, timeout=deadline - time.monotonic())
        for child in children:
            if child.pid:
                self.say(child.name, "does not stop; killed")
                os.killpg(child.pid, signal.SIGKILL)
                os.waitpid(child.pid, 0)
                child.pid = 0
            self._drain(child)


def _redirect(output: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(nothing)
    os.close(output)


def _cause(status: int | None) -> str:
    if status is not None and status < 0:
        return signal.Signals(-status).name
    return f"status {status}"
