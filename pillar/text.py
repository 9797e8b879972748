"""Text that people type: made safe to store, to compare and to put into a subject line."""

from __future__ import annotations

import re
import unicodedata

# C0 and C1 controls but tab and line feed; NUL is refused by PostgreSQL.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Bidirectional controls turn a name or an amount around on screen (Unicode TR 36).
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SPACES = re.compile(r"\s+")


def clean_text(value: str) -> str:
    """Several lines of text without control or bidi characters; line ends become LF, edges are trimmed."""
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    value = _BIDI.sub("", _CONTROLS.sub("", value))
    # Lone surrogates cannot be encoded: they come from broken byte strings in a form.
    value = value.encode("utf-8", "replace").decode("utf-8")
    return unicodedata.normalize("NFC", value).strip()


def clean_line(value: str) -> str:
    """One line of clean text; every run of white space becomes one space."""
    return _SPACES.sub(" ", clean_text(value)).strip()


def first_name(name: str) -> str:
    """The word to greet a person with; empty when there is none."""
    words = name.split(maxsplit=1)
    return words[0] if words else ""


def initial(name: str) -> str:
    """The letter that stands for a name where there is no picture."""
    return next((char.upper() for char in name if char.isalnum()), "?")


def fold(value: str) -> str:
    """Lower case without accents: how search compares words."""
    if value.isascii():
        return value.lower()
    # Taken apart before and after: some signs hold capitals (℠), and some small letters come apart only then.
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", value).casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))
