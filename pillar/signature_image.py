"""A drawn signature: strokes checked and drawn to PNG on the server (2.8). The browser's own picture is never used."""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageDraw

from pillar.errors import RuleViolation

MAX_POINTS = 5_000
MAX_TEXT = 400_000
_SIZE = (800, 300)
_MARGIN = 20
# Sides of a pad that a browser may report, in its pixels.
_MIN_SIDE, _MAX_SIDE = 10, 10_000
_SUPERSAMPLING = 2
_PEN_MIN, _PEN_MAX = 3, 12
# Nearly blank: a dot, a slip of the finger. Shares of the pad's width, found by trying with thumbs and mice.
_MIN_LENGTH = 0.15
_MIN_EXTENT = 0.06

_DRAW_AGAIN = "Draw your signature in the box, or choose Type and write your name."

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Drawing:
    """Strokes on a pad of a known size, in the pad's own pixels."""

    width: float
    height: float
    strokes: tuple[tuple[Point, ...], ...]

    @property
    def length(self) -> float:
        """How far the pen travelled on paper."""
        return sum(math.dist(a, b) for stroke in self.strokes for a, b in pairwise(stroke))

    @property
    def extent(self) -> float:
        """The larger side of the box around everything drawn."""
        xs = [x for stroke in self.strokes for x, _ in stroke]
        ys = [y for stroke in self.strokes for _, y in stroke]
        return max(max(xs) - min(xs), max(ys) - min(ys)) if xs else 0.0

    @property
    def is_nearly_blank(self) -> bool:
        """Whether this is no signature."""
        return self.length < _MIN_LENGTH * self.width or self.extent < _MIN_EXTENT * self.width


def read_strokes(text: str) -> Drawing:
    """Check what a browser posted. Raises RuleViolation when it is unreadable, too much, or nearly blank."""
    if len(text) > MAX_TEXT:
        raise RuleViolation("That drawing is too long. Clear it and sign once.", field="strokes")
    try:
        posted = json.loads(text or "{}")
        drawing = _drawing(posted)
    # LookupError: a point without two numbers. ArithmeticError: an integer that no float can hold.
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
        raise RuleViolation(_DRAW_AGAIN, field="strokes") from error
    if drawing.is_nearly_blank:
        raise RuleViolation(_DRAW_AGAIN, field="strokes")
    return drawing


def _drawing(posted: dict[str, object]) -> Drawing:
    width, height = _size(posted["width"]), _size(posted["height"])
    raw = posted["strokes"]
    if not isinstance(raw, list) or sum(len(stroke) for stroke in raw) > MAX_POINTS:
        raise ValueError("too many points")
    strokes = tuple(
        tuple((_coordinate(point[0], width), _coordinate(point[1], height)) for point in stroke)
        for stroke in raw
        if stroke
    )
    return Drawing(width, height, strokes)


def _size(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _MIN_SIDE <= value <= _MAX_SIDE:
        raise ValueError("no size of a pad")
    return float(value)


def _coordinate(value: object, limit: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("no coordinate")
    # A finger may slide off the pad; the line then runs along its edge.
    return min(max(float(value), 0.0), limit)


def draw_svg(drawing: Drawing) -> str:
    """Draw black lines without a ground, for paper: sharp at any size, and a tenth of the picture's bytes."""
    lines = []
    for stroke in drawing.strokes:
        points = [f"{x:.1f} {y:.1f}" for x, y in stroke]
        # A dot is a line of no length with round ends.
        lines.append(f"M{points[0]}L{' '.join(points[1:] or points)}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawing.width:g} {drawing.height:g}">'
        f'<path fill="none" stroke="#000" stroke-width="{2.6 * drawing.width / 400:.1f}" stroke-linecap="round" '
        f'stroke-linejoin="round" d="{"".join(lines)}"/></svg>'
    )


def draw_png(drawing: Drawing) -> bytes:
    """Draw black on white, centred, at a fixed size."""
    width, height = (side * _SUPERSAMPLING for side in _SIZE)
    image = Image.new("L", (width, height), 255)
    pen = ImageDraw.Draw(image)
    margin = _MARGIN * _SUPERSAMPLING
    scale = min((width - 2 * margin) / drawing.width, (height - 2 * margin) / drawing.height)
    left = (width - drawing.width * scale) / 2
    top = (height - drawing.height * scale) / 2
    thickness = min(max(_PEN_MIN, round(2.6 * scale)), _PEN_MAX)
    for stroke in drawing.strokes:
        line = [(left + x * scale, top + y * scale) for x, y in stroke]
        if len(line) > 1:
            pen.line(line, fill=0, width=thickness, joint="curve")
        for x, y in (line[0], line[-1]):
            radius = thickness / 2
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    out = io.BytesIO()
    image.resize(_SIZE, Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()
