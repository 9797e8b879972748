"""What the columns of a spreadsheet can be to us, and a guess from their headings."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pillar.text import fold


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a column can hold. Several columns may be the same one where `is_many`."""

    key: str
    label: str
    group: str
    is_many: bool = False


_CUSTOMER, _REACH, _SERVICE, _BILLING = "Customer", "Name and contact", "Service location", "Billing address"
_PARTS = (
    ("street", "street"),
    ("street_2", "street, second line"),
    ("city", "city"),
    ("state", "state"),
    ("zip", "ZIP code"),
    ("plus_4", "ZIP+4"),
)
FIELDS: Sequence[Field] = (
    Field("name", "Name", _REACH),
    Field("company", "Company name", _REACH),
    Field("first_name", "First name", _REACH),
    Field("last_name", "Last name", _REACH),
    Field("contact", "Contact person", _REACH),
    Field("email", "Email", _REACH, is_many=True),
    Field("phone", "Phone", _REACH, is_many=True),
    Field("service_whole", "Whole service address in one cell", _SERVICE, is_many=True),
    *(Field(f"service_{part}", f"Service {label}", _SERVICE) for part, label in _PARTS),
    Field("service_label", "Name of the place", _SERVICE),
    Field("access_notes", "Access notes", _SERVICE, is_many=True),
    Field("latitude", "Latitude", _SERVICE),
    Field("longitude", "Longitude", _SERVICE),
    Field("billing_whole", "Whole billing address in one cell", _BILLING, is_many=True),
    *(Field(f"billing_{part}", f"Billing {label}", _BILLING) for part, label in _PARTS),
    Field("external_id", "ID in the other software", _CUSTOMER),
    Field("jobber_id", "Jobber ID", _CUSTOMER),
    Field("tags", "Tags", _CUSTOMER, is_many=True),
    Field("do_not_service", "Do not service", _CUSTOMER),
    Field("status", "Active or archived", _CUSTOMER),
    Field("notes", "Private notes", _CUSTOMER, is_many=True),
)
_MORE_PLACE = re.compile(r"place_(\d{1,3})_(street|street_2|city|state|zip|plus_4|label|notes|billing)")
_SAME_AS_FIRST = "service_billing"
_MANY = frozenset(field.key for field in FIELDS if field.is_many)
_KEYS = frozenset(field.key for field in FIELDS) | {_SAME_AS_FIRST}
WITH_NAMES = frozenset({"company", "name", "first_name", "last_name", "contact"})

# What our own file of rejects adds; never read.
ROW_HEAD, REASON_HEAD = "Row in the file", "Why it did not come in"

_NAMES: Mapping[str, str] = {
    "external_id": (
        "id|customer id|client id|account id|external id|account|account no|account number|account num"
        "|customer no|customer number|client no|client number"
    ),
    "company": "company|company name|business|business name|organization|organisation|organization name",
    "name": (
        "name|customer|customer name|client|client name|display name|full name|customer full name|account name"
        "|customer display name"
    ),
    "first_name": "first name|firstname|first|given name|contact first name",
    "last_name": "last name|lastname|last|surname|family name|contact last name",
    "contact": "contact|contact name|contact person|primary contact|attention|attn",
    "email": (
        "email|e mail|email address|e mail address|emails|e mails|main email|primary email|email 1|email 2"
        "|contact email|other email|additional emails|additional email|cc email"
    ),
    "phone": (
        "phone|phones|telephone|tel|phone number|phone numbers|telephone number|main phone|primary phone"
        "|contact phone|mobile|mobile phone|mobile number|cell|cell phone|cell number|alt phone|alternate phone"
        "|home phone|home number|other phone|work phone|work number|business phone|office phone|phone 1|phone 2"
        "|phone 3|phone 4|main phone number|customer phone"
    ),
    "latitude": "latitude|lat|y",
    "longitude": "longitude|lng|lon|long|x",
    "tags": "tags|tag|labels|groups|customer tags",
    "notes": "notes|note|private notes|customer notes|comments|remarks|memo",
    "access_notes": "access notes|gate code|property notes|location notes",
    "status": "status|active status|archived|customer status|client status",
    "do_not_service": "do not service",
    "service_whole": "full address|whole address|complete address|service address full|full service address",
    "billing_whole": "full billing address|billing address full",
}
_PART_NAMES: Mapping[str, str] = {
    "street": (
        "street|address|street address|address 1|address line 1|street 1|street line 1|line 1|address line|street name"
    ),
    "street_2": "address 2|address line 2|street 2|street line 2|line 2|unit|suite|apt|apartment",
    "city": "city|town|city town",
    "state": "state|province|region|state province|st",
    "zip": "zip|zip code|zipcode|postal code|postcode|post code|zip postal code",
    "plus_4": "zip 4|zip plus 4|plus 4|zip4",
}
_PREFIXES: Mapping[str, str] = {
    "billing": "billing|bill to|bill|mailing|mail|invoice|invoicing",
    "service": (
        "service|service location|service property|property|site|job|location|ship to|ship|shipping|physical|street"
    ),
}
_HEAD_MARKS = re.compile(r"[^a-z0-9]+")


