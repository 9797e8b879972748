"""Uploaded spreadsheets: read once when they arrive, kept as one plain form under the company's own folder.

The plain form is a CSV in UTF-8 whose first column is the row's number in the file as it was sent. Everything after
the upload (dry run, import, resuming) reads that, whatever was sent.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO

from pillar.errors import RuleViolation
from pillar.services.imports.columns import WITH_NAMES, is_further_place
from pillar.services.imports.limits import (
    EMPTY,
    HEAD_LENGTH,
    MAX_BYTES,
    MAX_COLUMNS,
    MAX_ROWS,
    NO_ROWS,
    NO_TABLE,
    ONE_COLUMN,
    TOO_LARGE,
    TOO_MANY_ROWS,
    too_many_columns,
)
from pillar.services.imports.origins import guess
from pillar.services.imports.reading import Row, text_rows, written_how
from pillar.services.imports.workbooks import is_workbook, workbook_rows
from pillar.text import clean_line, clean_text
from pillar.tokens import public_id

_KEY = re.compile(r"[A-Za-z0-9_-]{22}\.csv")
_BLOCK = 1024 * 1024
# Reports have a title above their headings.
_HEAD_WITHIN = 12
_SAMPLE_ROWS, _SAMPLE_LENGTH = 3, 60
_PROSE_ROWS = 200
_MOST_HEADS = 1_600
# `="00123"` keeps a spreadsheet from taking text for a number; an apostrophe is what our own files put there.
_KEPT_AS_TEXT = re.compile(r'="(.*)"', re.DOTALL)
_NEUTRALISED = re.compile(r"'(?=[=+\-@\t\r\n])")


@dataclass(frozen=True, slots=True)
class Received:
    """A spreadsheet that is a table."""

    key: str
    rows: int
    heads: list[str]
    samples: list[list[str]]


def receive_file(data_dir: Path, company_public_id: str, stream: IO[bytes]) -> Received:
    """Read a spreadsheet wholly and keep it. Slow; call it outside a transaction. RuleViolation says why not."""
    folder = _folder(data_dir, company_public_id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = public_id()
    sent, kept = folder / f"{name}.sent", folder / f"{name}.csv"
    try:
        _store(sent, stream)
        rows, heads, samples = _rewrite(sent, kept)
    except BaseException as reason:
        kept.unlink(missing_ok=True)
        if isinstance(reason, RuleViolation):
            raise RuleViolation(reason.message, field="file") from None
        raise
    finally:
        sent.unlink(missing_ok=True)
    return Received(kept.name, rows, heads, samples)


def file_path(data_dir: Path, company_public_id: str, key: str) -> Path | None:
    """Where a spreadsheet lies; None when it is gone."""
    path = _folder(data_dir, company_public_id) / key
    return path if _KEY.fullmatch(key) and path.is_file() else None


def forget_file(data_dir: Path, company_public_id: str, key: str) -> None:
    """Delete a spreadsheet, and what its dry run remembered."""
    if _KEY.fullmatch(key):
        path = _folder(data_dir, company_public_id) / key
        path.unlink(missing_ok=True)
        memory_path(path).unlink(missing_ok=True)


def memory_path(path: Path) -> Path:
    """Where the dry run of a spreadsheet keeps what it has seen."""
    return path.with_suffix(".seen")


def _store(path: Path, stream: IO[bytes]) -> None:
    with path.open("xb") as file:
        while block := stream.read(_BLOCK):
            file.write(block)
            if file.tell() > MAX_BYTES:
                raise RuleViolation(TOO_LARGE)


def _rewrite(sent: Path, kept: Path) -> tuple[int, list[str], list[list[str]]]:
    rows = workbook_rows(sent) if is_workbook(sent) else text_rows(sent, written_how(sent))
    heads, rows = _with_head(rows)
    count, odd = 0, 0
    samples: list[list[str]] = [[] for _head in heads]
    with kept.open("x", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["0", *heads])
        for number, row in rows:
            cells = list(map(_cell, row))
            count += 1
            odd += len(cells) < len(heads) // 2 + 1
            _sample(samples, cells)
            if count > MAX_ROWS:
                raise RuleViolation(TOO_MANY_ROWS)
            if count == _PROSE_ROWS:
                _check_table(heads, count, odd)
            writer.writerow([str(number), *cells])
        file.flush()
        os.fsync(file.fileno())
    if not count:
        raise RuleViolation(NO_ROWS)
    _check_table(heads, count, odd)
    return count, heads, samples


def _with_head(rows: Iterator[Row]) -> tuple[list[str], Iterator[Row]]:
    """The headings and the rows below them. Above them a report may have its title."""
    first = list(islice(rows, _HEAD_WITHIN))
    if not first:
        raise RuleViolation(EMPTY)
    at = max(range(len(first)), key=lambda index: (_known_columns(first[index][1]), -index))
    if not _known_columns(first[at][1]):
        at = 0
    heads = [clean_line(_cell(cell))[:HEAD_LENGTH] for cell in first[at][1]]
    while heads and not heads[-1]:
        heads.pop()
    # Housecall Pro writes eight columns for each address of the customer who has the most.
    if (
        sum(not is_further_place(column) for column in guess(heads)[1]) > MAX_COLUMNS
        or len(heads) > _MOST_HEADS
    ):
        raise RuleViolation(too_many_columns(len(heads)))
    return heads, chain(first[at + 1 :], rows)


def _known_columns(row: list[str]) -> int:
    """How many of these are headings that we know, if one of them is of a name and it is not the only one."""
    known = set(guess(row[:MAX_COLUMNS])[1]) - {""}
    return len(known) if known & WITH_NAMES and len(known) > 1 else 0


def _check_table(heads: list[str], count: int, odd: int) -> None:
    if len(heads) < 2 and not set(guess(heads)[1]) & WITH_NAMES:  # noqa: PLR2004 - one column is no table
        raise RuleViolation(ONE_COLUMN)
    if not any(guess(heads)[1]) and odd * 2 > count:
        raise RuleViolation(NO_TABLE)


def _sample(samples: list[list[str]], cells: list[str]) -> None:
    for seen, cell in zip(samples, cells, strict=False):
        if len(seen) < _SAMPLE_ROWS and cell and (line := clean_line(cell)[:_SAMPLE_LENGTH]) not in seen:
            seen.append(line)


def _cell(text: str) -> str:
    """A cell without what only keeps a spreadsheet from misreading it, and without control characters."""
    if kept := _KEPT_AS_TEXT.fullmatch(text.strip()):
        text = kept[1].replace('""', '"')
    return clean_text(_NEUTRALISED.sub("", text, count=1) if text.startswith("'") else text)


def _folder(data_dir: Path, company_public_id: str) -> Path:
    return data_dir / "files" / company_public_id / "imports"
