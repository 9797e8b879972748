"""When offers may be texted: from 8 to 21 h where the person is (7.5, invariant 32). Nothing else is ever held."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from phonenumbers import NumberParseException, parse
from phonenumbers.timezone import time_zones_for_number

_FIRST, _LAST = time(8), time(21)
_UNKNOWN = "Etc/Unknown"
_MOST_ZONES = 8


def quiet_until(e164: str, home_zone: str, now: datetime) -> datetime | None:
    """When the quiet ends for this number; None when it is no quiet hour in any zone where it may be.

    A number tells its zone by its area code, a region sometimes several; `home_zone` stands in where it tells none.
    """
    ends = [end for zone in _zones(e164, home_zone) if (end := _end_in(zone, now)) is not None]
    return max(ends, default=None)


def _zones(e164: str, home_zone: str) -> tuple[str, ...]:
    try:
        zones = time_zones_for_number(parse(e164))
    except NumberParseException:
        zones = ()
    known = tuple(zone for zone in zones if zone != _UNKNOWN)
    # A toll-free number could be anywhere on the continent.
    return known if 0 < len(known) <= _MOST_ZONES else (home_zone,)


def _end_in(zone: str, now: datetime) -> datetime | None:
    local = now.astimezone(ZoneInfo(zone))
    if _FIRST <= local.time() < _LAST:
        return None
    day = local.date() + timedelta(days=1 if local.time() >= _LAST else 0)
    return datetime.combine(day, _FIRST, ZoneInfo(zone)).astimezone(now.tzinfo)
