"""The same value always gives the same bytes, another value never does."""

from __future__ import annotations

import hashlib
import json
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillar.canonical import canonical_json, content_hash

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_reading_it_back_gives_the_value_and_writing_that_gives_the_bytes(value: Any) -> None:
    written = canonical_json(value)
    assert json.loads(written) == value
    assert canonical_json(json.loads(written)) == written


@given(st.dictionaries(texts, values, max_size=6), st.randoms())
def test_the_order_in_which_keys_were_put_in_does_not_matter(value: dict[str, Any], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert canonical_json(dict(items)) == canonical_json(value)


def test_the_form() -> None:
    value = {"b": [1, None, True], "a": "Müller & Söhne “HVAC”", "é": {"z": 1, "Z": 2}}
    assert canonical_json(value) == '{"a":"Müller & Söhne “HVAC”","b":[1,null,true],"é":{"Z":2,"z":1}}'


@pytest.mark.parametrize(
    "value", [1.0, {"a": 0.5}, [[{"a": [1.5]}]], (1.0,), float("nan"), float("inf")], ids=repr
)
def test_floats_are_refused_wherever_they_stand(value: Any) -> None:
    with pytest.raises(TypeError, match="no floats"):
        canonical_json(value)


@pytest.mark.parametrize("value", [{1: "a"}, {None: 1}, [{True: 1}]], ids=repr)
def test_keys_are_text(value: Any) -> None:
    # json would write 1 and "1" alike.
    with pytest.raises(TypeError, match="keys are text"):
        canonical_json(value)


@pytest.mark.parametrize("value", [b"x", {1, 2}, object()], ids=lambda value: type(value).__name__)
def test_what_json_has_no_word_for_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        canonical_json(value)


def test_whole_numbers_of_any_size_and_kind_are_numbers() -> None:
    class Cents(IntEnum):
        TEN = 10

    assert canonical_json([2**70, Cents.TEN, (1, 2)]) == "[1180591620717411303424,10,[1,2]]"


def test_the_hash_is_that_of_the_utf_8_bytes() -> None:
    assert content_hash("“ä”") == hashlib.sha256("“ä”".encode()).hexdigest()
    assert content_hash('{"a":1}') != content_hash('{"a":2}')
