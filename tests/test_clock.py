"""The program's clock: its file, travelling, and where a day ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillar import clock

FEB_5 = datetime(2026, 2, 5, 15, 32, tzinfo=UTC)
NEAR = timedelta(seconds=5)


@pytest.fixture
def clock_file(tmp_path: Path) -> Iterator[Path]:
    before = clock._file.path
    path = tmp_path / "clock"
    clock.use_file(path)
    yield path
    clock.use_file(before)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("", None),
        ("  \n", None),
        ("2026-02-05T15:32:00+00:00", FEB_5),
        ("2026-02-05T15:32:00Z", FEB_5),
        ("2026-02-05T15:32:00", FEB_5),
        ("2026-02-05 10:32-05:00\n", FEB_5),
        ("2026-02-05", datetime(2026, 2, 5, tzinfo=UTC)),
        ("+3d", timedelta(days=3)),
        ("-2h", timedelta(hours=-2)),
        ("+90s", timedelta(seconds=90)),
        ("-5m", timedelta(minutes=-5)),
        ("+1w", timedelta(weeks=1)),
        ("3d", None),
        ("+3y", None),
        ("+999999w", None),
        ("tomorrow", None),
        ("0001-01-01T00:00+14:00", None),
        ("9999-12-31T23:00-11:00", None),
    ],
)
def test_the_forms_of_a_setting(setting: str, expected: datetime | timedelta | None) -> None:
    assert clock.parse_setting(setting) == expected


@given(st.text(max_size=30))
def test_no_setting_stops_the_clock(setting: str) -> None:
    found = clock.parse_setting(setting)
    assert found is None or isinstance(found, timedelta) or found.tzinfo is UTC


def test_without_a_file_it_is_real_time(clock_file: Path) -> None:
    assert abs(clock.now() - datetime.now(UTC)) < NEAR


def test_an_instant_stands_still_and_a_shift_moves_on(clock_file: Path) -> None:
    clock_file.write_text("2026-02-05T15:32:00+00:00")
    assert clock.now() == FEB_5
    assert clock.now() == FEB_5
    clock_file.write_text("+3d")
    assert abs(clock.now() - datetime.now(UTC) - timedelta(days=3)) < NEAR
    clock_file.write_text("-3d")
    assert abs(clock.now() - datetime.now(UTC) + timedelta(days=3)) < NEAR
    clock_file.write_text("")
    assert abs(clock.now() - datetime.now(UTC)) < NEAR


def test_a_change_within_one_tick_of_the_disk_is_seen(clock_file: Path) -> None:
    stamp = datetime.now(UTC).timestamp()
    for day in ("1", "2"):
        clock_file.write_text(f"2026-02-0{day}")
        os.utime(clock_file, (stamp, stamp))
        assert clock.now() == datetime(2026, 2, int(day), tzinfo=UTC)


def test_an_old_file_is_read_once(clock_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock_file.write_text("2026-02-05T15:32:00Z")
    os.utime(clock_file, (1, 1))
    assert clock.now() == FEB_5
    monkeypatch.setattr(Path, "read_text", lambda *_args, **_kwargs: pytest.fail("read again"))
    assert clock.now() == FEB_5


def test_a_file_that_goes_away_gives_real_time_back(clock_file: Path) -> None:
    clock_file.write_text("2026-02-05T15:32:00Z")
    assert clock.now() == FEB_5
    clock_file.unlink()
    assert abs(clock.now() - datetime.now(UTC)) < NEAR
    clock_file.mkdir()
    assert abs(clock.now() - datetime.now(UTC)) < NEAR


def test_travelling_wins_over_the_file_and_comes_back(clock_file: Path) -> None:
    clock_file.write_text("+3d")
    with clock.travel_to(FEB_5):
        assert clock.now() == FEB_5
        with clock.travel_to(FEB_5 + timedelta(days=1)):
            assert clock.today("UTC") == date(2026, 2, 6)
        assert clock.now() == FEB_5
    assert clock.now() > FEB_5


def test_leases_run_on_real_time(clock_file: Path) -> None:
    clock_file.write_text("2026-02-05T15:32:00Z")
    with clock.travel_to(FEB_5):
        assert abs(clock.real_now() - datetime.now(UTC)) < NEAR


@pytest.mark.parametrize(
    ("zone", "instant", "expected"),
    [
        ("Pacific/Kiritimati", datetime(2026, 1, 1, 10, 0, tzinfo=UTC), date(2026, 1, 2)),
        ("Pacific/Pago_Pago", datetime(2026, 1, 1, 10, 59, tzinfo=UTC), date(2025, 12, 31)),
        ("America/New_York", datetime(2026, 1, 1, 4, 59, tzinfo=UTC), date(2025, 12, 31)),
        ("America/New_York", datetime(2026, 1, 1, 5, 0, tzinfo=UTC), date(2026, 1, 1)),
    ],
)
def test_today_is_the_companys_day(zone: str, instant: datetime, expected: date) -> None:
    with clock.travel_to(instant):
        assert clock.today(zone) == expected


@pytest.mark.parametrize(
    ("zone", "day", "end"),
    [
        ("UTC", "2026-02-05", "2026-02-06T00:00"),
        ("Pacific/Kiritimati", "2026-02-05", "2026-02-05T10:00"),
        ("Pacific/Pago_Pago", "2026-02-05", "2026-02-06T11:00"),
        # New York springs forward on March 8 (23 hours) and falls back on November 1 (25 hours).
        ("America/New_York", "2026-03-07", "2026-03-08T05:00"),
        ("America/New_York", "2026-03-08", "2026-03-09T04:00"),
        ("America/New_York", "2026-11-01", "2026-11-02T05:00"),
        # Half an hour only.
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-05T13:30"),
        # Midnight does not exist in Cairo on April 24: the day begins at one, at the same instant.
        ("Africa/Cairo", "2026-04-23", "2026-04-23T22:00"),
        ("Africa/Cairo", "2026-04-24", "2026-04-24T21:00"),
        # Midnight comes twice in Havana on November 1; the first one begins the day.
        ("America/Havana", "2026-10-31", "2026-11-01T04:00"),
        # In Santiago the clock goes back from midnight to eleven in the evening before.
        ("America/Santiago", "2026-04-04", "2026-04-05T04:00"),
        # Samoa had no December 30, 2011.
        ("Pacific/Apia", "2011-12-29", "2011-12-30T10:00"),
    ],
)
def test_where_a_day_ends(zone: str, day: str, end: str) -> None:
    assert clock.end_of_day(date.fromisoformat(day), zone) == datetime.fromisoformat(end).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "zone",
    ["America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Africa/Cairo", "America/Santiago"],
)
def test_the_last_minute_is_still_that_day_and_the_end_is_the_next(zone: str) -> None:
    for offset in range(366):
        day = date(2026, 1, 1) + timedelta(days=offset)
        end = clock.end_of_day(day, zone)
        assert (end - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).date() == day
        assert end.astimezone(ZoneInfo(zone)).date() == day + timedelta(days=1)
