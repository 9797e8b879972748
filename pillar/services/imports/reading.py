"""A CSV file, whatever wrote it -> its head and its rows, one at a time; what is no table is refused."""

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
from pillar.services.imports.columns import WITH_NAMES, recognized
from pillar.text import clean_line

MAX_BYTES = 20 * 1024 * 1024
MAX_COLUMNS = 200
MAX_CELL = 32_767
_SAMPLE_BYTES = 64 * 1024
_HEAD_LENGTH = 200
_DELIMITERS = ",;\t|"
_SEPARATOR_LINE = re.compile(r"\s*\"?sep=(.)\"?\s*", re.IGNORECASE)
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")

EMPTY = "This file is empty."
WORKBOOK = "This is a workbook, not a CSV file. In Excel choose Save as, then CSV, and send that."
NO_TEXT = "This is not a CSV file. Save the spreadsheet as CSV and send that."
NO_NAMES = (
    "We found no column with names. The first line must name the columns, "
    "one of them Name, Company or Customer."
)
NO_ROWS = "This file names its columns but has no rows."


@dataclass(frozen=True, slots=True)
class Table:
    """How to read one file. `columns` says for each head what it is to us, or nothing."""

    path: Path
    encoding: str
    delimiter: str
    heads: Sequence[str]
    columns: Sequence[str]
    # Rows of the spreadsheet down to the head.
    above: int

    @property
    def unused(self) -> list[str]:
        """Heads of columns that are not read."""
        return [head for head, column in zip(self.heads, self.columns, strict=True) if head and not column]

    def rows(self, after: int = 0) -> Iterator[tuple[int, list[str]]]:
        """Every row that is not blank, behind the first `after` ones, with its number in the spreadsheet."""
        with _opened(self.path, self.encoding) as file:
            yield from islice(self._all_rows(file), after, None)

    def count(self) -> int:
        """How many rows there are. Raises RuleViolation when one cannot be read."""
        count = sum(1 for _row in self.rows())
        if not count:
            raise RuleViolation(NO_ROWS)
        return count

    def named(self, row: Sequence[str]) -> dict[str, str]:
        """The cells that we know, by what they are."""
        return {column: cell for column, cell in zip(self.columns, row, strict=False) if column}

    def labelled(self, row: Sequence[str]) -> dict[str, str]:
        """All cells by their heads, as the office knows them."""
        heads = [head or f"Column {n}" for n, head in enumerate(self.heads, start=1)]
        heads += [f"Column {n}" for n in range(len(heads) + 1, len(row) + 1)]
        return dict(zip(heads, map(clean_line, row), strict=False))

    def _all_rows(self, file: TextIO) -> Iterator[tuple[int, list[str]]]:
        for number, row in enumerate(_parsed(file, self.delimiter), start=1):
            if number > self.above and any(cell.strip() for cell in row):
                yield number, row


def open_table(path: Path) -> Table:
    """Find out how a file is written. Raises RuleViolation with a sentence when it is no table at all."""
    encoding = _encoding(path)
    with _opened(path, encoding) as file:
        stated = _SEPARATOR_LINE.fullmatch(file.readline(_HEAD_LENGTH))
    tables, refusal = [], RuleViolation(EMPTY)
    for delimiter in stated[1] if stated else _DELIMITERS:
        try:
            tables.append(_read_head(path, encoding, delimiter))
        except RuleViolation as unreadable:
            refusal = unreadable
    if not tables:
        raise refusal
    return max(tables, key=lambda table: (sum(map(bool, table.columns)), len(table.heads)))


def check_table(path: Path) -> tuple[Table, int]:
    """Read a whole file once: how it is written and how many rows it has, or RuleViolation."""
    table = open_table(path)
    if len(table.heads) > MAX_COLUMNS:
        raise RuleViolation(f"This file has {len(table.heads)} columns; {MAX_COLUMNS} is the most.")
    if not WITH_NAMES & set(table.columns):
        raise RuleViolation(NO_NAMES)
    return table, table.count()


def _read_head(path: Path, encoding: str, delimiter: str) -> Table:
    with _opened(path, encoding) as file:
        for above, row in enumerate(_parsed(file, delimiter), start=1):
            is_blank = not any(cell.strip() for cell in row)
            if not is_blank and not _SEPARATOR_LINE.fullmatch(delimiter.join(row)):
                heads = [clean_line(cell)[:_HEAD_LENGTH] for cell in row]
                return Table(path, encoding, delimiter, heads, recognized(heads), above)
    raise RuleViolation(EMPTY)


def _parsed(file: TextIO, delimiter: str) -> Iterator[list[str]]:
    reader = csv.reader(file, delimiter=delimiter)
    try:
        for row in reader:
            if any(len(cell) > MAX_CELL for cell in row):
                raise RuleViolation(_too_long(reader.line_num))
            yield row
    except csv.Error:
        raise RuleViolation(_too_long(reader.line_num)) from None


def _too_long(line: int) -> str:
    return (
        f"Near line {line:,} a cell is longer than {MAX_CELL:,} characters. "
        "Look for a quotation mark that is never closed."
    )


def _encoding(path: Path) -> str:
    """UTF-8 if all of it is, else what Windows writes."""
    with path.open("rb") as file:
        start = file.read(_SAMPLE_BYTES)
    if not start.strip():
        raise RuleViolation(EMPTY)
    if start.startswith(_WORKBOOKS):
        raise RuleViolation(WORKBOOK)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\0" in start or start.startswith(b"%PDF"):
        raise RuleViolation(NO_TEXT)
    return "utf-8-sig" if _is_utf_8(path) else "cp1252"


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
