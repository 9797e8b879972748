"""Which column of a spreadsheet is what, by forgiving reading of its head."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pillar.text import fold

_NAMES: Mapping[str, tuple[str, ...]] = {
    "external_id": (
        "id|customer id|client id|account id|external id|account|account no|account number",
        "customer no|customer number|client no|client number",
    ),
    "company": ("company|company name|business|business name|organization|organisation|organization name",),
    "name": (
        "name|customer|customer name|client|client name|display name|full name|customer full name",
        "account name",
    ),
    "first_name": ("first name|firstname|first|given name|contact first name",),
    "last_name": ("last name|lastname|last|surname|family name|contact last name",),
    "contact": ("contact|contact name|contact person|primary contact|attention|attn",),
    "email": (
        "email|e mail|email address|e mail address|emails|main email|primary email|email 1|contact email",
    ),
    "phone": (
        "phone|telephone|tel|phone number|phone numbers|telephone number|main phone|primary phone|phone 1",
        "contact phone",
    ),
    "phone_2": (
        "mobile|mobile phone|mobile number|cell|cell phone|cell number|phone 2|alt phone|alternate phone",
    ),
    "phone_3": ("home phone|home number|phone 3|other phone",),
    "phone_4": ("work phone|work number|business phone|office phone|phone 4",),
    "latitude": ("latitude|lat|y",),
    "longitude": ("longitude|lng|lon|long|x",),
    "tags": ("tags|tag|labels|groups",),
}
_PARTS: Mapping[str, tuple[str, ...]] = {
    "street": (
        "street|address|street address|address 1|address line 1|street 1|street line 1|line 1",
        "address line|street name",
    ),
    "street_2": ("address 2|address line 2|street 2|street line 2|line 2|unit|suite|apt|apartment",),
    "city": ("city|town|city town",),
    "state": ("state|province|region|state province|st",),
    "zip": ("zip|zip code|zipcode|postal code|postcode|post code|zip postal code",),
    "plus_4": ("zip 4|zip plus 4|plus 4|zip4",),
}
_PREFIXES: Mapping[str, tuple[str, ...]] = {
    "billing": ("billing|bill to|bill|mailing|mail|invoice|invoicing",),
    "service": (
        "service|service location|service property|property|site|job|location|ship to|shipping|physical",
        "street",
    ),
}


def _each(spellings: tuple[str, ...]) -> list[str]:
    return "|".join(spellings).split("|")


def _spellings() -> dict[str, str]:
    known = {name: column for column, names in _NAMES.items() for name in _each(names)}
    for part, names in _PARTS.items():
        for name in _each(names):
            known[name] = f"service_{part}"
            for which, prefixes in _PREFIXES.items():
                known |= {f"{prefix} {name}": f"{which}_{part}" for prefix in _each(prefixes)} | known
    return known


_KNOWN = _spellings()
_HEAD_MARKS = re.compile(r"[^a-z0-9]+")
WITH_NAMES = frozenset({"company", "name", "first_name", "last_name", "contact"})


def recognized(heads: Sequence[str]) -> list[str]:
    """For each column what it is to us, or nothing; of two that are the same the first one counts."""
    found: list[str] = []
    for head in heads:
        column = _KNOWN.get(_HEAD_MARKS.sub(" ", fold(head)).strip(), "")
        found.append("" if column in found else column)
    return found
