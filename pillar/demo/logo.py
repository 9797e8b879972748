"""A logo for the sample company, drawn here so that the repository holds no picture files."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageDraw

_SIDE = 256
_WHITE = "#ffffff"


def flame(color: str) -> BytesIO:
    """A white flame under an arch, on the company's colour."""
    image = Image.new("RGB", (_SIDE, _SIDE), color)
    pen = ImageDraw.Draw(image)
    pen.arc((64, 52, 192, 180), 180, 360, fill=_WHITE, width=18)
    pen.line((73, 116, 73, 208), fill=_WHITE, width=18)
    pen.line((183, 116, 183, 208), fill=_WHITE, width=18)
    pen.polygon([(128, 104), (158, 152), (150, 190), (106, 190), (98, 152)], fill=_WHITE)
    pen.ellipse((98, 142, 158, 208), fill=_WHITE)
    out = BytesIO()
    image.save(out, "PNG")
    out.seek(0)
    return out
