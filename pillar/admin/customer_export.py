"""The list as a file: CSV as it is read, XLSX through a temporary file; memory stays flat whatever the size (6.7)."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import IO, Any

from flask import Response, g, request, stream_with_context
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_login import current_user
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from pillar import clock, spreadsheet_cells
from pillar.admin import step_up
from pillar.admin.listing import COUNT_CAP, Asked
from pillar.extensions import db
from pillar.services import customer_export
from pillar.services.customer_export import FIELDS, Order
from pillar.services.customer_list import Keys

_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_BLOCK = 64 * 1024
# A sheet ends there; the rest goes on in the next one.
_SHEET_ROWS = 1_000_000
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


class ExportPages:
    """Mixed into CustomerView."""

    asked: Callable[..., Any]
    keys: Callable[[Asked], Keys]
    counted: Callable[..., Any]
    sorting: Callable[[Asked], tuple[str, bool]]
    render: Callable[..., str]
    crumbs: Callable[[], list[tuple[str, str]]]
    column_list: Sequence[str]

    @expose("/export", methods=("GET", "POST"))
    @step_up.required()
    def download(self) -> ResponseReturnValue:
        """Ask how, then send the rows that the list shows, on every page of it."""
        asked, _offered = self.asked(request.args)
        if request.method == "POST":
            return self._file(asked, request.form.get("as", ""), is_all=request.form.get("fields") != "shown")
        keys = self.keys(asked)
        count = self.counted(asked, keys.query, keys.key)[1]
        return self.render(
            "admin/customers/export.html",
            heading="Export customers",
            crumbs=self.crumbs(),
            count=f"{COUNT_CAP:,}+" if count > COUNT_CAP else f"{count:,}",
            narrowed=", ".join(f"{name}: {value}" for name, value in sorted(asked.chosen.items())),
            search=asked.search,
        )

    def _file(self, asked: Asked, kind: str, *, is_all: bool) -> ResponseReturnValue:
        kind = kind if kind in _TYPES else "csv"
        columns = asked.columns or self.column_list
        fields = list(FIELDS) if is_all else customer_export.fields_of(columns)
        name, is_descending = self.sorting(asked)
        order = Order(by_name=name != "created_at", is_descending=is_descending)
        current_user.audit("customer.exported", format=kind, fields=fields, view=dict(asked.params()))
        db.session.commit()
        # From here on it only reads, for as long as the file takes: no lock is held meanwhile.
        g.reads_only = True
        chunks = _chunks(partial(customer_export.rows_after, self.keys(asked), order, fields))
        body = _csv(fields, chunks) if kind == "csv" else _blocks(_xlsx(fields, chunks))
        response = Response(stream_with_context(body), mimetype=_TYPES[kind])
        response.headers["Content-Disposition"] = f'attachment; filename="{_file_name(kind)}"'
        return response


def _chunks(rows_after: Callable[..., Any]) -> Iterator[list[list[str]]]:
    after = None
    while True:
        rows, after = rows_after(after)
        # Each page of rows is a reading of its own: nothing old is kept in memory or in the database's log.
        db.session.rollback()
        if after is None:
            return
        yield rows


def _csv(fields: Sequence[str], chunks: Iterator[list[list[str]]]) -> Iterator[str]:
    yield spreadsheet_cells.csv_text(fields, ())
    for rows in chunks:
        yield spreadsheet_cells.csv_rows(rows)


def _xlsx(fields: Sequence[str], chunks: Iterator[list[list[str]]]) -> IO[bytes]:
    book = Workbook(write_only=True)
    sheet: Any = None
    count = 0
    for rows in chunks:
        for row in rows:
            if count % _SHEET_ROWS == 0:
                sheet = book.create_sheet(f"Customers {count // _SHEET_ROWS + 1}")
                sheet.append(list(fields))
            sheet.append([_cell(text) for text in row])
            count += 1
    if sheet is None:
        book.create_sheet("Customers").append(list(fields))
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the last block is sent
    book.save(file)
    file.seek(0)
    return file


def _cell(text: str) -> str:
    return spreadsheet_cells.safe_cell(ILLEGAL_CHARACTERS_RE.sub("", text))


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while block := file.read(_BLOCK):
            yield block


def _file_name(kind: str) -> str:
    company = _NOT_IN_NAMES.sub("-", g.company.name.lower()).strip("-") or "company"
    return f"{company}-customers-{clock.today(g.company.time_zone).isoformat()}.{kind}"
