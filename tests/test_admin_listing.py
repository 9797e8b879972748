"""The parts of an office list that need no database: query strings, page links, safe addresses."""

from __future__ import annotations

import pytest
from werkzeug.datastructures import MultiDict

from pillar.admin.base import is_public_id, own_path
from pillar.admin.forms import AdminForm
from pillar.admin.listing import (
    COUNT_CAP,
    Asked,
    Choice,
    SavedView,
    offer,
    page_links,
    range_label,
    read_asked,
)
from pillar.tokens import public_id

VIEWS = [SavedView("all", "All", lambda query: query), SavedView("open", "Open", lambda query: query)]
CITY = Choice("city", "City", lambda: [("dayton", "Dayton")], lambda query, _value: query)


def asked(**args: str) -> Asked:
    offered = offer([CITY], args)
    return read_asked(args, sortable=["name"], views=VIEWS, choices=offered)


@pytest.mark.parametrize(
    "args",
    [
        {"page": "-1"},
        {"page": "0"},
        {"page": "abc"},
        {"page": "1.5"},
        {"page": "²"},
        {"sort": "-1"},
        {"sort": "password_hash"},
        {"desc": "1"},
        {"view": "no such"},
        {"city": "\0"},
        {"flt1_0": "x"},
        {"search": "\0\x01 \u202e"},
    ],
)
def test_nonsense_counts_as_not_said(args):
    assert asked(**args) == Asked()


@pytest.mark.parametrize("page", ["9" * 20, "10000001"])
def test_a_page_past_all_pages_is_brought_back_later_and_never_reaches_the_database_as_it_is(page):
    assert asked(page=page).page == COUNT_CAP


def test_what_the_list_knows_is_kept_and_goes_back_into_addresses():
    said = {"page": "3", "search": "alb", "sort": "name", "desc": "1", "view": "open", "city": "dayton"}
    assert asked(**said).params() == said


def test_page_links_show_the_ends_and_the_neighbours():
    links = page_links(Asked(page=10), 40, lambda one: str(one.page))
    assert [number for number, _url in links] == [1, None, 8, 9, 10, 11, 12, None, 40]


@pytest.mark.parametrize(
    ("page", "shown", "count", "label"),
    [
        (1, 25, 1_284, "Showing 1 to 25 of 1,284"),
        (3, 4, 54, "Showing 51 to 54 of 54"),
        (1, 25, COUNT_CAP + 1, "Showing 1 to 25 of 10,000+"),
        (1, 0, 0, ""),
    ],
)
def test_range_label(page, shown, count, label):
    assert range_label(Asked(page=page), 25, shown, count) == label


@pytest.mark.parametrize(
    "text", ["", "1", "x" * 21, "x" * 23, "é" * 22, "\0" * 22, "../" + "x" * 19, "x" * 21 + "\n"]
)
def test_what_cannot_be_a_random_id_is_not_looked_up(text):
    assert not is_public_id(text)


def test_random_ids_are_recognised():
    assert all(is_public_id(public_id()) for _ in range(200))


@pytest.mark.parametrize(
    "target",
    ["", "https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nb", "x"],
)
def test_no_redirect_leaves_the_site(target):
    assert own_path(target) == ""


def test_a_path_of_ours_is_kept():
    assert own_path("/admin/customers/?page=2") == "/admin/customers/?page=2"


def test_a_form_reads_the_request_by_itself(app):
    with app.test_request_context("/", method="POST", data=MultiDict({"csrf_token": "x"})):
        assert AdminForm().csrf_token.raw_data == ["x"]
