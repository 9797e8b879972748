"""The company's picture on a phone's home screen: its logo, or its letter on its colour (1.15)."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from pillar import colour
from pillar.services.branding import CompanyProfile
from pillar.services.logos import logo_path
from pillar.tokens import digest

SIDES = (180, 192, 512)
_PAPER = "#ffffff"
# Phones cut icons to circles: what counts stays within the inner 64 percent, whatever the shape (W3C: maskable).
_INNER = 0.64
_LETTER_HEIGHT = 0.5
_FONT = Path(__file__).parents[1] / "typst" / "fonts" / "SourceSansPro-Semibold.otf"
_MISSING = "\U0010fffd"


def icon_key(company: CompanyProfile) -> str:
    """Changes when the picture does, so that browsers may keep an icon for good."""
    return digest(f"{company.logo_url}|{company.brand_color}|{company.initial}")[:12]


def icon(data_dir: Path, company: CompanyProfile, side: int) -> bytes:
    """The icon as a PNG. A logo whose file is gone counts as none."""
    name = company.logo_url.rsplit("/", 1)[1] if company.logo_url else ""
    path = logo_path(data_dir, company.public_id, name)
    return _of_logo(path, side) if path else _of_letter(company.initial, company.brand_color, side)


@lru_cache(maxsize=64)
def _of_logo(path: Path, side: int) -> bytes:
    """The logo in the middle of white paper, as on a page in the dark."""
    with Image.open(path, formats=("PNG",)) as stored:
        picture = stored.convert("RGBA")
    scale = side * _INNER / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    picture = picture.resize(size, Image.Resampling.LANCZOS)
    paper = Image.new("RGB", (side, side), _PAPER)
    paper.paste(picture, ((side - size[0]) // 2, (side - size[1]) // 2), picture)
    return _png(paper)


@lru_cache(maxsize=64)
def _of_letter(letter: str, brand_color: str, side: int) -> bytes:
    """The letter on the brand's colour, as where a page has no logo."""
    tokens = colour.tokens(brand_color)
    paper = Image.new("RGB", (side, side), tokens.fill)
    pen, middle = ImageDraw.Draw(paper), side / 2
    font = ImageFont.truetype(_FONT, round(side * _LETTER_HEIGHT))
    if bytes(font.getmask(letter)) == bytes(font.getmask(_MISSING)):
        # A letter that our font does not have: a ring says as little as a box, and looks meant.
        reach = side * _INNER / 3
        box = (middle - reach, middle - reach, middle + reach, middle + reach)
        pen.ellipse(box, outline=tokens.on, width=max(1, side // 16))
    else:
        pen.text((middle, middle), letter, font=font, fill=tokens.on, anchor="mm")
    return _png(paper)


def _png(picture: Image.Image) -> bytes:
    out = BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()
