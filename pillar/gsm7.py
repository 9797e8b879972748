"""The alphabet of text messages: one segment holds 160 letters of it; one other letter makes it 70 (DESIGN: Texts)."""

from __future__ import annotations

import unicodedata

from pillar.text import clean_line

SEGMENT = 160
# GSM 03.38 without its control characters. Those of the extension table count twice, so they are replaced.
_BASIC = frozenset(
    "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_INSTEAD = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′`´", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—―−~", "-"),
        **dict.fromkeys("{[", "("),
        **dict.fromkeys("}]", ")"),
        **dict.fromkeys("|\\⁄", "/"),
        **dict(zip("…•×€łŁđĐıðþÞœŒ", "... - x EUR l L d D i d th Th oe OE".split(), strict=True)),
        **dict.fromkeys("™®©", ""),
    }
)


def plain(value: str) -> str:
    """One line in this alphabet: quotes and dashes made straight, accents dropped where need be, the rest left out."""
    return clean_line("".join(_letters(char) for char in value.translate(_INSTEAD)))


def is_plain(value: str) -> bool:
    """Whether each letter takes one place of the segment."""
    return _BASIC.issuperset(value)


def _letters(char: str) -> str:
    if char in _BASIC:
        return char
    if char.isspace():
        return " "
    parts = unicodedata.normalize("NFKD", char).translate(_INSTEAD)
    return "".join(part for part in parts if part in _BASIC)
