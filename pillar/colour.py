"""The colours of one company, worked out from its single brand colour.

Lightness is judged in OKLab, where equal steps look equal, so that text on every derived
colour stays readable (WCAG 2.2 AA) whatever colour a company picks. `portal.css` derives the
same values in the browser; the hex values here are for mails, PDFs and older phones.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

HEX_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")

WHITE = "#ffffff"
NEAR_BLACK = "#0b0b0b"
DARK_CARD = "#1b201e"

# OKLab lightness, 0 to 1. Above DARK_TEXT_FROM a colour carries near-black text.
DARK_TEXT_FROM = 0.67
FILL_AT_MOST = 0.53
FILL_AT_LEAST_IN_DARK = 0.45
LINK_AT_MOST = 0.47
LINK_AT_LEAST_IN_DARK = 0.80
LINK_CHROMA_IN_DARK = 0.8
TINT = 0.08
TINT_IN_DARK = 0.16

# sRGB is a straight line near black and a power above it (IEC 61966-2-1).
STRAIGHT_CHANNEL = 0.04045
STRAIGHT_LIGHT = 0.0031308


class Rgb(NamedTuple):
    """A colour as three sRGB bytes."""

    red: int
    green: int
    blue: int


class Oklab(NamedTuple):
    """A colour as lightness and two opponent axes."""

    lightness: float
    a: float
    b: float


@dataclass(frozen=True, slots=True)
class BrandTokens:
    """Every colour a page or a mail needs, as `#rrggbb`."""

    brand: str
    fill: str
    fill_dark: str
    on: str
    link: str
    link_dark: str
    tint: str
    tint_dark: str


def is_hex(value: str) -> bool:
    """Say whether a value is a colour as `#rrggbb`."""
    return HEX_COLOUR.fullmatch(value) is not None


def contrast(one: str, other: str) -> float:
    """Return the WCAG contrast ratio of two colours, 1 to 21."""
    darker, lighter = sorted((_luminance(_parse(one)), _luminance(_parse(other))))
    return (lighter + 0.05) / (darker + 0.05)


@lru_cache(maxsize=512)
def tokens(hex_colour: str) -> BrandTokens:
    """Return the colours derived from a brand colour; raise ValueError on anything but `#rrggbb`."""
    brand = _parse(hex_colour)
    lightness = _to_oklab(brand).lightness
    dark_text = lightness > DARK_TEXT_FROM
    fill_dark = brand if dark_text else _relit(brand, _between(FILL_AT_LEAST_IN_DARK, lightness))
    return BrandTokens(
        brand=_to_hex(brand),
        fill=_to_hex(brand if dark_text else _at_most(brand, FILL_AT_MOST)),
        fill_dark=_to_hex(fill_dark),
        on=NEAR_BLACK if dark_text else WHITE,
        link=_to_hex(_at_most(brand, LINK_AT_MOST)),
        link_dark=_to_hex(_relit(brand, max(lightness, LINK_AT_LEAST_IN_DARK), LINK_CHROMA_IN_DARK)),
        tint=_to_hex(_mixed(brand, _parse(WHITE), TINT)),
        tint_dark=_to_hex(_mixed(brand, _parse(DARK_CARD), TINT_IN_DARK)),
    )


@lru_cache(maxsize=512)
def style(hex_colour: str) -> str:
    """Return the CSS of a page's nonced style element: the brand, and plain hex for old phones."""
    colours = tokens(hex_colour)
    light = f"--fill:{colours.fill};--on:{colours.on};--link:{colours.link};--tint:{colours.tint}"
    dark = f"--fill:{colours.fill_dark};--link:{colours.link_dark};--tint:{colours.tint_dark}"
    return (
        f":root{{--brand:{colours.brand}}}"
        f"@supports not (color:oklch(from red l c h)){{:root{{{light}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}}}"
    )


def _parse(hex_colour: str) -> Rgb:
    if not is_hex(hex_colour):
        raise ValueError(f"not a colour as #rrggbb: {hex_colour!r}")
    return Rgb(*bytes.fromhex(hex_colour[1:]))


def _to_hex(colour: Rgb) -> str:
    return f"#{bytes(colour).hex()}"


def _between(least: float, lightness: float) -> float:
    return min(FILL_AT_MOST, max(least, lightness))


def _at_most(colour: Rgb, lightness: float) -> Rgb:
    """Darken a colour to a lightness, or leave it as it is when it is dark enough."""
    return colour if _to_oklab(colour).lightness <= lightness else _relit(colour, lightness)


def _relit(colour: Rgb, lightness: float, chroma: float = 1.0) -> Rgb:
    lab = _to_oklab(colour)
    return _from_oklab(Oklab(lightness, lab.a * chroma, lab.b * chroma))


def _mixed(colour: Rgb, ground: Rgb, share: float) -> Rgb:
    """Mix as `color-mix(in oklab, colour share, ground)` does."""
    pairs = zip(_to_oklab(colour), _to_oklab(ground), strict=True)
    return _from_oklab(Oklab(*(one * share + other * (1 - share) for one, other in pairs)))


def _luminance(colour: Rgb) -> float:
    red, green, blue = (_linear(channel) for channel in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: int) -> float:
    value = channel / 255
    return value / 12.92 if value <= STRAIGHT_CHANNEL else float(((value + 0.055) / 1.055) ** 2.4)


def _byte(linear: float) -> int:
    value = min(1.0, max(0.0, linear))
    curved = 12.92 * value if value <= STRAIGHT_LIGHT else 1.055 * value ** (1 / 2.4) - 0.055
    return round(255 * curved)


def _to_oklab(colour: Rgb) -> Oklab:
    """Convert by the matrices of OKLab (Björn Ottosson, 2020)."""
    red, green, blue = (_linear(channel) for channel in colour)
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    medium = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return Oklab(
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def _from_oklab(lab: Oklab) -> Rgb:
    """Convert back, clipping what sRGB cannot show."""
    long = (lab.lightness + 0.3963377774 * lab.a + 0.2158037573 * lab.b) ** 3
    medium = (lab.lightness - 0.1055613458 * lab.a - 0.0638541728 * lab.b) ** 3
    short = (lab.lightness - 0.0894841775 * lab.a - 1.2914855480 * lab.b) ** 3
    return Rgb(
        _byte(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        _byte(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        _byte(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )
