"""Customers on their way into a spreadsheet: a page at a time, in the order of the list, without what is internal.

Notes, access notes and logged calls have no column here: they never leave the staff (6.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import literal, select, tuple_
from sqlalchemy.orm import selectinload

from pillar.extensions import db
from pillar.models.customer import Contact, Customer, ServiceLocation
from pillar.services.customer_list import Keys

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Order:
    """How the file is ordered."""

    by_name: bool = True
    is_descending: bool = False


# Where the last row stands: the value it is ordered by, and its row id.
Place = tuple[Any, int]


def _first_contact(customer: Customer) -> Contact | None:
    return next(iter(customer.contacts), None)


def _first_place(customer: Customer) -> ServiceLocation | None:
    return next(iter(customer.live_locations), None)


def _of_contact(read: Callable[[Contact], str]) -> Callable[[Customer], str]:
    return lambda customer: read(contact) if (contact := _first_contact(customer)) else ""


def _of_place(name: str) -> Callable[[Customer], str]:
    return lambda customer: str(getattr(place, name)) if (place := _first_place(customer)) else ""


def _phone(number: int) -> Callable[[Contact], str]:
    return lambda contact: contact.phones[number].shown if len(contact.phones) > number else ""


def _others(customer: Customer) -> str:
    """Everybody beside the first, in one cell."""
    people = (
        ", ".join(part for part in (each.name, each.email, _phone(0)(each)) if part)
        for each in customer.contacts[1:]
    )
    return "; ".join(people)


def _other_places(customer: Customer) -> str:
    return "; ".join(place.address for place in customer.live_locations[1:])


# The heads are those that the import recognises, so that a file can come back.
FIELDS: Mapping[str, Callable[[Customer], str]] = {
    "Name": lambda customer: customer.display_name,
    "Kind": lambda customer: str(customer.kind),
    "Status": lambda customer: str(customer.status),
    "Contact name": _of_contact(lambda contact: contact.name),
    "Email": _of_contact(lambda contact: contact.email),
    "Phone": _of_contact(_phone(0)),
    "Other phone": _of_contact(_phone(1)),
    "Other contacts": _others,
    "Street": _of_place("street"),
    "City": _of_place("city"),
    "State": _of_place("state"),
    "ZIP": _of_place("postal_code"),
    "Location name": _of_place("label"),
    "Other locations": _other_places,
    "Billing street": lambda customer: customer.billing_street,
    "Billing city": lambda customer: customer.billing_city,
    "Billing state": lambda customer: customer.billing_state,
    "Billing ZIP": lambda customer: customer.billing_postal_code,
    "Tags": lambda customer: ", ".join(customer.tags),
    "Source": lambda customer: customer.source,
    "Payment terms": lambda customer: str(customer.payment_terms or ""),
    "Tax exempt": lambda customer: "yes" if customer.is_tax_exempt else "no",
    "Customer ID": lambda customer: customer.external_id,
    "Added": lambda customer: customer.created_at.date().isoformat(),
}
# A column of the list and the fields that say the same.
OF_COLUMNS: Mapping[str, Sequence[str]] = {
    "display_name": ("Name",),
    "phone": ("Phone",),
    "email": ("Email",),
    "address": ("Street", "City", "State", "ZIP"),
    "city": ("City",),
    "state": ("State",),
    "tags": ("Tags",),
    "status": ("Status",),
    "kind": ("Kind",),
    "source": ("Source",),
    "external_id": ("Customer ID",),
    "created_at": ("Added",),
}


def fields_of(columns: Iterable[str]) -> list[str]:
    """The fields that these columns of the list stand for, each once."""
    return list(dict.fromkeys(name for column in columns for name in OF_COLUMNS.get(column, ())))


def rows_after(
    keys: Keys, order: Order, fields: Sequence[str], after: Place | None = None, size: int = CHUNK
) -> tuple[list[list[str]], Place | None]:
    """The next rows of the file, and where they end; None when there are no more."""
    column = keys.by_name if order.by_name else keys.by_age
    query = keys.query.with_only_columns(column.label("place"), keys.key.label("key"))
    if after is not None:
        here = tuple_(literal(after[0], column.type), literal(after[1], keys.key.type))
        both = tuple_(column, keys.key)
        query = query.where(both < here if order.is_descending else both > here)
    by = (column.desc(), keys.key.desc()) if order.is_descending else (column, keys.key)
    found = db.session.execute(query.order_by(None).order_by(*by).limit(size)).all()
    if not found:
        return [], None
    reads = [FIELDS[name] for name in fields]
    rows = [[read(customer) for read in reads] for customer in customers_in_order([key for _p, key in found])]
    last = found[-1]
    return rows, (last[0], last[1])


def customers_in_order(customer_ids: Sequence[int]) -> list[Customer]:
    """These customers with their people, numbers and places, in this order: a constant number of queries."""
    query = select(Customer).where(Customer.id.in_(customer_ids))
    query = query.options(selectinload(Customer.contact_links), selectinload(Customer.locations))
    by_id = {customer.id: customer for customer in db.session.scalars(query)}
    return [by_id[each] for each in customer_ids if each in by_id]
