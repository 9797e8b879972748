"""Which software wrote a file, by its headings, and what that software's own headings mean.

The headings are those of the customer exports of Jobber (clients), Housecall Pro (customers) and QuickBooks: Online's
contact list and customer list, Desktop's customer list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pillar.services.imports.columns import plain_head, recognized

_LEFT_OUT = ""
_HOUSECALL_ADDRESS = re.compile(r"address (\d{1,3}) (.+)")
_HOUSECALL_PARTS = {
    "street line 1": "street",
    "street line 2": "street_2",
    "city": "city",
    "state": "state",
    "postal code": "zip",
    "zip": "zip",
    "notes": "notes",
    "billing": "billing",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """One program. All `marks` of one set stand among the headings of its exports."""

    key: str
    name: str
    marks: Sequence[frozenset[str]]
    meanings: Mapping[str, str] = field(default_factory=dict)
    meaning_of: Callable[[str], str | None] = lambda _head: None


def _each(words: str, key: str) -> dict[str, str]:
    return dict.fromkeys(words.split("|"), key)


def _housecall_address(head: str) -> str | None:
    """`Address_2 City` of Housecall Pro, which writes as many addresses as its busiest customer has."""
    found = _HOUSECALL_ADDRESS.fullmatch(head)
    part = _HOUSECALL_PARTS.get(found[2]) if found else None
    if found is None or part is None:
        return None
    if found[1] == "1":
        return "access_notes" if part == "notes" else f"service_{part}"
    return f"place_{found[1]}_{part}"


JOBBER = Origin(
    "jobber",
    "Jobber",
    (frozenset({"j id"}), frozenset({"main phone s", "e mails"})),
    {
        "j id": "jobber_id",
        **_each(
            "main phone s|mobile phone s|home phone s|work phone s|text message enabled phone s", "phone"
        ),
        "service property name": "service_label",
        "client": "name",
        "title": _LEFT_OUT,
        "lead source": _LEFT_OUT,
    },
)
HOUSECALL = Origin(
    "housecall",
    "Housecall Pro",
    (
        frozenset({"address 1 street line 1"}),
        frozenset({"display name", "mobile number", "home number"}),
    ),
    {"role": _LEFT_OUT, "lead source": _LEFT_OUT},
    _housecall_address,
)
QUICKBOOKS = Origin(
    "quickbooks",
    "QuickBooks",
    (
        frozenset({"customer full name"}),
        frozenset({"active status", "customer", "main phone"}),
        frozenset({"customer", "bill to 1"}),
        frozenset({"name", "company name", "street address", "open balance"}),
    ),
    {
        **_each(
            "bill to 1|bill to 2|bill to 3|bill to 4|bill to 5|bill address|billing address", "billing_whole"
        ),
        **_each("invoice to 1|invoice to 2|invoice to 3|invoice to 4|invoice to 5", "billing_whole"),
        **_each(
            "ship to 1|ship to 2|ship to 3|ship to 4|ship to 5|ship address|shipping address", "service_whole"
        ),
        "full name": "contact",
        "customer type": _LEFT_OUT,
        "job status": _LEFT_OUT,
        "job title": _LEFT_OUT,
    },
)
ORIGINS: Sequence[Origin] = (JOBBER, HOUSECALL, QUICKBOOKS)


def origin_of(heads: Sequence[str]) -> Origin | None:
    """The program that wrote these headings, if it is one that we know."""
    plain = set(map(plain_head, heads))
    return next((one for one in ORIGINS if any(marks <= plain for marks in one.marks)), None)


def guess(heads: Sequence[str]) -> tuple[str, list[str]]:
    """The program's key, or nothing, and what each column is taken for."""
    origin = origin_of(heads)
    if origin is None:
        return "", recognized(heads)
    special = dict(origin.meanings)
    for head in map(plain_head, heads):
        if (meaning := origin.meaning_of(head)) is not None:
            special[head] = meaning
    return origin.key, recognized(heads, special)


def origin_name(key: str) -> str:
    """`Housecall Pro` for `housecall`."""
    return next((one.name for one in ORIGINS if one.key == key), "")
