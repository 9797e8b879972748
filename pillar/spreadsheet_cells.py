"""Text on its way into somebody's spreadsheet: never a live formula (SAFETY: Input and output)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
# Excel takes a file for UTF-8 only with it.
_BOM = "\ufeff"


def safe_cell(value: str) -> str:
    """An apostrophe in front of what a spreadsheet would run; numbers stay numbers."""
    if value.startswith(_STARTS_A_FORMULA) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def csv_text(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A CSV file as Excel and everything else read it."""
    return _BOM + csv_rows([heads, *rows])


def csv_rows(rows: Iterable[Sequence[str]]) -> str:
    """More rows of such a file."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows(map(safe_cell, row) for row in rows)
    return out.getvalue()
