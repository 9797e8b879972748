"""Finding customers: the same hits on both databases, whatever is typed (6.4)."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pillar.extensions import db
from pillar.models import Customer
from pillar.search_words import indexed, typed_terms
from pillar.services import customer_search, customers
from pillar.services.customer_parts import ContactInput, LocationInput
from pillar.services.customers import CustomerInput
from pillar.text import clean_line

PEOPLE = (
    (
        "Siobhán O'Fallon",
        "siobhan.of@green-door.example",
        "(937) 555-0199",
        "1402 Wayne Ave",
        "Dayton",
        ["VIP"],
    ),
    ("100% Clean_Co", "boss@clean.example", "+49 30 123456", "9 St. Mary's St", "Oakwood", ["slow payer"]),
    ("Mary Smith-Jones", "mary@smith.example", "9375550142 x9", "55 Oak Street", "Kettering", []),
)


@pytest.fixture
def crowd(acme, app):
    """Three more customers of Acme's."""
    with acme.scope():
        for name, email, phone, street, city, tags in PEOPLE:
            customers.create_customer(
                CustomerInput(display_name=name, tags=tags),
                ContactInput(name=name, email=email, phones=[(phone, "")]),
                LocationInput(street=street, city=city, state="OH", postal_code="45402-1234"),
            )
        db.session.commit()
        yield acme


def names(typed: str, **options: object) -> list[str]:
    ids = customer_search.customer_ids(typed, **options)
    return sorted(
        row.display_name.split()[0] for row in db.session.query(Customer).where(Customer.id.in_(ids))
    )


# What is typed, and the first names of whom it finds: the same on both databases.
TYPED = [
    ("mary", ["100%", "Mary"]),
    ("MARY smi", ["Mary"]),
    ("ary", []),
    ("jones", ["Mary"]),
    ("smith-jones", ["Mary"]),
    ("smithjones", ["Mary"]),
    ("fallon", ["Siobhán"]),
    ("o'fallon", ["Siobhán"]),
    ("OFALLON", ["Siobhán"]),
    ("siobhan", ["Siobhán"]),
    ("Siobhán dayton", ["Siobhán"]),
    ("siobhan.of@green", ["Siobhán"]),
    ("green-door", ["Siobhán"]),
    ("mary@smith.example", ["Mary"]),
    ("ary@smith.example", []),
    ("vip", ["Siobhán"]),
    ("slow", ["100%"]),
    ("100%", ["100%"]),
    ("%", []),
    ("_", []),
    ("clean_co", ["100%"]),
    ("9375550199", ["Siobhán"]),
    ("937-555-0199", ["Siobhán"]),
    ("+1 (937) 555 0199", ["Siobhán"]),
    ("555-0199", ["Siobhán"]),
    ("0199", ["Siobhán"]),
    ("199", []),
    ("siobhan 0199", ["Siobhán"]),
    ("siobhan (937) 555-0199", ["Siobhán"]),
    ("mary 0199", []),
    ("4930123456", ["100%"]),
    ("55 oak", ["Mary"]),
    ("45402", ["100%", "John", "Mary", "Siobhán"]),
    ("45402 1234", ["100%", "Mary", "Siobhán"]),
    ("1402 wayne, dayton oh", ["Siobhán"]),
    ("", []),
    ("   ", []),
    ("\0", []),
    ("'; --", []),
    ("/", []),
    ("\\", []),
    # What is an operator elsewhere is text here.
    ('"mary"', ["100%", "Mary"]),
    ('mary" OR "siobhan', []),
    ("mary AND jones", []),
    ("mary OR siobhan", []),
    ("NEAR(mary jones)", []),
    ("mary*", ["100%", "Mary"]),
    ("^mary", ["100%", "Mary"]),
    ("search_text:mary", []),
    ("-mary", ["100%", "Mary"]),
    ("mary + jones", ["Mary"]),
    ("{mary}", ["100%", "Mary"]),
    ("m_ry", []),
    ("m%y", []),
    ("mary~", ["100%", "Mary"]),
    ("mary\0 jo\0nes", ["Mary"]),
    ("ＭＡＲＹ", ["100%", "Mary"]),
    ("mary 🏠", ["100%", "Mary"]),
    ("🏠", []),
    ("boss@clean.ex", ["100%"]),
    ("boss@", ["100%"]),
    ("@clean.example", ["100%"]),
    ("m", ["100%", "John", "Mary"]),
    ("ma", ["100%", "Mary"]),
    ("\ud800", []),
    ("mary " * 2_000, ["100%", "Mary"]),
    ("q." * 5_000, []),
    ("a." * 5_000, ["John", "Siobhán"]),
    ("x" * 10_000, []),
    ("9" * 10_000, []),
]


def test_what_is_typed_finds_whom(crowd):
    found = {typed: names(typed) for typed, _who in TYPED}
    assert found == dict(TYPED)


def test_hits_are_limited_and_archived_ones_are_apart(crowd):
    assert len(customer_search.customer_ids("45402", 2)) == 2
    mary = customer_search.find_customers("smith-jones")[0]
    customers.delete_customer(mary)
    db.session.flush()
    assert names("mary") == ["100%"]
    assert names("mary", is_deleted=True) == ["Mary"]
    db.session.rollback()


def test_nobody_of_another_company_is_found(crowd, rival):
    with rival.scope():
        assert customer_search.customer_ids("mary") == []
        assert names("rae") == ["Rae"]


def test_removed_parts_find_nobody(crowd):
    customer = customer_search.find_customers("siobhan")[0]
    customer.locations[0].deleted_at = customer.created_at
    customer.reindex()
    db.session.flush()
    assert names("wayne") == []
    db.session.rollback()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_no_text_breaks_the_search(crowd, typed):
    assert len(customer_search.customer_ids(typed)) <= 4


@given(st.text())
def test_every_word_of_a_text_finds_it(text):
    text = clean_line(text).replace("@", "")
    searched = indexed([text])
    for term in typed_terms(text):
        assert any(all(f" {part}" in searched for part in way) for way in term)


@given(st.text())
def test_the_index_is_made_of_single_words(text):
    assert "  " not in indexed([text])
    assert not any(char in indexed([text]) for char in "%_\0\n")