def _spellings() -> dict[str, str]:
    known = {name: column for column, names in _NAMES.items() for name in names.split("|")}
    for part, names in _PART_NAMES.items():
        for name in names.split("|"):
            known[name] = f"service_{part}"
            for which, prefixes in _PREFIXES.items():
                known |= {f"{prefix} {name}": f"{which}_{part}" for prefix in prefixes.split("|")} | known
    return known


_KNOWN = _spellings()


def plain_head(head: str) -> str:
    """A heading without capitals and marks: `Main Phone #s` -> `main phone s`."""
    return _HEAD_MARKS.sub(" ", fold(head)).strip()


_OURS = frozenset({plain_head(ROW_HEAD), plain_head(REASON_HEAD)})


def recognized(heads: Sequence[str], special: Mapping[str, str] | None = None) -> list[str]:
    """For each column what it is to us, or nothing; of two that are the same the first one counts."""
    found: list[str] = []
    for head in map(plain_head, heads):
        column = "" if head in _OURS else {**_KNOWN, **(special or {})}.get(head, "")
        found.append("" if column in found and not is_many(column) else column)
    return _whole_where_alone(found)


def _whole_where_alone(columns: list[str]) -> list[str]:
    """A street with no city, state or ZIP beside it holds the whole address."""
    for which in ("service", "billing"):
        if not {f"{which}_city", f"{which}_state", f"{which}_zip"} & set(columns):
            columns = [f"{which}_whole" if column == f"{which}_street" else column for column in columns]
    return columns


def is_many(key: str) -> bool:
    """Whether several columns may hold it."""
    return key in _MANY


def is_further_place(key: str) -> bool:
    """Whether it belongs to a customer's second, third … address."""
    return _MORE_PLACE.fullmatch(key) is not None


def is_field(key: str) -> bool:
    """Whether there is such a field."""
    return key in _KEYS or is_further_place(key)


def label_of(key: str) -> str:
    """A field's words with its group's, for a list of all of them."""
    if more := _MORE_PLACE.fullmatch(key):
        return f"Address {more[1]}: {more[2].replace('_', ' ')}"
    if key == _SAME_AS_FIRST:
        return "Bills go to the service location"
    return next((field.label for field in FIELDS if field.key == key), "")


def extra_fields(columns: Sequence[str]) -> list[Field]:
    """Fields that only this file has (a second, third … address), in its order."""
    known = {field.key for field in FIELDS}
    keys = dict.fromkeys(column for column in columns if column and column not in known)
    return [Field(key, label_of(key), "More of this file") for key in keys]


def place_keys(columns: Sequence[str]) -> list[str]:
    """`place_2`, `place_3` … as far as the file has them."""
    further = [column for column in columns if column.startswith("place_")]
    numbers = {int(more[1]) for column in further if (more := _MORE_PLACE.fullmatch(column))}
    return [f"place_{number}" for number in sorted(numbers)]


def heads_digest(heads: Sequence[str]) -> str:
    """The name of a set of headings, whatever their order and capitals."""
    plain = sorted(head for head in map(plain_head, heads) if head not in _OURS)
    return hashlib.sha256("\x1f".join(plain).encode()).hexdigest()
