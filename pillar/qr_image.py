"""QR codes as SVG, to stand in a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import qrcode


def svg(text: str) -> str:
    """A QR code as an `<svg>` element: one path in the colour of the text around it, no style, no script."""
    code = qrcode.QRCode(border=2)
    code.add_data(text)
    rows = code.get_matrix()
    side = len(rows)
    path = "".join(f"M{x} {y}.5h{length}" for y, row in enumerate(rows) for x, length in _dark_runs(row))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges">'
        f'<path stroke="currentColor" d="{path}"/></svg>'
    )


def _dark_runs(row: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Where dark modules begin and how many stand side by side: far fewer strokes than single ones take."""
    x = 0
    for is_dark, modules in groupby(row):
        length = len(list(modules))
        if is_dark:
            yield x, length
        x += length
