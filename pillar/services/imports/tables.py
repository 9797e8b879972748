"""A kept spreadsheet, read again: its rows behind any point, each cell by what it is to us."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pillar.errors import RuleViolation
from pillar.services.imports.columns import WITH_NAMES, is_field, is_many
from pillar.services.imports.limits import NO_NAMES
from pillar.services.imports.origins import guess
from pillar.text import clean_line


@dataclass(frozen=True, slots=True)
class Table:
    """One file. `columns` says for each heading what it is to us, or nothing."""

    path: Path
    heads: Sequence[str]
    columns: Sequence[str]

    @property
    def unused(self) -> list[str]:
        """Headings of columns that are not read."""
        return [head for head, column in zip(self.heads, self.columns, strict=True) if head and not column]

    def rows(self, after: int = 0) -> Iterator[tuple[int, list[str]]]:
        """Every row behind the first `after` ones, with its number in the spreadsheet."""
        with self.path.open(encoding="utf-8", newline="") as file:
            for row in islice(csv.reader(file), after + 1, None):
                yield int(row[0]), row[1:]

    def named(self, row: Sequence[str]) -> dict[str, str]:
        """The cells that we know, by what they are; several of one kind stand below each other."""
        found: dict[str, str] = {}
        for column, cell in zip(self.columns, row, strict=False):
            if column and cell:
                found[column] = f"{found[column]}\n{cell}" if column in found else cell
        return found

    def first_cells(self, row: Sequence[str], length: int) -> str:
        """The beginning of a row, to know it by when it has no name."""
        cells = (f"{head}: {clean_line(cell)}" for head, cell in zip(self.heads, row, strict=False) if cell)
        return "; ".join(cells)[:length]


def open_table(path: Path, columns: Sequence[str] | None = None) -> Table:
    """A kept file with the columns as they were chosen, or as we guess them."""
    with path.open(encoding="utf-8", newline="") as file:
        heads = next(csv.reader(file))[1:]
    return Table(path, heads, columns if columns is not None else guess(heads)[1])


def check_columns(heads: Sequence[str], columns: Sequence[str]) -> None:
    """Raises RuleViolation when these columns do not make customers."""
    if len(columns) != len(heads) or not all(is_field(column) for column in columns if column):
        raise RuleViolation("Choose for every column what it holds.")
    for column in columns:
        if column and not is_many(column) and list(columns).count(column) > 1:
            twice = [head for head, other in zip(heads, columns, strict=True) if other == column]
            raise RuleViolation(f"{' and '.join(twice)} are taken for the same thing. Leave one out.")
    if not WITH_NAMES & set(columns):
        raise RuleViolation(NO_NAMES)
