"""An Excel workbook -> the rows of its first sheet as text, one at a time. Its size is checked before it is read."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from pillar.errors import RuleViolation
from pillar.services.imports.limits import (
    EMPTY,
    INFLATED,
    LOCKED_WORKBOOK,
    MAX_CELL,
    MAX_COLUMNS,
    NO_WORKBOOK,
    too_long,
)
from pillar.services.imports.reading import Row

_ZIP = b"PK\x03\x04"
_LOCKED = b"\xd0\xcf\x11\xe0"
_MOST_PARTS = 2_000
_MOST_UNPACKED = 400 * 1024 * 1024
# All texts of the workbook are held in memory, and styles too.
_MOST_TEXTS = 96 * 1024 * 1024
_MOST_RATIO = 200
_SMALL = 8 * 1024 * 1024
# Excel writes no more digits than these.
_DIGITS = 15
_BROKEN = (
    zipfile.BadZipFile,
    KeyError,
    ValueError,
    TypeError,
    OSError,
    EOFError,
    SyntaxError,
    AttributeError,
)


def is_workbook(path: Path) -> bool:
    """Whether a file is a ZIP, as every .xlsx is."""
    with path.open("rb") as file:
        return file.read(len(_ZIP)) == _ZIP


def workbook_rows(path: Path) -> Iterator[Row]:
    """Every row of the first sheet that is not blank, with its number. Raises RuleViolation for what is none."""
    _check_size(path)
    with path.open("rb") as file:
        try:
            book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
            if not book.worksheets:
                raise RuleViolation(EMPTY)
            yield from _rows(book.worksheets[0])
        except _BROKEN:
            raise RuleViolation(NO_WORKBOOK) from None


def _rows(sheet: Any) -> Iterator[Row]:
    # What a sheet says about its own size is often wrong.
    sheet.reset_dimensions()
    for number, cells in enumerate(sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS + 1), start=1):
        row = [cell_text(value) for value in cells]
        while row and not row[-1]:
            row.pop()
        if any(len(cell) > MAX_CELL for cell in row):
            raise RuleViolation(too_long(number))
        if row:
            yield number, row


def cell_text(value: Any) -> str:
    """A cell as a person would type it: no `.0` behind a phone number, no time behind a date."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, datetime):
        return value.isoformat(" ", "minutes") if value.time() != time() else value.date().isoformat()
    if isinstance(value, (date, time)):
        return value.isoformat()
    return str(value) if not isinstance(value, timedelta) else str(value).removesuffix(":00")


def _number(value: float) -> str:
    if value != value or value in {float("inf"), float("-inf")}:  # noqa: PLR0124 - that is what NaN is
        return ""
    text = format(Decimal(format(value, f".{_DIGITS}g")), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _check_size(path: Path) -> None:
    """Refuse what unpacks to too much, by the ZIP's own directory: a member is never read past what it says."""
    try:
        with zipfile.ZipFile(path) as package:
            parts = package.infolist()
            names = {part.filename.lower() for part in parts}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise RuleViolation(NO_WORKBOOK) from None
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > _MOST_PARTS or unpacked > _MOST_UNPACKED or any(map(_is_bomb, parts)):
        raise RuleViolation(INFLATED)
    if "[content_types].xml" not in names:
        raise RuleViolation(NO_WORKBOOK)
    if any(part.flag_bits & 1 for part in parts):
        raise RuleViolation(LOCKED_WORKBOOK)


def _is_bomb(part: zipfile.ZipInfo) -> bool:
    if not part.filename.startswith("xl/worksheets/") and part.file_size > _MOST_TEXTS:
        return True
    return part.file_size > _SMALL and part.file_size > _MOST_RATIO * max(part.compress_size, 1)
