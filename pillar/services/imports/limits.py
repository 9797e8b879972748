"""How large a file may be, and the sentences for what is no table."""

from __future__ import annotations

MAX_BYTES = 50 * 1024 * 1024
MAX_ROWS = 250_000
MAX_COLUMNS = 200
MAX_CELL = 32_767
HEAD_LENGTH = 200

EMPTY = "This file is empty."
OLD_WORKBOOK = (
    "This is a workbook of an old Excel. Open it, choose Save as, then Excel Workbook (.xlsx), and send that."
)
NO_WORKBOOK = "This is no Excel workbook that we can read. Save it again as .xlsx or as CSV."
LOCKED_WORKBOOK = "This workbook is locked with a password. Save it without one and send that."
INFLATED = "This workbook unpacks to far more than it should hold. Save its sheet as CSV and send that."
NO_TEXT = "This is not a spreadsheet. Save your list as CSV or as an Excel workbook (.xlsx) and send that."
WEB_PAGE = "This is a web page, not a spreadsheet. Save your list as CSV or as an Excel workbook (.xlsx) and send that."
ONE_COLUMN = (
    "We found no table here, only one column of text. The first line must name the columns, one of them Name, "
    "Company or Customer."
)
NO_TABLE = "We found no table here: most lines do not have the columns that the first line names."
NO_ROWS = "This file names its columns but has no rows."
NO_NAMES = (
    "We found no column with names. Say which column holds the name: Name, Company name, First or Last name."
)
TOO_LARGE = f"This file is larger than {MAX_BYTES // (1024 * 1024)} MB. Split it in two."
TOO_MANY_ROWS = f"This file has more than {MAX_ROWS:,} rows. Split it and send the parts one after the other."


def too_many_columns(count: int) -> str:
    """The sentence for a file that is too wide."""
    return f"This file has {count} columns; {MAX_COLUMNS} is the most. Take out those that you do not need."


def too_long(line: int) -> str:
    """The sentence for a cell that no spreadsheet could hold."""
    return (
        f"Near line {line:,} a cell is longer than {MAX_CELL:,} characters. "
        "Look for a quotation mark that is never closed."
    )
