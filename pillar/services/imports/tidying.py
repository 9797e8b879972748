"""One row of a spreadsheet -> clean values, or the reason why not. Pure: no database, no clock."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pillar import emails
from pillar.errors import RuleViolation
from pillar.phones import PhoneParts, parse
from pillar.services.imports.letter_case import Style, readable
from pillar.services.imports.states import state_code
from pillar.text import clean_line

# What databases and surveys write where nothing is known (`M`: IMLS; -1 … -9: skipped, refused, closed).
_MISSING = frozenset({"", "-", "--", "?", "-1", "-3", "-4", "-9"})
_MISSING_WORDS = _MISSING | {"M", "N/A", "NA", "#N/A", "NULL", "NONE", "NIL", "UNKNOWN"}
_SAME = re.compile(r"SAME\b.*|AS ABOVE|SEE ABOVE|DITTO", re.IGNORECASE)
_BACKTICKS = str.maketrans({"`": "'", "\u00b4": "'", "\u2018": "'", "\u2019": "'"})
_ZIP = re.compile(r"(\d{3,5})(?:\.0)?")
_ZIP_PLUS_4 = re.compile(r"(\d{3,5})[- ](\d{1,4})")
_ZIP_RUN_ON = re.compile(r"\d{7,9}")
_PLUS_4 = re.compile(r"(\d{1,4})(?:\.0)?")
_SEVERAL_PHONES = re.compile(r"[;|/]|\bor\b", re.IGNORECASE)
_SEVERAL_EMAILS = re.compile(r"[;,\s]+")
_LONGEST = {"street": 200, "city": 100, "state": 50, "postal code": 20}
_NAME_LENGTH, _ID_LENGTH, _PHONE_LENGTH, _TAG_LENGTH = 200, 80, 80, 40
_NO_NAME = "There is no name in this row."


@dataclass(frozen=True, slots=True)
class Address:
    """A clean address; every part may be empty."""

    street: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""

    def __bool__(self) -> bool:
        return bool(self.street or self.city or self.state or self.postal_code)


@dataclass(frozen=True, slots=True)
class CleanRow:
    """A row that can become a customer."""

    name: str
    is_company: bool
    external_id: str = ""
    person: str = ""
    emails: tuple[str, ...] = ()
    phones: tuple[PhoneParts, ...] = ()
    service: Address = field(default_factory=Address)
    billing: Address = field(default_factory=Address)
    latitude: float | None = None
    longitude: float | None = None
    tags: tuple[str, ...] = ()


def tidy(cells: Mapping[str, str]) -> CleanRow:
    """Clean one row, by the column names of `pillar.services.imports.columns`; RuleViolation says why not."""
    cells = {name: _line(value) for name, value in cells.items()}
    company, person = _names(cells)
    name = company or person
    if not name:
        raise RuleViolation(_NO_NAME)
    _check_length("name", name, _NAME_LENGTH)
    external_id = _text(cells, "external_id")
    _check_length("ID", external_id, _ID_LENGTH)
    service = _address(cells, "service", with_plus_4=True)
    latitude, longitude = coordinates(cells.get("latitude", ""), cells.get("longitude", ""))
    return CleanRow(
        name=name,
        is_company=bool(company),
        external_id=external_id,
        person=person[:_NAME_LENGTH],
        emails=_emails(_text(cells, "email")),
        phones=_phones(cells),
        service=service,
        billing=_billing(cells, service),
        latitude=latitude,
        longitude=longitude,
        tags=_tags(_text(cells, "tags")),
    )


def is_missing(value: str) -> bool:
    """Whether a cell says that nothing is known."""
    return value.strip().upper() in _MISSING_WORDS


def postal_code(raw: str, plus_4: str = "") -> str:
    """`1833` and `12` -> `01833-0012`: zeros that a spreadsheet took for a number come back."""
    if found := _ZIP.fullmatch(raw):
        main, rest = found[1], ""
    elif found := _ZIP_PLUS_4.fullmatch(raw):
        main, rest = found[1], found[2]
    elif _ZIP_RUN_ON.fullmatch(raw):
        main, rest = raw[:-4], raw[-4:]
    else:
        return raw.upper()
    rest = rest or (more[1] if (more := _PLUS_4.fullmatch(plus_4)) else "")
    return f"{main:0>5}-{rest:0>4}" if rest.strip("0") else f"{main:0>5}"


def coordinates(latitude: str, longitude: str) -> tuple[float | None, float | None]:
    """Both when both are on the globe, else neither; 0, 0 is what broken exports write."""
    try:
        north, east = float(latitude), float(longitude)
    except ValueError:
        return None, None
    on_the_globe = math.isfinite(north) and math.isfinite(east) and abs(north) <= 90 and abs(east) <= 180  # noqa: PLR2004
    return (north, east) if on_the_globe and (north, east) != (0, 0) else (None, None)


def _line(value: str) -> str:
    return clean_line(value.translate(_BACKTICKS))


def _text(cells: Mapping[str, str], column: str) -> str:
    value = cells.get(column, "")
    return "" if is_missing(value) else value


def _names(cells: Mapping[str, str]) -> tuple[str, str]:
    """The company, and the person (or the name of a kind that the file does not say)."""
    # `M` may be somebody's initial and Null somebody's name, so only the bare marks count as missing here.
    parts = {
        column: "" if (value := cells.get(column, "")) in _MISSING else readable(value)
        for column in ("company", "first_name", "last_name", "contact")
    }
    name = readable(_text(cells, "name"))
    company = "" if is_missing(parts["company"]) else parts["company"]
    person = f"{parts['first_name']} {parts['last_name']}".strip() or parts["contact"]
    return company, (person or name) if company else (name or person)


def _address(cells: Mapping[str, str], which: str, *, with_plus_4: bool) -> Address:
    street = readable(_text(cells, f"{which}_street"), Style.STREET)
    second = readable(_text(cells, f"{which}_street_2"), Style.STREET)
    plus_4 = _text(cells, f"{which}_plus_4") if with_plus_4 else ""
    address = Address(
        street=", ".join(part for part in (street, second) if part),
        city=readable(_text(cells, f"{which}_city"), Style.STREET),
        state=state_code(_text(cells, f"{which}_state")),
        postal_code=postal_code(_text(cells, f"{which}_zip"), plus_4),
    )
    for (label, longest), value in zip(
        _LONGEST.items(), (address.street, address.city, address.state, address.postal_code), strict=True
    ):
        _check_length(f"{which} {label}", value, longest)
    return address


def _billing(cells: Mapping[str, str], service: Address) -> Address:
    if _SAME.fullmatch(cells.get("billing_street", "")):
        return service
    billing = _address(cells, "billing", with_plus_4=True)
    # The four digits were given once, for the street that both addresses name.
    is_same = (billing.street, billing.city, billing.state) == (service.street, service.city, service.state)
    return service if is_same and service.postal_code.startswith(billing.postal_code) else billing


def _emails(cell: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for typed in filter(None, _SEVERAL_EMAILS.split(cell)):
        try:
            found[emails.normalized(typed.removeprefix("mailto:"))] = None
        except RuleViolation:
            raise RuleViolation(f"“{typed[:80]}” is not an email address.") from None
    return tuple(found)


def _phones(cells: Mapping[str, str]) -> tuple[PhoneParts, ...]:
    """All numbers of the row, once each. What cannot be a number is kept as it was typed."""
    found: dict[str, PhoneParts] = {}
    for column in ("phone", "phone_2", "phone_3", "phone_4"):
        if not (cell := _text(cells, column)):
            continue
        whole = parse(cell.removesuffix(".0"))
        pieces = (whole,) if whole.e164 else map(parse, _SEVERAL_PHONES.split(cell))
        for piece in pieces:
            raw = piece.raw.strip()[:_PHONE_LENGTH]
            if raw and not is_missing(raw):
                found.setdefault(piece.e164 or raw, PhoneParts(raw, piece.e164))
    return tuple(found.values())


def _tags(cell: str) -> tuple[str, ...]:
    words = (word.strip()[:_TAG_LENGTH] for word in re.split(r"[;,|]", cell))
    return tuple(dict.fromkeys(word for word in words if word))


def _check_length(what: str, value: str, longest: int) -> None:
    if len(value) > longest:
        raise RuleViolation(f"The {what} is longer than {longest} characters.")
