"""What search compares: a customer's words as one text, and what was typed as the beginnings of words.

Both sides are split the same way, so that `O'Fallon` is found by `o'fallon`, `ofallon` and `fallon`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pillar.text import clean_line, fold

MAX_TERMS = 12
MAX_TYPED = 200
_LOCAL_DIGITS = 7
_LAST_DIGITS = 4
_NATIONAL_DIGITS = 10
_PHONE_SHAPES = {(3, 3, 4), (1, 3, 3, 4), (3, 4), (10,), (11,)}
_PHONE_MARKS = frozenset("+-()./ ")
_PHONE_CHARACTERS = _PHONE_MARKS | frozenset("0123456789")

# One typed word: any of these ways to read it may match, and of a way every part must begin a word.
Term = tuple[tuple[str, ...], ...]


def indexed(texts: Iterable[str], *, emails: Iterable[str] = (), phones: Iterable[str] = ()) -> str:
    """The text that is searched: a space before each word, each word once."""
    words: dict[str, None] = {}
    for text in texts:
        words.update(dict.fromkeys(_words(text)))
    for email in emails:
        words.update(dict.fromkeys((fold(email), *_words(email))))
    for digits in phones:
        words.update(dict.fromkeys(_phone_words(digits)))
    return "".join(f" {word}" for word in words if word)


def typed_terms(typed: str) -> list[Term]:
    """What every hit must match, from whatever a person typed; empty when there is nothing to look for."""
    typed = clean_line(typed[: MAX_TYPED * 4])[:MAX_TYPED]
    if digits := _phone_digits(typed):
        pieces = tuple(_pieces(typed))[:MAX_TERMS]
        return [((digits,),) if _is_phone_shaped(pieces) else ((digits,), pieces)]
    terms = [term for chunk in typed.split() if (term := _term(chunk))]
    return terms[:MAX_TERMS]


def _term(chunk: str) -> Term:
    if "@" in chunk[1:]:
        return ((fold(chunk),),)
    pieces = tuple(_pieces(chunk))[:MAX_TERMS]
    digits = _phone_digits(chunk)
    ways = ((digits,), pieces) if digits else (pieces,)
    return ways if pieces else ()


def _words(text: str) -> Iterator[str]:
    for chunk in text.split():
        pieces = list(_pieces(chunk))
        yield from pieces
        if len(pieces) > 1:
            yield "".join(pieces)


def _pieces(text: str) -> Iterator[str]:
    spaced = "".join(char if char.isalnum() else " " for char in fold(text))
    yield from spaced.split()


def _phone_words(digits: str) -> Iterator[str]:
    if len(digits) < _LAST_DIGITS:
        return
    yield digits
    if len(digits) == _NATIONAL_DIGITS + 1 and digits.startswith("1"):
        yield digits[1:]
    yield digits[-_LOCAL_DIGITS:]
    yield digits[-_LAST_DIGITS:]


def _is_phone_shaped(pieces: tuple[str, ...]) -> bool:
    """`937-555-0199` is nothing but a telephone number; `45402-1234` could be a ZIP code."""
    return tuple(map(len, pieces)) in _PHONE_SHAPES


def _phone_digits(text: str) -> str:
    """The digits, if this can be a telephone number or the end of one."""
    if not set(text) <= _PHONE_CHARACTERS:
        return ""
    digits = "".join(char for char in text if char not in _PHONE_MARKS)
    return digits if len(digits) >= _LAST_DIGITS else ""
