"""A text file, whatever wrote it -> its rows, one at a time; what is no table is refused in a sentence."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from pillar.errors import RuleViolation
from pillar.services.imports.limits import (
    EMPTY,
    HEAD_LENGTH,
    MAX_CELL,
    NO_TEXT,
    OLD_WORKBOOK,
    WEB_PAGE,
    too_long,
)
from pillar.services.imports.origins import guess

Row = tuple[int, list[str]]

_SAMPLE_BYTES = 64 * 1024
_LOOKED_AT, _TRIED_LINES = 20, 1_000
_DELIMITERS = ",;\t|"
# Lines of separators alone are empty, whichever of them is this file's.
_BLANK = f"{_DELIMITERS} \r\n\v\f\u00a0"
_SEPARATOR_LINE = re.compile(r"\s*\"?sep=(.)\"?\s*", re.IGNORECASE)
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
_NO_TEXTS = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"{\\rtf", b"Rar!", b"7z\xbc\xaf")
_WEB_PAGE = re.compile(rb"\s*<(?:!doctype|html|head|body|table|\?xml|svg)\b", re.IGNORECASE)
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_CONTROLS_IN_TEXT = 0.02
# Every other byte of English text in UTF-16 is nought.
_MOSTLY = 0.8


@dataclass(frozen=True, slots=True)
class Written:
    """How a text file is written."""

    encoding: str
    delimiter: str


def written_how(path: Path) -> Written:
    """Find out the encoding and the separator. Raises RuleViolation when it is no text at all."""
    encoding = _encoding(path)
    with _opened(path, encoding) as file:
        stated = _SEPARATOR_LINE.fullmatch(file.readline(HEAD_LENGTH))
    if stated:
        return Written(encoding, stated[1])
    ways = [Written(encoding, delimiter) for delimiter in _DELIMITERS]
    return max(ways, key=lambda way: _worth(path, way))


def text_rows(path: Path, way: Written, most: int | None = None) -> Iterator[Row]:
    """Every row that is not blank, with its number in the spreadsheet; only the first `most` lines are looked at."""
    with _opened(path, way.encoding) as file:
        for number, row in enumerate(islice(_parsed(file, way.delimiter), most), start=1):
            if row and any(cell.strip(_BLANK) for cell in row) and not _is_separator_line(row, number):
                yield number, row


def _worth(path: Path, way: Written) -> tuple[int, int]:
    """The separator is the one that gives the most columns that we know, then the most columns."""
    best = (0, 0)
    try:
        for _number, row in islice(text_rows(path, way, _TRIED_LINES), _LOOKED_AT):
            best = max(best, (sum(map(bool, guess(row)[1])), len(row)))
    except RuleViolation:
        # Said when the file is read; another separator may read it.
        pass
    return best


def _is_separator_line(row: Sequence[str], number: int) -> bool:
    return number == 1 and len(row) <= 2 and row[0].lower().lstrip('"').startswith("sep=")  # noqa: PLR2004 - `sep=,` splits itself


def _parsed(file: TextIO, delimiter: str) -> Iterator[list[str]]:
    reader = csv.reader(file, delimiter=delimiter)
    try:
        for row in reader:
            if row and len(max(row, key=len)) > MAX_CELL:
                raise RuleViolation(too_long(reader.line_num))
            yield row
    except csv.Error:
        raise RuleViolation(too_long(reader.line_num)) from None


def _encoding(path: Path) -> str:
    """UTF-16 by its mark or its noughts, UTF-8 if all of it is, else what Windows writes."""
    with path.open("rb") as file:
        start = file.read(_SAMPLE_BYTES)
    if not start.strip():
        raise RuleViolation(EMPTY)
    if start.startswith(_OLD_WORKBOOK):
        raise RuleViolation(OLD_WORKBOOK)
    if start.startswith(_NO_TEXTS):
        raise RuleViolation(NO_TEXT)
    if _WEB_PAGE.match(start.removeprefix(b"\xef\xbb\xbf")):
        raise RuleViolation(WEB_PAGE)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if wide := _wide_without_mark(start):
        return wide
    if len(_CONTROLS.findall(start)) > len(start) * _CONTROLS_IN_TEXT or _holds_nul(path):
        raise RuleViolation(NO_TEXT)
    return "utf-8-sig" if _is_utf_8(path) else "cp1252"


def _wide_without_mark(start: bytes) -> str:
    half = len(start) // 2
    if not half:
        return ""
    if start[1::2].count(0) > half * _MOSTLY and start[::2].count(0) < half * (1 - _MOSTLY):
        return "utf-16-le"
    if start[::2].count(0) > half * _MOSTLY and start[1::2].count(0) < half * (1 - _MOSTLY):
        return "utf-16-be"
    return ""


def _holds_nul(path: Path) -> bool:
    with path.open("rb") as file:
        return any(b"\0" in block for block in iter(lambda: file.read(_SAMPLE_BYTES), b""))


def _is_utf_8(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            while file.read(_SAMPLE_BYTES):
                pass
    except UnicodeDecodeError:
        return False
    return True


@contextmanager
def _opened(path: Path, encoding: str) -> Iterator[TextIO]:
    # Five bytes mean nothing in cp1252, and a file may be cut in the middle of a UTF-16 letter.
    with path.open(encoding=encoding, newline="", errors="replace") as file:
        yield file
