"""PDFs by Typst: a template of ours and plain values in, bytes out.

Values travel as JSON and stand in the paper as text: nothing in them is ever read as markup. A compiler stays warm in
each thread; papers are tagged (PDF/UA-1), and only where no font has a glyph that a name needs, plain.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import structlog
import typst

from pillar.errors import PillarError

log = structlog.get_logger()

TEMPLATES = Path(__file__).parent / "typst"
_ACCESSIBLE: typst.PDFStandards = "ua-1"
# A name without a space must not run over the amounts beside it.
_LONG_WORD = re.compile(r"\S{24}(?=\S)")
_MAY_BREAK = "\u200b"

_warm = threading.local()


class TypesettingFailed(PillarError):
    """The paper could not be made, with or without tags."""


def typeset(template: str, values: Mapping[str, Any], *, at: datetime) -> bytes:
    """The PDF of a template of `pillar/typst` with these values; `at` is its date. Raises TypesettingFailed.

    Bytes among the values are pictures; the same values give the same file.
    """
    source = (TEMPLATES / f"{template}.typ").read_bytes()
    inputs = {"values": json.dumps(values, default=_plain)}
    try:
        return _compile(source, inputs, at, _ACCESSIBLE)
    except typst.TypstError as error:
        log.info("paper_not_accessible", template=template, reason=error.message[:120])
    try:
        return _compile(source, inputs, at, None)
    except typst.TypstError as error:
        raise TypesettingFailed(error.message) from error


def breakable(text: str) -> str:
    """The text with places where a very long word may break, which nobody sees."""
    return _LONG_WORD.sub(lambda found: found[0] + _MAY_BREAK, text)


def _compile(source: bytes, inputs: dict[str, str], at: datetime, standard: typst.PDFStandards) -> bytes:
    made = _compiler().compile(
        source, format="pdf", sys_inputs=inputs, pdf_standards=standard or [], timestamp=int(at.timestamp())
    )
    if not isinstance(made, bytes):
        raise TypesettingFailed("The compiler made no file")
    return made


def _compiler() -> typst.Compiler:
    """This thread's own: a compiler serves one caller at a time."""
    compiler: typst.Compiler | None = getattr(_warm, "compiler", None)
    if compiler is None:
        compiler = _warm.compiler = typst.Compiler(root=TEMPLATES, font_paths=_fonts())
    return compiler


@cache
def _fonts() -> typst.Fonts:
    """Ours first; the machine's own only for letters that ours do not have."""
    return typst.Fonts(include_system_fonts=True, font_paths=[TEMPLATES / "fonts"])


def _plain(value: object) -> list[int]:
    """Pictures as numbers: JSON has no bytes, and Typst makes them of this."""
    if isinstance(value, bytes):
        return list(value)
    raise TypeError(f"{type(value).__name__} cannot stand in a paper")
