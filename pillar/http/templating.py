"""What every template may use."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import Flask, g
from markupsafe import Markup

from pillar import colour, money
from pillar.dates import long_date, moment, short_date
from pillar.http.assets import has_asset, static_url
from pillar.http.headers import csp_nonce

_NO_ZONE = "UTC"


def init_app(app: Flask) -> None:
    """Register filters and globals."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        money=money.money,
        quantity=money.quantity,
        percent=money.percent,
        brand_tokens=colour.tokens,
        local_time=local_time,
        local_date=local_date,
        local_long_date=local_long_date,
    )
    app.jinja_env.globals.update(
        csp_nonce=csp_nonce,
        static_url=static_url,
        has_asset=has_asset,
        nonce_attribute=lambda: Markup('nonce="{}"').format(csp_nonce()),
    )


def _zone() -> str:
    company = g.get("company")
    return company.time_zone if company else _NO_ZONE


def local_time(instant: datetime | None) -> str:
    """`Mar 12, 9:58 AM` in the company's zone; empty for nothing."""
    return moment(instant, _zone()) if instant else ""


def local_date(day: date | datetime | None) -> str:
    """`Mar 12` (the year is added if it is not this one)."""
    if isinstance(day, datetime):
        day = day.astimezone(ZoneInfo(_zone())).date()
    return short_date(day, _zone()) if day else ""


def local_long_date(day: date | datetime | None) -> str:
    """`Thu, Mar 12`."""
    if isinstance(day, datetime):
        day = day.astimezone(ZoneInfo(_zone())).date()
    return long_date(day, _zone()) if day else ""
