"""The program's clock. Business code asks `now()`; leases and back-off ask `real_now()`.

In development `PILLAR_CLOCK_FILE` moves the program's clock: absent or empty is real time, an ISO instant in
UTC stands still, `+3d` or `-2h` shifts. Every process re-reads the file when it changes. `travel_to` sets the
clock inside one process (the sample company and tests).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

_SHIFT = re.compile(r"([+-])(\d{1,6})([smhdw])")
_TICK_SECONDS = 0.1
# A shift beyond this leaves the calendar of Python.
_FARTHEST = timedelta(days=1_000 * 365)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

_travelled: ContextVar[datetime | None] = ContextVar("travelled", default=None)


class _ClockFile:
    """Reads the clock file again only when it changed (one `stat` a question)."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self._seen: tuple[int, int] | None = None
        self._setting: datetime | timedelta | None = None

    def apply(self, real: datetime) -> datetime:
        if self.path is None:
            return real
        try:
            self._read(self.path, real)
        except OSError:
            self._seen = None
            return real
        if isinstance(self._setting, timedelta):
            return real + self._setting
        return self._setting or real

    def _read(self, path: Path, real: datetime) -> None:
        stat = path.stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
        if stamp == self._seen:
            return
        self._setting = parse_setting(path.read_text(errors="replace"))
        # Two writes within one tick of the file system's clock look alike: a fresh file is read again.
        self._seen = stamp if real.timestamp() - stat.st_mtime > _TICK_SECONDS else None


_file = _ClockFile()


def use_file(path: Path | None) -> None:
    """Follow this clock file from now on (None: real time)."""
    _file.path = path


def parse_setting(text: str) -> datetime | timedelta | None:
    """Read one clock setting; None for an empty or unreadable one (real time)."""
    text = text.strip()
    if match := _SHIFT.fullmatch(text):
        sign, amount, unit = match.groups()
        shift = timedelta(**{_UNITS[unit]: int(amount)})
        if shift > _FARTHEST:
            return None
        return -shift if sign == "-" else shift
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def real_now() -> datetime:
    """The machine's time, aware, UTC: for leases, back-off, limits and one-time codes."""
    return datetime.now(UTC)


def now() -> datetime:
    """The program's time, aware, UTC."""
    travelled = _travelled.get()
    return travelled if travelled is not None else _file.apply(real_now())


@contextmanager
def travel_to(instant: datetime) -> Iterator[None]:
    """Let the program's clock stand at `instant` for this thread of work."""
    token = _travelled.set(instant.astimezone(UTC))
    try:
        yield
    finally:
        _travelled.reset(token)


def today(zone: str) -> date:
    """The calendar day it is now in an IANA zone."""
    return now().astimezone(ZoneInfo(zone)).date()


def end_of_day(day: date, zone: str) -> datetime:
    """The first instant after `day` in the zone, as UTC: a thing good until `day` is good before this."""
    # Wall-clock midnight of the next day: adding 24 h would be off by one on a DST change.
    return datetime.combine(day + timedelta(days=1), time.min, ZoneInfo(zone)).astimezone(UTC)
