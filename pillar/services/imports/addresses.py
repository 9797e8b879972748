"""A whole address in one cell -> its four parts."""

from __future__ import annotations

import re

import usaddress

from pillar.services.imports.states import STATE_CODES, state_code
from pillar.text import clean_line

_COUNTRY = re.compile(r"[\s,]+(?:U\.?S\.?A?\.?|United States(?: of America)?)\.?$", re.IGNORECASE)
# `…, Dayton, OH 45402-1234`, as most programs write it. What does not look like this is left to usaddress.
_PLAIN = re.compile(
    r"(?P<street>.+?),\s*(?P<city>[^,\d]{2,60}?),?\s+(?P<state>[A-Za-z]{2}|[A-Za-z]{4,}(?: [A-Za-z]{4,})?)[.,]?\s+"
    r"(?P<zip>\d{5}(?:-\d{4})?)"
)
_BULLET = "•"
_LABELS = {"PlaceName": "city", "StateName": "state", "ZipCode": "zip"}
Parts = tuple[str, str, str, str]


def split_address(cell: str) -> Parts:
    """Street, city, state and ZIP code. What cannot be told apart stays in the street, as it was typed."""
    lines = [clean_line(line) for line in cell.replace(_BULLET, "\n").splitlines()]
    whole = _COUNTRY.sub("", ", ".join(line.strip(" ,") for line in lines if line.strip(" ,")))
    if (plain := _PLAIN.fullmatch(whole)) and state_code(plain["state"]) in STATE_CODES:
        return plain["street"], plain["city"], plain["state"], plain["zip"]
    return _parsed(whole)


def _parsed(whole: str) -> Parts:
    found: dict[str, list[str]] = {"street": [], "city": [], "state": [], "zip": []}
    for token, label in usaddress.parse(whole):
        # Whatever is not one of the three stays in the street: no word of the cell is lost.
        found[_LABELS.get(label, "street")].append(token)
    street, city, state, zip_code = (" ".join(tokens).strip(" ,") for tokens in found.values())
    if not zip_code and state_code(state) not in STATE_CODES:
        # Nothing says that the rest was understood.
        return whole, "", "", ""
    return (street, city, state, zip_code) if street or city else (whole, "", "", "")
