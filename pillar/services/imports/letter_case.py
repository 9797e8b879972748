"""ALL CAPS from a spreadsheet -> readable case. Text with small letters is somebody's choice and stays."""

from __future__ import annotations

import re
from enum import Enum

from pillar.services.imports.states import STATE_CODES

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_ORDINAL = frozenset({"ST", "ND", "RD", "TH"})
_VOWELS = frozenset("AEIOUY")
_SMALL = frozenset({"OF", "AND", "THE", "FOR", "IN", "AT", "TO", "ON", "BY"})
_ROMAN = frozenset({"II", "III", "IV", "VII", "VIII"})
_CAPITALS = frozenset(
    word
    for line in (
        "AA AAA ABC AC ATM BBQ BMW CVS DBA EZ HOA HQ HVAC IBM ISD LLC LLP NYC PLLC PC RV TV UK UPS US USA",
        "USPS VFW YMCA YWCA",
    )
    for word in line.split()
)
# Short forms without a vowel that are no initials.
_ABBREVIATIONS = frozenset(
    word
    for line in (
        "BLDG BLVD BR BRD CNTY CNTR CTR DR DPT FR FT GRP HTS HWY JR LN LTD MGMT MR MRS MS MT PKWY RD RDS",
        "SCH SQ SR SRV ST STS SVC SVCS TWP WM",
    )
    for word in line.split()
)
_STREET_CAPITALS = frozenset(("NE", "NW", "SE", "SW", "PMB", "HC", "RR", "US"))
_PO = frozenset({"PO", "POB"})
_NUMBERED_ROADS = frozenset(("CR", "FM", "MS", "SR", "PR"))
_INITIALS_AT_MOST = 4
_SHORT_NAME = 4
_MC = re.compile(r"MC[A-Z]{2,}")
_MAC = re.compile(r"MAC(?:[DGLNP][A-Z]{3,}|ARTHUR|INT[A-Z]{3,}|MILLAN|QUEEN|WILLIAMS?)")
_ELIDED = frozenset("ODL")
_STARTS_ANEW = ("-", ":", "/", "(", "&")
_OF_A_STATE = re.compile(r"\s+(?:RTE?|ROUTE|HWY|HIGHWAY|SR)\b")
_STATE_AT_END = re.compile(r"(?<=, )[A-Z]{2}(?=$|\s+\d)")


class Style(Enum):
    """What kind of text it is: the same letters read differently in a name and in a street."""

    NAME = "name"
    STREET = "street"


def readable(text: str, style: Style = Style.NAME) -> str:
    """`O'FALLON PUBLIC LIBRARY` -> `O'Fallon Public Library`; `2ND AVE NE` -> `2nd Ave NE`."""
    if not text.isupper() or (style is Style.NAME and text.isalpha() and len(text) <= _SHORT_NAME):
        return text
    states = {match.start() for match in _STATE_AT_END.finditer(text) if match[0] in STATE_CODES}
    words = _WORD.sub(lambda match: _word(match, style) if match.start() not in states else match[0], text)
    return words.replace("C/O", "c/o")


def _word(match: re.Match[str], style: Style) -> str:
    word, text = match[0], match.string
    before, after = text[: match.start()], text[match.end() :]
    if len(word) == 1 or _stays(word, after, style):
        return word
    if before[-1:].isdigit() and word in _ORDINAL:
        return word.lower()
    if word in _SMALL and before.endswith(" ") and not before.rstrip().endswith(_STARTS_ANEW):
        return word.lower()
    first, mark, rest = word.partition("'")
    if not mark:
        return _capitalized(word)
    # O'FALLON and D'ANGELO are names, MEN'S is a plural.
    return f"{first.capitalize()}'{_capitalized(rest) if first in _ELIDED else rest.lower()}"


def _stays(word: str, after: str, style: Style) -> bool:
    """Whether a word is made of initials."""
    if word in _ROMAN or word in _PO:
        return True
    if style is Style.STREET:
        # `RR2`, `SR 46`, `VT RTE. 110`: the letters name a kind of road.
        is_road = word in _NUMBERED_ROADS and after.lstrip(" #")[:1].isdigit()
        return (
            word in _STREET_CAPITALS
            or is_road
            or (word in STATE_CODES and _OF_A_STATE.match(after) is not None)
        )
    if word in _CAPITALS:
        return True
    return len(word) <= _INITIALS_AT_MOST and not _VOWELS & set(word) and word not in _ABBREVIATIONS


def _capitalized(word: str) -> str:
    """One run of letters: `MCKINLEY` -> `McKinley`."""
    if _MC.fullmatch(word):
        return f"Mc{word[2:].capitalize()}"
    if _MAC.fullmatch(word):
        return f"Mac{word[3:].capitalize()}"
    return word.capitalize()
