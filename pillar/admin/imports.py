"""Imports in the office: send a spreadsheet, watch it come in, fetch what could not (6.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from flask import Response, current_app, flash, g, redirect, request
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_login import current_user
from flask_wtf.file import FileField, FileRequired
from sqlalchemy import select

from pillar.admin import formatters, navigation
from pillar.admin.base import StaffModelView
from pillar.admin.formatters import Look
from pillar.admin.forms import AdminForm, add_error
from pillar.config import Config
from pillar.database import reading
from pillar.errors import RuleViolation
from pillar.extensions import csrf, db
from pillar.models.imports import ImportBatch, ImportRow, ImportStatus, Verdict
from pillar.permissions import Permission
from pillar.services.imports import running
from pillar.services.imports.reading import MAX_BYTES
from pillar.spreadsheet_cells import csv_text
from pillar.text import clean_line

LOOKS: Mapping[Any, Look] = {
    ImportStatus.QUEUED: Look("wait", "clock", "Starts in a moment"),
    ImportStatus.RUNNING: Look("info", "upload", "Coming in"),
    ImportStatus.DONE: Look("good", "check", "Done"),
    ImportStatus.FAILED: Look("bad", "warning", "Stopped"),
}
# Above what we take, so that a file that is somewhat too large gets a sentence beside its field.
_MOST_REQUEST_BYTES = 2 * MAX_BYTES
_SHOWN_REJECTS = 100
_SHOWN_CELLS = 300


class UploadForm(AdminForm):
    """One file."""

    file = FileField("CSV file", [FileRequired("Choose a file first.")])


class ImportView(StaffModelView):
    """Every spreadsheet that came in."""

    icon = "upload"
    can_create = True
    has_files = True
    create_label = "Import customers"
    create_button = "Import"
    needs: ClassVar = {
        "index_view": Permission.CUSTOMER_IMPORT,
        "details_view": Permission.CUSTOMER_IMPORT,
        "create_view": Permission.CUSTOMER_IMPORT,
        "rejects": Permission.CUSTOMER_IMPORT,
    }
    column_list = ("file_name", "status", "created_rows", "duplicate_rows", "rejected_rows", "created_at")
    column_labels: ClassVar = {
        "file_name": "File",
        "created_rows": "New",
        "duplicate_rows": "Here already",
        "rejected_rows": "Rejected",
        "created_at": "Sent",
    }
    column_sortable_list = ("created_at",)
    column_default_sort = ("created_at", True)
    column_formatters: ClassVar = {"status": formatters.status(LOOKS)}
    figure_columns = ("created_rows", "duplicate_rows", "rejected_rows")
    phone_columns = ("status",)
    empty_title = "Nothing imported yet"
    empty_sentence = "Bring the customers you have in a spreadsheet, saved as CSV."
    create_template = "admin/imports/create.html"
    details_template = "admin/imports/details.html"

    def row_note(self, row: ImportBatch) -> str:
        """Who sent it."""
        return row.started_by

    def create_form(self, obj: Any = None) -> UploadForm:  # noqa: ARG002 - Flask-Admin's signature
        """One file."""
        return UploadForm()

    @expose("/new", methods=("GET", "POST"))
    def create_view(self) -> ResponseReturnValue:
        """Send a file. It is read wholly before the office is told that it comes in."""
        request.max_content_length = _MOST_REQUEST_BYTES
        csrf.protect()
        form = self.create_form()
        if form.validate_on_submit() and (batch := self._receive(form)):
            return redirect(self.row_url(batch), 303)
        return self._form_page(self.create_template, form, None, self.create_button, self.home_url())

    @expose("/<id>/rejects.csv")
    def rejects(self, id: str) -> ResponseReturnValue:  # noqa: A002 - Flask-Admin's own name for it
        """The rows that could not come in, to repair and send again."""
        batch = self.one_or_404(id)
        rows = db.session.scalars(_rejects(batch)).all()
        heads = list(dict.fromkeys(head for row in rows for head in row.cells or ()))
        lines = [
            [str(row.n), row.reason, *((row.cells or {}).get(head, "") for head in heads)] for row in rows
        ]
        response = Response(csv_text(["Row", "Reason", *heads], lines), mimetype="text/csv")
        response.headers["Content-Disposition"] = 'attachment; filename="rejects.csv"'
        return response

    def details_context(self, model: ImportBatch) -> dict[str, Any]:
        """How far it is, and what could not come in."""
        is_running = model.status in {ImportStatus.QUEUED, ImportStatus.RUNNING}
        rejects = db.session.scalars(_rejects(model).limit(_SHOWN_REJECTS)).all()
        return {
            "is_running": is_running,
            "look": formatters.pill(LOOKS[model.status]),
            "facts": [
                ("New customers", f"{model.created_rows:,}"),
                ("Here already", f"{model.duplicate_rows:,}"),
                ("Rejected", f"{model.rejected_rows:,}"),
            ],
            "rejects": [{"n": row.n, "reason": row.reason, "shown": _shown(row)} for row in rejects],
            "unused": () if is_running else _unused(model),
        }

    def _receive(self, form: UploadForm) -> ImportBatch | None:
        name, started_by, company = (
            clean_line(form.file.data.filename or ""),
            current_user.name,
            g.company.public_id,
        )
        try:
            # No transaction is open while the file is read.
            with reading(db.session):
                key, rows = running.receive_file(_config().data_dir, company, form.file.data.stream)
        except RuleViolation as refusal:
            add_error(form, refusal)
            return None
        batch = running.start_import(name or "customers.csv", key, rows, started_by)
        db.session.commit()
        flash(f"{rows:,} rows are coming in. You can go on working.", "good")
        return batch


# The check before all views would read the file of anybody, under the usual limit. This view asks for the check
# itself, once it is known that the person may import.
csrf.exempt(f"{__name__}.create_view")


def _rejects(batch: ImportBatch) -> Any:
    query = select(ImportRow).where(ImportRow.batch_id == batch.id, ImportRow.verdict == Verdict.REJECT)
    return query.order_by(ImportRow.n)


def _shown(row: ImportRow) -> str:
    cells = (f"{head}: {cell}" for head, cell in (row.cells or {}).items() if cell)
    return "; ".join(cells)[:_SHOWN_CELLS]


def _unused(batch: ImportBatch) -> Sequence[str]:
    try:
        return running.open_file(batch, _config().data_dir).unused
    except RuleViolation:
        return ()


def _config() -> Config:
    config: Config = current_app.config["PILLAR_CONFIG"]
    return config


def view() -> ImportView:
    """The view as it is added to the office."""
    return ImportView(
        ImportBatch, name="Imports", category=navigation.CUSTOMERS, endpoint="imports", url="imports"
    )
