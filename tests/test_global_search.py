"""Search from anywhere: what it finds, for whom, and that nothing of another company is in it (6.4, 6.9)."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from pillar.extensions import db
from pillar.permissions import Role
from pillar.services import customers, global_search
from pillar.services.global_search import Found
from tests.support.fence import writing

CLIENTS, ROUNDS = (64, 40) if os.environ.get("PILLAR_SOAK") else (8, 6)


def groups(page) -> dict[str, list[str]]:
    """Heading -> the lines of the results page."""
    return {
        box.select_one("h2").get_text(strip=True): [
            " ".join(link.get_text(" ", strip=True).split()) for link in box.select(".rows > a")
        ]
        for box in page.all("main section.box")
    }


@pytest.fixture
def ours(furnished):
    return furnished[0]


def test_everything_is_found_in_one_place(ours, signed_in):
    client = signed_in(ours.company, Role.OFFICE)
    cases = {
        "john mit": {"Customers": ["John Mitchell (937) 555-0142 · 412 Alder Street, Dayton, OH 45402"]},
        "(937) 555-0142": {"Customers": 1},
        "+1 937.555.0142": {"Customers": 1},
        "0142": {"Customers": 1},
        "john.mitchell@acme": {"Customers": 1},
        "412 alder": {"Customers": 1},
        "EST-2026-03001": {"Estimates": ["Amber heater EST-2026-03001 · John Mitchell"]},
        "est-3001": {"Estimates": 1},
        "3001": {"Estimates": 1, "Jobs": 1},
        "03001": {"Estimates": 1, "Jobs": 1},
        "job-2026-0300": {"Jobs": ["Amber furnace JOB-2026-03001 · John Mitchell"]},
        "Est 300": {"Estimates": 2},
        "gate": {"Private notes": 1},
        "amber": {"Customers": 1, "Estimates": 3, "Jobs": 1, "Private notes": 1},
        "zephyr": {},
        "7001": {},
        "nobody": {},
        "": {},
        " ": {},
    }
    for typed, expected in cases.items():
        shown = groups(client.page(f"/admin/search/?q={quote(typed)}"))
        seen = {
            label: lines if isinstance(expected.get(label), list) else len(lines)
            for label, lines in shown.items()
        }
        assert seen == expected, typed
        part = client.page(f"/admin/search/suggest?q={quote(typed)}")
        options = part.all('[role="group"] [role="option"]')
        assert len(options) == sum(min(len(lines), 5) for lines in shown.values()), typed
        assert all(client.get(str(each["data-href"])).status_code == 200 for each in options), typed
    assert "Nothing matches" in client.page("/admin/search/?q=nobody").text
    assert "What are you looking for?" in client.page("/admin/search/").text


def test_the_number_itself_comes_before_longer_ones(acme, signed_in):
    """`EST-30` before `EST-300` and what only begins so."""
    assert global_search._exact_numbers(global_search.NumberKind.JOB, "est-30") == []
    exact = global_search._exact_numbers(global_search.NumberKind.ESTIMATE, "est 0030")
    assert len(exact) == 10
    assert all(number.startswith("EST-") and number.endswith("-00030") for number in exact)


def test_only_what_the_role_may_see(ours, signed_in):
    technician = signed_in(ours.company, Role.TECHNICIAN)
    assert technician.page("/admin/").all("#find") == []
    for path in ("/admin/search/?q=john", "/admin/search/suggest?q=john"):
        assert technician.get(path).status_code == 403
    accountant = signed_in(ours.company, Role.ACCOUNTANT)
    assert set(groups(accountant.page("/admin/search/?q=amber"))) == {
        "Customers",
        "Estimates",
        "Private notes",
    }
    assert "Jobs" not in accountant.page("/admin/search/suggest?q=amber").text


def test_deleted_things_are_not_found(ours, signed_in):
    client = signed_in(ours.company)
    with writing(), ours.company.scope():
        customers.delete_customer(ours.company.customer_row())
        customers.remove_note(customers.notes_of(ours.company.customer_row())[0])
        db.session.commit()
    assert groups(client.page("/admin/search/?q=gate")) == {}
    assert groups(client.page("/admin/search/?q=john+mitchell")) == {}


def test_hostile_words_are_shown_as_words(ours, signed_in):
    client = signed_in(ours.company)
    for typed in (
        '"><script>alert(1)</script>',
        "' OR 1=1 --",
        "\0",
        "%_~",
        "🏠" * 300,
        "a" * 10_000,
        "NEAR(",
    ):
        for path in ("/admin/search/?q=", "/admin/search/suggest?q="):
            page = client.page(path + quote(typed))
            assert "<script>alert" not in page.html
            assert page.all('[data-href*="customers"]') == []


def test_an_excerpt_shows_what_was_found():
    text = "Side door. " * 40 + "The gate code is 4711. " + "Dog. " * 60
    cut = global_search.excerpt(text, "gate 4711")
    assert "gate code is 4711" in cut
    assert cut.startswith("… ")
    assert cut.endswith(" …")
    assert global_search.excerpt("Short one.\nTwo lines.", "x") == "Short one. Two lines."
    assert set(Found) == set(global_search.NEEDS)


@pytest.mark.scales
def test_clients_of_two_companies_at_once(furnished, signed_in):
    """No byte of one company in the other's pages, whoever asks at the same moment."""
    sides = []
    for has, other in (furnished, furnished[::-1]):
        person = has.company.staff[Role.ADMIN]
        alien = {other.company.name, *other.words, other.company.customer.name, other.company.customer.email}
        sides.append((has, person.email, {each.encode() for each in alien}))
    clients = [(signed_in(side[0].company), side) for n in range(CLIENTS) for side in [sides[n % 2]]]

    def work(n: int) -> int:
        client, (has, email, alien) = clients[n]
        turn = random.Random(n)
        seen = 0
        for _ in range(ROUNDS):
            typed = turn.choice(
                ("a", "e", "0142", "0177", "amber", "zephyr", "dayton", "3001", "7001", "gate")
            )
            path = turn.choice(
                (
                    f"/admin/search/?q={typed}",
                    f"/admin/search/suggest?q={typed}",
                    f"/admin/customers/?search={typed}",
                    "/admin/customers/",
                    "/admin/estimates/",
                    f"/admin/customers/{has.company.customer.public_id}",
                )
            )
            answer = client.get(path)
            assert answer.status_code == 200, path
            echoed = {word for word in alien if word.lower() == typed.encode()}
            assert not [word for word in alien - echoed if word in answer.data], (email, path)
            seen += has.words[0].encode() in answer.data or has.company.customer.name.encode() in answer.data
        return seen

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert sum(pool.map(work, range(CLIENTS))) > CLIENTS
