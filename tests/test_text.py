"""Typed text is safe to store, to compare and to put into a subject line."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillar.text import clean_line, clean_text, first_name, fold, initial

# Surrogates come from broken byte strings in a form.
anything = st.text(st.characters())


@given(anything)
def test_clean_text_can_be_stored_and_is_clean_already(typed: str) -> None:
    cleaned = clean_text(typed)
    cleaned.encode()
    assert not [char for char in cleaned if unicodedata.category(char) in ("Cc", "Cs") and char not in "\t\n"]
    assert clean_text(cleaned) == cleaned


@given(anything)
def test_a_clean_line_is_one_line(typed: str) -> None:
    cleaned = clean_line(typed)
    assert len(cleaned.splitlines()) <= 1
    assert cleaned == " ".join(cleaned.split())
    assert clean_line(cleaned) == cleaned


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("  John \r\n Mitchell\r", "John \n Mitchell"),
        ("a\x00b\x07c\x7fd\x85e", "abcde"),
        ("\u202eevil\u202c \u2066x\u2069\u200f", "evil x"),
        ("e\u0301", "é"),
        ("\ud800", "?"),
        ("tab\tstays", "tab\tstays"),
        ("👩\u200d🔧 fixes", "👩\u200d🔧 fixes"),
    ],
)
def test_what_several_lines_become(typed: str, expected: str) -> None:
    assert clean_text(typed) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Re: hello\r\nBcc: all@example.com", "Re: hello Bcc: all@example.com"),
        ("a\u2028b\u2029c\u00a0d\te", "a b c d e"),
        ("   ", ""),
    ],
)
def test_what_one_line_becomes(typed: str, expected: str) -> None:
    assert clean_line(typed) == expected


@pytest.mark.parametrize(
    ("name", "first", "letter"),
    [
        ("John Mitchell", "John", "J"),
        ("  john", "john", "J"),
        ("", "", "?"),
        ("   ", "", "?"),
        ("“Ångström” & Co", "“Ångström”", "Å"),
        ("***", "***", "?"),
        ("3M", "3M", "3"),
    ],
)
def test_how_a_person_is_greeted(name: str, first: str, letter: str) -> None:
    assert first_name(name) == first
    assert initial(name) == letter


@given(anything)
def test_folding_twice_is_folding_once_more_or_less_letters_never(typed: str) -> None:
    assert fold(fold(typed)) == fold(typed)


def test_search_forgives_case_and_accents() -> None:
    assert fold("ÅNGSTRÖM Straße") == "angstrom strasse"
    assert fold("Zoë") == fold("ZOE")
