"""Dates and times as people read them (DESIGN: Dates). English month names, whatever the server's locale."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from pillar import clock

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_NOON = 12
_DAYS = "Mon Tue Wed Thu Fri Sat Sun".split()


def document_date(day: date) -> str:
    """`Mar 12, 2026`, as on documents."""
    return f"{_MONTHS[day.month - 1]} {day.day}, {day.year}"


def short_date(day: date, zone: str) -> str:
    """`Mar 12`, with the year if it is not this one."""
    if day.year != clock.today(zone).year:
        return document_date(day)
    return f"{_MONTHS[day.month - 1]} {day.day}"


def long_date(day: date, zone: str) -> str:
    """`Thu, Mar 12`, with the year if it is not this one."""
    return f"{_DAYS[day.weekday()]}, {short_date(day, zone)}"


def clock_time(local: datetime) -> str:
    """`9:58 AM`."""
    half = "AM" if local.hour < _NOON else "PM"
    return f"{local.hour % _NOON or _NOON}:{local.minute:02d} {half}"


def moment(instant: datetime, zone: str) -> str:
    """`Mar 12, 9:58 AM` in the zone."""
    local = instant.astimezone(ZoneInfo(zone))
    return f"{short_date(local.date(), zone)}, {clock_time(local)}"


def signature_time(instant: datetime, zone: str) -> str:
    """`Feb 5, 2026 at 10:32 AM EST`: a signature's time carries its zone (2.9)."""
    local = instant.astimezone(ZoneInfo(zone))
    return f"{document_date(local.date())} at {clock_time(local)} {local.tzname()}"
