"""Whatever colour a company picks, its pages stay readable."""

from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pillar.colour import DARK_CARD, NEAR_BLACK, WHITE, contrast, is_hex, style, tokens

AA = 4.5

colours = st.binary(min_size=3, max_size=3).map(lambda channels: f"#{channels.hex()}")


def assert_readable(brand: str) -> None:
    """Check every pair of colours that carries text somewhere on a page or in a mail."""
    seen = tokens(brand)
    pairs = {
        "text on a button": (seen.on, seen.fill),
        "text on a button, dark": (seen.on, seen.fill_dark),
        "link on a card": (seen.link, WHITE),
        "link on a chosen card": (seen.link, seen.tint),
        "link on a card, dark": (seen.link_dark, DARK_CARD),
        "link on a chosen card, dark": (seen.link_dark, seen.tint_dark),
    }
    for name, (text, ground) in pairs.items():
        assert contrast(text, ground) >= AA, f"{name} of {brand}: {text} on {ground}"


@given(colours)
@example("#000000")
@example("#ffffff")
@example("#ffff00")
def test_any_brand_colour_passes_aa(brand: str) -> None:
    assert_readable(brand)


def test_a_grid_over_all_of_srgb_passes_aa() -> None:
    for channels in product(range(0, 256, 17), repeat=3):
        assert_readable(f"#{bytes(channels).hex()}")


def test_a_dark_brand_keeps_its_colour_and_carries_white() -> None:
    seen = tokens("#0B6B57")
    assert (seen.brand, seen.fill, seen.on, seen.link) == ("#0b6b57", "#0b6b57", WHITE, "#096a56")


def test_a_light_brand_keeps_its_colour_and_carries_near_black() -> None:
    seen = tokens("#f5b70a")
    assert (seen.fill, seen.fill_dark, seen.on) == ("#f5b70a", "#f5b70a", NEAR_BLACK)


def test_a_middling_brand_is_darkened_until_white_can_be_read() -> None:
    seen = tokens("#1A73E8")
    assert seen.fill != seen.brand
    assert contrast(WHITE, seen.fill) >= AA


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_style_names_the_brand_and_falls_back_to_hex() -> None:
    css = style("#1A73E8")
    assert css.startswith(":root{--brand:#1a73e8}")
    assert "@supports not (color:oklch(from red l c h))" in css
    assert css.count("{") == css.count("}")


@given(st.text())
@example("#12345")
@example("#1234567")
@example("#12345g")
@example("#123456\n")
@example("#１２３４５６")
@example("red}body{display:none")
def test_nothing_but_a_colour_gets_into_a_style_element(value: str) -> None:
    if is_hex(value):
        assert style(value)
    else:
        with pytest.raises(ValueError, match="not a colour"):
            style(value)
