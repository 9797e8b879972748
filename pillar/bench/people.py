"""Customers as a company of some size has them: common and rare names, one city for nearly everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from sqlalchemy import insert

from pillar.extensions import db
from pillar.models.customer import Contact, Customer, CustomerContact, Phone, ServiceLocation, address_line
from pillar.search_words import indexed
from pillar.text import fold
from pillar.tokens import public_id

_FIRST = (
    "James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard Susan Joseph"
    " Jessica Thomas Sarah Charles Karen Christopher Lisa Daniel Nancy Matthew Betty Anthony Margaret Mark Sandra"
    " Donald Ashley Steven Kimberly Paul Emily Andrew Donna Joshua Michelle Kenneth Carol Kevin Amanda Brian Dorothy"
    " George Melissa Edward Deborah Ronald Stephanie Timothy Rebecca Jason Sharon Jeffrey Laura Ryan Cynthia Jacob"
    " Kathleen Gary Amy Nicholas Angela Eric Shirley Jonathan Anna Stephen Brenda Larry Pamela Justin Emma Zoë José"
).split()
_LAST = (
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson"
    " Anderson Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez Lewis"
    " Robinson Walker Young Allen King Wright Scott Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera"
    " Campbell Mitchell Carter Roberts Gomez Phillips Evans Turner Diaz Parker Cruz Edwards Collins Reyes Stewart"
    " Morris Morales Murphy Cook Rogers Gutierrez Ortiz Morgan Cooper Peterson Bailey Reed Kelly Howard Ramos Kim Cox"
    " Ward Richardson Watson Brooks Chavez Wood Bennett Gray Mendoza Ruiz Hughes Price Alvarez Castillo Sanders Patel"
    " Myers Long Ross Foster Jiménez O'Fallon Kowalczyk Petrakis Okafor Duarte Albright Brennan Ellison Rahman"
).split()
_STREETS = (
    "Alder Brown Catalpa Hills Huffman Linden Oakwood Salem Shroyer Wayne Xenia Main Church Maple Oak Park Elm"
    " Washington Second Third Stroop Patterson Wilmington Smithville Valley Troy Needmore Siebenthaler Philadelphia"
).split()
_CITIES = ("Dayton", "Kettering", "Oakwood", "Centerville", "Beavercreek", "Yellow Springs")
_TAGS = ("VIP", "slow payer", "gate code", "maintenance plan")
# The most common name is some thirty times as common as the rarest, as in a telephone book.
_FIRST_WEIGHTS = [1 / (place + 4) for place in range(len(_FIRST))]
_LAST_WEIGHTS = [1 / (place + 4) for place in range(len(_LAST))]
_CITY_WEIGHTS = (90, 4, 2, 2, 1.5, 0.5)


@dataclass(frozen=True, slots=True)
class Somebody:
    """One customer to be."""

    name: str
    email: str
    phone: str
    street: str
    city: str
    postal_code: str
    tags: Sequence[str]


def somebody(n: int, chance: Random) -> Somebody:
    """The nth customer."""
    first = chance.choices(_FIRST, _FIRST_WEIGHTS)[0]
    last = chance.choices(_LAST, _LAST_WEIGHTS)[0]
    return Somebody(
        name=f"{first} {last}",
        email=f"{fold(first)}.{fold(last).replace(chr(39), '')}{n}@customers.example",
        phone=f"937{2_000_000 + n * 7_919 % 8_000_000:07d}",
        street=f"{chance.randrange(1, 9_000)} {chance.choice(_STREETS)} Street",
        city=chance.choices(_CITIES, _CITY_WEIGHTS)[0],
        postal_code=f"454{chance.randrange(100):02d}",
        tags=[chance.choice(_TAGS)] if chance.random() < 0.05 else [],
    )


def add_people(start: int, stop: int) -> None:
    """Customers number `start` to `stop` of the bound company, with person, number and place."""
    chance = Random(start)
    people = [somebody(n, chance) for n in range(start, stop)]
    customers = _ids(Customer, [_customer(each) for each in people])
    contacts = _ids(Contact, [{"name": each.name, "email": each.email} for each in people])
    pairs = list(zip(customers, contacts, strict=True))
    links = [
        {"customer_id": customer, "contact_id": contact, "position": 1, "is_owner": True}
        for customer, contact in pairs
    ]
    db.session.execute(insert(CustomerContact), links)
    db.session.execute(
        insert(Phone), [_phone(contact, each) for contact, each in zip(contacts, people, strict=True)]
    )
    db.session.execute(
        insert(ServiceLocation),
        [_place(customer, each) for customer, each in zip(customers, people, strict=True)],
    )


def _customer(one: Somebody) -> dict[str, Any]:
    address = address_line(one.street, one.city, "OH", one.postal_code)
    return {
        "display_name": one.name,
        "sort_name": fold(one.name),
        "search_text": indexed([one.name, *one.tags, address], emails=[one.email], phones=[f"1{one.phone}"]),
        "billing_street": one.street,
        "billing_city": one.city,
        "billing_state": "OH",
        "billing_postal_code": one.postal_code,
        "tags": list(one.tags),
    }


def _phone(contact_id: int, one: Somebody) -> dict[str, Any]:
    digits = f"1{one.phone}"
    return {
        "contact_id": contact_id,
        "position": 0,
        "raw": one.phone,
        "e164": f"+{digits}",
        "digits": digits,
    }


def _place(customer_id: int, one: Somebody) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "street": one.street,
        "city": one.city,
        "state": "OH",
        "postal_code": one.postal_code,
    }


def _ids(model: type[Any], rows: list[dict[str, Any]]) -> list[int]:
    """Insert the rows; their keys in the same order."""
    names = [public_id() for _row in rows]
    named = [{**row, "public_id": name} for row, name in zip(rows, names, strict=True)]
    made = db.session.execute(insert(model).returning(model.public_id, model.id), named)
    keys: dict[str, int] = {name: key for name, key in made}  # noqa: C416 - a result is no sequence of pairs
    return [keys[name] for name in names]
