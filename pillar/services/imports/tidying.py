"""One row of a spreadsheet -> clean values, or the reason why not. Pure: no database, no clock."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from pillar import emails
from pillar.errors import RuleViolation
from pillar.phones import PhoneParts, parse
from pillar.services.imports.addresses import split_address
from pillar.services.imports.columns import place_keys
from pillar.services.imports.letter_case import Style, readable
from pillar.services.imports.states import state_code
from pillar.text import clean_line, clean_text

# What databases and surveys write where nothing is known (`M`: IMLS; -1 … -9: skipped, refused, closed).
_MISSING = frozenset({"", "-", "--", "?", "-1", "-3", "-4", "-9"})
_MISSING_WORDS = _MISSING | {"M", "N/A", "NA", "#N/A", "NULL", "NONE", "NIL", "UNKNOWN"}
_SAME = re.compile(r"SAME\b.*|AS ABOVE|SEE ABOVE|DITTO", re.IGNORECASE)
_BACKTICKS = str.maketrans({"`": "'", "\u00b4": "'", "\u2018": "'", "\u2019": "'"})
_ZIP = re.compile(r"(\d{3,5})(?:\.0)?")
_ZIP_PLUS_4 = re.compile(r"(\d{3,5})[- ](\d{1,4})")
_ZIP_RUN_ON = re.compile(r"\d{7,9}")
_PLUS_4 = re.compile(r"(\d{1,4})(?:\.0)?")
_SEVERAL_PHONES = re.compile(r"[;|/,]|\bor\b", re.IGNORECASE)
_PLAIN_PHONE = re.compile(r"(?:\+?1[ .-]?)?\(?[2-9]\d\d\)?[ .-]?\d{3}[ .-]?\d{4}", re.ASCII)
_PLAIN_LOCAL = re.compile(r"[A-Za-z0-9]+(?:[._+-][A-Za-z0-9]+)*")
_LOCAL_LENGTH = 64
_PHONE_LABEL = re.compile(r"\b(?:phone|mobile|cell|home|work|office|main|other|tel)\s*:", re.IGNORECASE)
_FAX = re.compile(r"\bfax\s*:[^\n;a-z]*", re.IGNORECASE)
_SEVERAL_TAGS = re.compile(r"[;,|\n]")
_YES = frozenset({"true", "yes", "y", "1", "x"})
_NO = frozenset({"false", "no", "n", "0", "active"})
_INACTIVE = frozenset({"inactive", "archived", "not active", "not-active", "deleted"})
# `Wednesday, September 30, 2026 01:46 PM GMT-05:00`, or the sum at the end.
_REPORT_END = re.compile(r"\w+day, \w+ \d{1,2}, \d{4}\b.*|TOTAL", re.IGNORECASE)
_SEVERAL_EMAILS = re.compile(r"[;,\s]+")
_LONGEST = {"street": 200, "city": 100, "state": 50, "postal code": 20}
_NAME_LENGTH, _ID_LENGTH, _PHONE_LENGTH, _TAG_LENGTH = 200, 80, 80, 40
_LABEL_LENGTH, _NOTES_LENGTH = 100, 5_000
_NO_NAME = "There is no name in this row."
_NO_CUSTOMER = "This is the last line of a report, not a customer."


@dataclass(frozen=True, slots=True)
class Address:
    """A clean address; every part may be empty."""

    street: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""

    def __bool__(self) -> bool:
        return bool(self.street or self.city or self.state or self.postal_code)


_NOWHERE = Address()


@dataclass(frozen=True, slots=True)
class Place:
    """A place we work at."""

    address: Address
    label: str = ""
    access_notes: str = ""
    latitude: float | None = None
    longitude: float | None = None


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
    label: str = ""
    access_notes: str = ""
    more_places: tuple[Place, ...] = ()
    notes: str = ""
    is_inactive: bool | None = None

    @property
    def places(self) -> list[Place]:
        """Every place we work at, the first one first."""
        first = Place(self.service, self.label, self.access_notes, self.latitude, self.longitude)
        return [place for place in (first, *self.more_places) if place.address]


def tidy(cells: Mapping[str, str]) -> CleanRow:
    """Clean one row, by the keys of `pillar.services.imports.columns`; RuleViolation says why not."""
    raw = {name: value.translate(_BACKTICKS) for name, value in cells.items()}
    cells = {name: clean_line(value) for name, value in raw.items()}
    company, person = _names(cells)
    name = company or person
    if not name:
        raise RuleViolation(_NO_NAME)
    if _REPORT_END.fullmatch(name):
        raise RuleViolation(_NO_CUSTOMER)
    _check_length("name", name, _NAME_LENGTH)
    service = _address(cells, raw, "service")
    more = [(which, _address(cells, raw, which)) for which in place_keys(list(cells))]
    latitude, longitude = coordinates(cells.get("latitude", ""), cells.get("longitude", ""))
    return CleanRow(
        name=name,
        is_company=bool(company),
        external_id=_external_id(cells),
        person=person[:_NAME_LENGTH],
        emails=_emails(raw.get("email", "")),
        phones=_phones(raw.get("phone", "")),
        service=service,
        billing=_billing(cells, raw, [("service", service), *more]),
        latitude=latitude,
        longitude=longitude,
        tags=_tags(raw.get("tags", ""), cells.get("do_not_service", "")),
        label=_text(cells, "service_label")[:_LABEL_LENGTH],
        access_notes=clean_text(raw.get("access_notes", ""))[:_NOTES_LENGTH],
        more_places=tuple(_place(cells, which, address) for which, address in more if address),
        notes=clean_text(raw.get("notes", ""))[:_NOTES_LENGTH],
        is_inactive=_is_inactive(cells.get("status", "")),
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


def _external_id(cells: Mapping[str, str]) -> str:
    # Jobber writes a line for each property of a client: `<client>_<property>`.
    external_id = _text(cells, "external_id") or _text(cells, "jobber_id").partition("_")[0]
    _check_length("ID", external_id, _ID_LENGTH)
    return external_id


def _address(cells: Mapping[str, str], raw: Mapping[str, str], which: str) -> Address:
    parts = [_text(cells, f"{which}_{part}") for part in ("street", "city", "state", "zip")]
    if not any(parts) and f"{which}_whole" not in raw and f"{which}_street_2" not in raw:
        return _NOWHERE
    if not any(parts) and (whole := raw.get(f"{which}_whole", "")) and not is_missing(whole):
        parts = list(split_address(_without_name(cells, whole)))
    elif parts[1]:
        # Jobber repeats city, state and ZIP behind a bullet.
        parts[0] = parts[0].partition(" • ")[0]
    street = readable(parts[0], Style.STREET)
    second = readable(_text(cells, f"{which}_street_2"), Style.STREET)
    address = Address(
        street=", ".join(part for part in (street, second) if part),
        city=readable(parts[1], Style.STREET),
        state=state_code(parts[2]),
        postal_code=postal_code(parts[3], _text(cells, f"{which}_plus_4")),
    )
    for (label, longest), value in zip(
        _LONGEST.items(), (address.street, address.city, address.state, address.postal_code), strict=True
    ):
        _check_length(f"{which.replace('_', ' ')} {label}", value, longest)
    return address


def _without_name(cells: Mapping[str, str], whole: str) -> str:
    """QuickBooks begins an address with the lines of the envelope: whose it is."""
    names = {cells.get(column, "").casefold() for column in ("name", "company", "contact")}
    names.add(f"{cells.get('first_name', '')} {cells.get('last_name', '')}".casefold())
    lines = whole.splitlines()
    while len(lines) > 1 and clean_line(lines[0]).casefold() in names:
        lines = lines[1:]
    return "\n".join(lines)


def _place(cells: Mapping[str, str], which: str, address: Address) -> Place:
    return Place(
        address,
        _text(cells, f"{which}_label")[:_LABEL_LENGTH],
        clean_text(cells.get(f"{which}_notes", ""))[:_NOTES_LENGTH],
    )


def _billing(
    cells: Mapping[str, str], raw: Mapping[str, str], places: Sequence[tuple[str, Address]]
) -> Address:
    service = places[0][1]
    if _SAME.fullmatch(cells.get("billing_street", "") or cells.get("billing_whole", "")):
        return service
    billing = _address(cells, raw, "billing")
    if not billing:
        marked = (address for which, address in places if _is_yes(cells.get(f"{which}_billing", "")))
        return next(marked, billing)
    # The four digits were given once, for the street that both addresses name.
    is_same = (billing.street, billing.city, billing.state) == (service.street, service.city, service.state)
    return service if is_same and service.postal_code.startswith(billing.postal_code) else billing


def _emails(cell: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for typed in _SEVERAL_EMAILS.split(cell):
        if not typed or is_missing(typed):
            continue
        try:
            found[_email(typed.removeprefix("mailto:"))] = None
        except RuleViolation:
            raise RuleViolation(f"“{typed[:80]}” is not an email address.") from None
    return tuple(found)


def _email(typed: str) -> str:
    """As `emails.normalized`; of a plain address only the domain is checked, and that once."""
    local, _at, domain = typed.rpartition("@")
    if len(typed) <= emails.MAX_LENGTH and len(local) <= _LOCAL_LENGTH and _PLAIN_LOCAL.fullmatch(local):
        return f"{local.lower()}@{_domain(domain)}"
    return emails.normalized(typed)


@lru_cache(maxsize=4096)
def _domain(domain: str) -> str:
    return emails.normalized(f"x@{domain}").partition("@")[2]


def _parsed(typed: str) -> PhoneParts:
    """As `parse`; ten digits written as they are at home need no library, which is slow."""
    if _PLAIN_PHONE.fullmatch(typed):
        return PhoneParts(typed, f"+1{''.join(char for char in typed if char.isdigit())[-10:]}")
    return parse(typed)


def _phones(cell: str) -> tuple[PhoneParts, ...]:
    """All numbers of the row, once each. What cannot be a number is kept as it was typed."""
    found: dict[str, PhoneParts] = {}
    # `Phone:(555) 010-1234 Mobile:…` is how QuickBooks writes them; nobody calls a fax.
    cell = _PHONE_LABEL.sub("\n", _FAX.sub("\n", cell))
    for line in map(clean_line, cell.splitlines()):
        if is_missing(line):
            continue
        whole = _parsed(line.removesuffix(".0"))
        pieces = (whole,) if whole.e164 else map(_parsed, _SEVERAL_PHONES.split(line))
        for piece in pieces:
            number = piece.raw.strip()[:_PHONE_LENGTH]
            if number and not is_missing(number):
                found.setdefault(piece.e164 or number, PhoneParts(number, piece.e164))
    return tuple(found.values())


def _tags(cell: str, do_not_service: str) -> tuple[str, ...]:
    words = [word.strip()[:_TAG_LENGTH] for word in _SEVERAL_TAGS.split(cell)]
    if _is_yes(do_not_service):
        words.append("Do not service")
    return tuple(dict.fromkeys(word for word in words if word and not is_missing(word)))


def _is_yes(cell: str) -> bool:
    return cell.strip().casefold() in _YES


def _is_inactive(cell: str) -> bool | None:
    word = cell.strip().casefold()
    if word in _YES or word in _INACTIVE:
        return True
    return False if word in _NO else None


def _check_length(what: str, value: str, longest: int) -> None:
    if len(value) > longest:
        raise RuleViolation(f"The {what} is longer than {longest} characters.")
