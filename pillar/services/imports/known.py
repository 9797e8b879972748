"""A customer as far as rows of a file are compared with it, and what a row would change about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Self

from pillar.models.imports import UpdateMode
from pillar.services.customer_parts import MAX_PHONES
from pillar.services.customers import MAX_TAGS
from pillar.services.imports.tidying import Address, CleanRow, Place
from pillar.text import fold

# What makes two customers one: the kind of sign, the folded name, the sign.
Sign = tuple[str, str, str]
SORT_NAME_LENGTH = 200


def sort_name(name: str) -> str:
    """The name as it is sorted and compared."""
    return fold(name)[:SORT_NAME_LENGTH]


def place_sign(address: Address) -> str:
    """An address without what people write differently: marks, spaces, capitals."""
    parts = (address.street, address.city, address.state)
    return "|".join("".join(char for char in fold(part) if char.isalnum()) for part in parts)


@dataclass(slots=True)
class KnownPlace:
    """A place of a customer; `id` is nothing while it is not written."""

    address: Address
    id: int | None = None
    latitude: float | None = None
    longitude: float | None = None


@dataclass(slots=True)
class Known:
    """One customer. `id` is nothing while it is only a row of this file, `row` that row's number."""

    name: str
    id: int | None = None
    row: int | None = None
    external_id: str = ""
    billing: Address = field(default_factory=Address)
    places: list[KnownPlace] = field(default_factory=list)
    contact_id: int | None = None
    contact_name: str = ""
    email: str = ""
    all_emails: list[str] = field(default_factory=list)
    phones: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    is_inactive: bool = False

    @property
    def key(self) -> str:
        """A name for it within one file."""
        return f"c{self.id}" if self.id else f"r{self.row}"

    def signs(self) -> Iterator[Sign]:
        """What it is found by."""
        if self.external_id:
            yield "id", self.name, self.external_id
        addresses = [self.billing, *(place.address for place in self.places)]
        yield from (("at", self.name, place_sign(address)) for address in addresses if address)
        ways = [*self.all_emails, *self.phones]
        yield from (("reach", self.name, way) for way in ways)
        if not any(addresses) and not ways:
            yield "bare", self.name, ""

    def to_json(self) -> str:
        """As text, for the dry run's memory."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Back from text."""
        values = json.loads(text)
        places = [
            KnownPlace(**{**place, "address": Address(**place["address"])}) for place in values["places"]
        ]
        return cls(**{**values, "billing": Address(**values["billing"]), "places": places})

    @classmethod
    def from_row(cls, row: CleanRow, number: int) -> Self:
        """The customer that a row makes."""
        return cls(
            sort_name(row.name),
            row=number,
            external_id=row.external_id,
            billing=row.billing,
            places=[KnownPlace(place.address, None, place.latitude, place.longitude) for place in row.places],
            contact_name=row.person if row.is_company else row.name,
            email=row.emails[0] if row.emails else "",
            all_emails=list(row.emails),
            phones=[phone.e164 or phone.raw for phone in row.phones],
            tags=list(row.tags),
            is_inactive=bool(row.is_inactive),
        )


@dataclass(slots=True)
class Changes:
    """What a row brings that a customer does not have."""

    external_id: str = ""
    billing: Address | None = None
    tags: list[str] = field(default_factory=list)
    is_inactive: bool | None = None
    contact_name: str = ""
    email: str = ""
    phones: list[str] = field(default_factory=list)
    new_places: list[Place] = field(default_factory=list)
    # By the sign of the place: its address made whole, and where it lies.
    places: dict[str, Place] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) not in ("", None, [], {}) for one in fields(self))

    def in_words(self, mode: UpdateMode) -> str:
        """`Adds a phone number, fills in the billing address.`"""
        set_word = "sets" if mode is UpdateMode.OVERWRITE else "fills in"
        said = [
            f"adds {_counted(self.phones, 'phone number')}" if self.phones else "",
            f"adds {_counted(self.new_places, 'service location')}" if self.new_places else "",
            f"adds {_counted(self.tags, 'tag')}" if self.tags else "",
            *(
                f"{set_word} the {what}"
                for what, value in (
                    ("ID", self.external_id),
                    ("billing address", self.billing),
                    ("contact's name", self.contact_name),
                    ("email", self.email),
                    ("service location", self.places),
                )
                if value
            ),
            ""
            if self.is_inactive is None
            else f"makes the customer {'in' if self.is_inactive else ''}active",
        ]
        sentence = ", ".join(filter(None, said))
        return f"{sentence[:1].upper()}{sentence[1:]}."


