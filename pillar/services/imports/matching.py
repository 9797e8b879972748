"""Is a row somebody we have? The same name at the same address, or the same ID with the same name.

An ID alone proves nothing: real lists give one ID to two customers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import and_, select

from pillar.extensions import db
from pillar.models.customer import Contact, Customer, CustomerContact, Phone, ServiceLocation
from pillar.services.imports.tidying import Address, CleanRow
from pillar.text import fold

# What makes two customers one: the kind of sign, the folded name, the sign.
Sign = tuple[str, str, str]
SORT_NAME_LENGTH = 200


def sort_name(name: str) -> str:
    """The name as it is sorted and compared."""
    return fold(name)[:SORT_NAME_LENGTH]


def signs_to_find(row: CleanRow) -> list[Sign]:
    """Any of these on somebody we have makes the row a duplicate."""
    name = sort_name(row.name)
    signs = [("id", name, row.external_id)] if row.external_id else []
    if address := row.service or row.billing:
        return [*signs, ("at", name, _place(address))]
    reached = [("reach", name, way) for way in _ways_to_reach(row)]
    return signs + (reached or [("bare", name, "")])


def signs_left(row: CleanRow) -> Iterator[Sign]:
    """What a row leaves behind once it is a customer."""
    name = sort_name(row.name)
    if row.external_id:
        yield "id", name, row.external_id
    yield from (("at", name, _place(address)) for address in (row.service, row.billing) if address)
    yield from (("reach", name, way) for way in _ways_to_reach(row))
    if not row.service and not row.billing and not _ways_to_reach(row):
        yield "bare", name, ""


def signs_of_customers(rows: Iterable[CleanRow]) -> dict[Sign, int]:
    """The signs of the live customers with these rows' names, with their row ids, in two queries."""
    rows = list(rows)
    names = sorted({sort_name(row.name) for row in rows})
    if not names:
        return {}
    found: dict[Sign, int] = {}
    for customer_id, name, external_id, billing, service in _known_places(names):
        if external_id:
            found.setdefault(("id", name, external_id), customer_id)
        for address in (billing, service):
            if address:
                found.setdefault(("at", name, _place(address)), customer_id)
        if not billing and not service:
            found.setdefault(("bare", name, ""), customer_id)
    # Only rows without an address are told apart by phone and e-mail.
    nowhere = sorted({sort_name(row.name) for row in rows if not (row.service or row.billing)})
    for customer_id, name, way in _known_ways(nowhere):
        found.setdefault(("reach", name, way), customer_id)
        found.pop(("bare", name, ""), None)
    return found


def _known_places(names: Sequence[str]) -> Iterator[tuple[int, str, str, Address, Address]]:
    query = (
        select(
            Customer.id,
            Customer.sort_name,
            Customer.external_id,
            Customer.billing_street,
            Customer.billing_city,
            Customer.billing_state,
            ServiceLocation.street,
            ServiceLocation.city,
            ServiceLocation.state,
        )
        .outerjoin(
            ServiceLocation,
            and_(ServiceLocation.customer_id == Customer.id, ServiceLocation.deleted_at.is_(None)),
        )
        .where(Customer.deleted_at.is_(None), Customer.sort_name.in_(names))
        .order_by(Customer.id)
    )
    for found in db.session.execute(query):
        # An outer join gives None where there is no place.
        service = Address(*(part or "" for part in found[6:9]))
        yield found[0], found[1], found[2], Address(*found[3:6]), service


def _known_ways(names: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    if not names:
        return
    query = (
        select(Customer.id, Customer.sort_name, Contact.email, Phone.e164)
        .join(CustomerContact, CustomerContact.customer_id == Customer.id)
        .join(Contact, Contact.id == CustomerContact.contact_id)
        .outerjoin(Phone, Phone.contact_id == Contact.id)
        .where(Customer.deleted_at.is_(None), Contact.deleted_at.is_(None), Customer.sort_name.in_(names))
        .order_by(Customer.id)
    )
    for customer_id, name, email, e164 in db.session.execute(query):
        yield from ((customer_id, name, way) for way in (email, e164) if way)


def _ways_to_reach(row: CleanRow) -> list[str]:
    return [*row.emails, *(phone.e164 for phone in row.phones if phone.e164)]


def _place(address: Address) -> str:
    """An address without what people write differently: marks, spaces, capitals."""
    parts = (address.street, address.city, address.state)
    return "|".join("".join(char for char in fold(part) if char.isalnum()) for part in parts)
