"""Is a row somebody we have? By its name together with its ID, else its address, else an email or a phone.

An ID alone proves nothing: real lists give one ID to two customers. Nor does a number that a row with another ID has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, Protocol

from sqlalchemy import and_, select

from pillar.extensions import db
from pillar.models.customer import (
    Contact,
    Customer,
    CustomerContact,
    CustomerStatus,
    Phone,
    ServiceLocation,
)
from pillar.services.imports.known import Known, KnownPlace, Sign, place_sign, sort_name
from pillar.services.imports.tidying import Address, CleanRow

_NAMES_AT_ONCE = 500


class Seen(Protocol):
    """Customers that rows are compared with, found by their signs."""

    def find(self, sign: Sign) -> list[Known]:
        """All that have this sign."""

    def add(self, known: Known) -> None:
        """A customer, new or changed."""


class ChunkMemory:
    """What one chunk has to know: the database's customers of its names, and its own."""

    def __init__(self) -> None:
        self._by_sign: dict[Sign, dict[str, Known]] = defaultdict(dict)

    def find(self, sign: Sign) -> list[Known]:
        """All that have this sign."""
        return list(self._by_sign[sign].values()) if sign in self._by_sign else []

    def add(self, known: Known) -> None:
        """A customer, new or changed."""
        for sign in known.signs():
            self._by_sign[sign].setdefault(known.key, known)


def tiers(row: CleanRow) -> Iterator[list[Sign]]:
    """Signs of a row; the first list that finds somebody decides."""
    name = sort_name(row.name)
    if row.external_id:
        yield [("id", name, row.external_id)]
    addresses = [place.address for place in row.places] or [row.billing]
    yield [("at", name, place_sign(address)) for address in addresses if address]
    ways = [*row.emails, *(phone.e164 for phone in row.phones if phone.e164)]
    yield [("reach", name, way) for way in ways]
    if not ways and not any(addresses):
        yield [("bare", name, "")]


def candidates(row: CleanRow, seen: Seen) -> list[Known]:
    """The customers that a row can mean; several when nothing tells them apart."""
    for signs in tiers(row):
        found = {known.key: known for sign in signs for known in seen.find(sign)}
        if signs and signs[0][0] == "reach":
            found = {key: known for key, known in found.items() if not _has_other_id(row, known)}
        if found:
            return list(found.values())
    return []


def _has_other_id(row: CleanRow, known: Known) -> bool:
    return bool(row.external_id and known.external_id and row.external_id != known.external_id)


def known_customers(rows: Iterable[CleanRow]) -> list[Known]:
    """The live customers with these rows' names, in a few queries."""
    names = sorted({sort_name(row.name) for row in rows})
    found: dict[int, Known] = {}
    for start in range(0, len(names), _NAMES_AT_ONCE):
        found |= _customers(names[start : start + _NAMES_AT_ONCE])
    ids = sorted(found)
    for start in range(0, len(ids), _NAMES_AT_ONCE):
        _add_places(found, ids[start : start + _NAMES_AT_ONCE])
        _add_people(found, ids[start : start + _NAMES_AT_ONCE])
    return [found[row_id] for row_id in ids]


def _customers(names: Sequence[str]) -> dict[int, Known]:
    query = select(
        Customer.id,
        Customer.sort_name,
        Customer.external_id,
        Customer.billing_street,
        Customer.billing_city,
        Customer.billing_state,
        Customer.billing_postal_code,
        Customer.tags,
        Customer.status,
    ).where(Customer.deleted_at.is_(None), Customer.sort_name.in_(names))
    return {
        row[0]: Known(
            row[1],
            row[0],
            external_id=row[2],
            billing=Address(*row[3:7]),
            tags=list(row[7] or ()),
            is_inactive=row[8] is CustomerStatus.INACTIVE,
        )
        for row in db.session.execute(query)
    }


def _add_places(found: dict[int, Known], ids: Sequence[int]) -> None:
    place = ServiceLocation
    query = select(
        place.customer_id,
        place.id,
        place.street,
        place.city,
        place.state,
        place.postal_code,
        place.latitude,
        place.longitude,
    ).where(place.customer_id.in_(ids), place.deleted_at.is_(None))
    # Sorted here: asked for in the order of their keys, SQLite reads every place of the company.
    for row in sorted(db.session.execute(query), key=itemgetter(1)):
        found[row[0]].places.append(KnownPlace(Address(*row[2:6]), row[1], row[6], row[7]))


def _add_people(found: dict[int, Known], ids: Sequence[int]) -> None:
    query = (
        select(
            CustomerContact.customer_id,
            CustomerContact.position,
            Phone.position,
            Contact.id,
            Contact.name,
            Contact.email,
            Phone.e164,
            Phone.raw,
        )
        .join(Contact, and_(Contact.id == CustomerContact.contact_id, Contact.deleted_at.is_(None)))
        .outerjoin(Phone, Phone.contact_id == Contact.id)
        .where(CustomerContact.customer_id.in_(ids))
    )
    for row in sorted(db.session.execute(query), key=lambda row: (row[1], row[3], row[2] or 0)):
        _add_person(found[row[0]], row)


def _add_person(known: Known, row: Any) -> None:
    contact_id, name, email, e164, raw = row[3:]
    if known.contact_id is None:
        known.contact_id, known.contact_name, known.email = contact_id, name, email
    if email and email not in known.all_emails:
        known.all_emails.append(email)
    number = e164 or raw
    if number and number not in known.phones:
        known.phones.append(number)