def changes_by(row: CleanRow, known: Known, mode: UpdateMode) -> Changes:
    """What a row would change. Lists grow and empty fields are filled; OVERWRITE also replaces what is there.

    Never replaced: the name, which is how the customer was found; an email, which opens the portal, so a person has
    to change it; a phone number or a service location, which jobs and messages may hang on.
    """
    changes = Changes()
    is_free = mode is UpdateMode.OVERWRITE
    if row.external_id and row.external_id != known.external_id and (is_free or not known.external_id):
        changes.external_id = row.external_id
    changes.billing = _better(known.billing, row.billing, is_free=is_free)
    have = {tag.casefold() for tag in known.tags}
    changes.tags = [tag for tag in row.tags if tag.casefold() not in have][
        : max(0, MAX_TAGS - len(known.tags))
    ]
    if is_free and row.is_inactive is not None and row.is_inactive != known.is_inactive:
        changes.is_inactive = row.is_inactive
    person = row.person if row.is_company else row.name
    if person and not known.contact_name:
        changes.contact_name = person
    if row.emails and not known.email and row.emails[0] not in known.all_emails:
        changes.email = row.emails[0]
    numbers = [phone.e164 or phone.raw for phone in row.phones]
    room = max(0, MAX_PHONES - len(known.phones))
    changes.phones = [number for number in numbers if number not in known.phones][:room]
    _places(changes, row, known, is_free=is_free)
    if known.contact_id is None and known.id and not (changes.email or changes.phones or row.person):
        # No contact is made for a name alone that the customer has anyway.
        changes.contact_name = ""
    return changes


def take(known: Known, changes: Changes) -> None:
    """The customer as it is after the changes."""
    known.external_id = changes.external_id or known.external_id
    known.billing = changes.billing or known.billing
    known.tags += changes.tags
    known.contact_name = changes.contact_name or known.contact_name
    if changes.email:
        known.email = changes.email
        known.all_emails.append(changes.email)
    known.phones += changes.phones
    if changes.is_inactive is not None:
        known.is_inactive = changes.is_inactive
    for place in known.places:
        if better := changes.places.get(place_sign(place.address)):
            place.address, place.latitude, place.longitude = better.address, better.latitude, better.longitude
    known.places += [KnownPlace(one.address, None, one.latitude, one.longitude) for one in changes.new_places]


def _better(here: Address, there: Address, *, is_free: bool) -> Address | None:
    """The file's address, where it says more than ours of the same place, or anything when we have none."""
    if not there or here == there:
        return None
    if not here or is_free:
        return there
    if any(
        ours and fold(ours) != fold(theirs) for ours, theirs in zip(_parts(here), _parts(there), strict=True)
    ):
        return None
    return there if sum(map(bool, _parts(there))) > sum(map(bool, _parts(here))) else None


def _places(changes: Changes, row: CleanRow, known: Known, *, is_free: bool) -> None:
    here = list(known.places)
    for place in row.places:
        ours = next((one for one in here if _is_same_place(one.address, place.address)), None)
        if ours is None:
            here.append(KnownPlace(place.address))
            changes.new_places.append(place)
            continue
        address = _better(ours.address, place.address, is_free=is_free)
        if address and not is_free:
            # Written as the office wrote it; only what was missing is new.
            address = Address(*(a or b for a, b in zip(_parts(ours.address), _parts(address), strict=True)))
        is_found = ours.latitude is None and place.latitude is not None
        if address or is_found:
            where = (place.latitude, place.longitude) if is_found else (ours.latitude, ours.longitude)
            changes.places[place_sign(ours.address)] = Place(address or ours.address, "", "", *where)


def _is_same_place(one: Address, other: Address) -> bool:
    """Of one customer: the same street and city, and no other state."""
    if place_sign(one) == place_sign(other):
        return True
    is_open = not (one.state and other.state)
    return is_open and place_sign(replace(one, state="")) == place_sign(replace(other, state=""))


def _parts(address: Address) -> tuple[str, str, str, str]:
    return address.street, address.city, address.state, address.postal_code


def _counted(things: list[Place] | list[str], word: str) -> str:
    return f"a {word}" if len(things) == 1 else f"{len(things)} {word}s"
