"""Imports in the office: send a spreadsheet, say what its columns are, look, bring it in, take it back (6.7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from flask import Response, abort, current_app, flash, g, redirect, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_login import current_user
from flask_wtf.file import FileField, FileRequired
from sqlalchemy import select
from wtforms import RadioField

from pillar.admin import formatters, navigation
from pillar.admin.base import StaffModelView
from pillar.admin.formatters import Look
from pillar.admin.forms import AdminForm, add_error
from pillar.admin.import_pages import (
    NO_ROWS_YET,
    column_rows,
    field_groups,
    shown_rows,
    unused_heads,
    verdict_tabs,
)
from pillar.config import Config
from pillar.database import reading
from pillar.errors import RuleViolation
from pillar.extensions import csrf, db
from pillar.models.imports import ImportBatch, ImportRow, ImportStatus, UpdateMode, Verdict
from pillar.permissions import Permission
from pillar.services.imports import running, undoing
from pillar.services.imports.columns import REASON_HEAD, ROW_HEAD
from pillar.services.imports.files import receive_file
from pillar.services.imports.limits import MAX_BYTES
from pillar.services.imports.origins import origin_name
from pillar.spreadsheet_cells import csv_rows, csv_text
from pillar.text import clean_line

LOOKS: Mapping[Any, Look] = {
    ImportStatus.MAPPING: Look("wait", "list", "Columns to choose"),
    ImportStatus.CHECKING: Look("info", "eye", "Being checked"),
    ImportStatus.CHECKED: Look("wait", "eye", "Checked, not imported yet"),
    ImportStatus.QUEUED: Look("wait", "clock", "Starts in a moment"),
    ImportStatus.RUNNING: Look("info", "upload", "Coming in"),
    ImportStatus.DONE: Look("good", "check", "Done"),
    ImportStatus.FAILED: Look("bad", "warning", "Stopped"),
    ImportStatus.UNDOING: Look("info", "swap", "Being undone"),
    ImportStatus.UNDONE: Look("off", "swap", "Undone"),
}
_AT_WORK = {ImportStatus.CHECKING, ImportStatus.QUEUED, ImportStatus.RUNNING, ImportStatus.UNDOING}
_CHOOSING = {ImportStatus.MAPPING, ImportStatus.CHECKED}
# Above what we take, so that a file that is somewhat too large gets a sentence beside its field.
_MOST_REQUEST_BYTES = 2 * MAX_BYTES
_REJECTS_AT_ONCE = 500


class UploadForm(AdminForm):
    """One file."""

    file = FileField("CSV file or Excel workbook", [FileRequired("Choose a file first.")])


class ColumnsForm(AdminForm):
    """What to do with customers who are here; the columns themselves are as many as the file has."""

    mode = RadioField(
        "Customers who are here already",
        choices=[
            (UpdateMode.FILL.value, "Only fill in what is missing"),
            (UpdateMode.OVERWRITE.value, "Replace ID, status and addresses with the file's"),
        ],
        default=UpdateMode.FILL.value,
    )


class ImportView(StaffModelView):
    """Every spreadsheet that came in."""

    icon = "upload"
    can_create = True
    has_files = True
    create_label = "Import customers"
    create_button = "Read the file"
    needs: ClassVar = dict.fromkeys(
        (
            "index_view",
            "details_view",
            "create_view",
            "columns_view",
            "run_view",
            "undo_view",
            "rejects",
        ),
        Permission.CUSTOMER_IMPORT,
    )
    column_list = (
        "file_name",
        "status",
        "created_rows",
        "updated_rows",
        "duplicate_rows",
        "rejected_rows",
        "created_at",
    )
    column_labels: ClassVar = {
        "file_name": "File",
        "created_rows": "New",
        "updated_rows": "Updated",
        "duplicate_rows": "Here already",
        "rejected_rows": "Rejected",
        "created_at": "Sent",
    }
    column_sortable_list = ("created_at",)
    column_default_sort = ("created_at", True)
    column_formatters: ClassVar = {"status": formatters.status(LOOKS)}
    figure_columns = ("created_rows", "updated_rows", "duplicate_rows", "rejected_rows")
    phone_columns = ("status",)
    empty_title = "Nothing imported yet"
    empty_sentence = "Bring the customers you have, from a spreadsheet or from the software you used before."
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
        """Send a file. It is read wholly before the office goes on with it."""
        request.max_content_length = _MOST_REQUEST_BYTES
        csrf.protect()
        form = self.create_form()
        if form.validate_on_submit() and (batch := self._receive(form)):
            return redirect(self._columns_url(batch), 303)
        return self._form_page(self.create_template, form, None, self.create_button, self.home_url())

    @expose("/<id>/columns", methods=("GET", "POST"))
    def columns_view(self, id: str) -> ResponseReturnValue:  # noqa: A002 - Flask-Admin's own name for it
        """What each column holds, guessed beforehand. Then the file is checked without importing anything."""
        batch = self.one_or_404(id)
        if batch.status not in _CHOOSING:
            return redirect(self.row_url(batch), 303)
        form = ColumnsForm(obj=batch)
        chosen = _chosen(batch) if request.method == "POST" else list(batch.columns or ())
        if form.validate_on_submit() and self._check(batch, form, chosen):
            return redirect(self.row_url(batch), 303)
        page = self.render(
            "admin/imports/columns.html",
            model=batch,
            form=form,
            origin=origin_name(batch.origin),
            rows=column_rows(batch, chosen),
            groups=field_groups(batch),
            crumbs=self.crumbs(),
            return_url=self.home_url(),
        )
        return page, 422 if request.method == "POST" else 200

    @expose("/<id>/run", methods=("POST",))
    def run_view(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as columns_view
        """Bring in what was checked. Pressed twice it runs once."""
        batch = self._locked(id)
        if running.run_import(batch):
            flash(f"{batch.total_rows:,} rows are coming in. You can go on working.", "good")
        db.session.commit()
        return redirect(self.row_url(batch), 303)

    @expose("/<id>/undo", methods=("POST",))
    def undo_view(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as columns_view
        """Take an import back."""
        batch = self._locked(id)
        try:
            undoing.ask_undo(batch)
        except RuleViolation as refusal:
            flash(refusal.message, "bad")
        db.session.commit()
        return redirect(self.row_url(batch), 303)

    @expose("/<id>/rejects.csv")
    def rejects(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as columns_view
        """The rows that could not come in, with their own columns: to mend and send again."""
        batch = self.one_or_404(id)
        if batch.purged_at:
            abort(404)
        response = Response(stream_with_context(_rejects(batch.id, batch.heads or [])), mimetype="text/csv")
        response.headers["Content-Disposition"] = 'attachment; filename="rejects.csv"'
        return response

    def details_context(self, model: ImportBatch) -> dict[str, Any]:
        """How far it is, what became of each row, and what can be done next."""
        is_undo = model.status in {ImportStatus.UNDOING, ImportStatus.UNDONE}
        is_working = model.status in _AT_WORK
        verdict = request.args.get("verdict", "")
        return {
            "is_running": is_working,
            "look": formatters.pill(LOOKS[model.status]),
            "is_dry": model.status in {ImportStatus.CHECKING, ImportStatus.CHECKED},
            "is_undo": is_undo,
            "facts": _facts(model),
            "tabs": verdict_tabs(model, verdict, self.row_url(model)),
            "listed": shown_rows(model, verdict, request.args.get("after", ""), self.row_url(model)),
            "no_rows": NO_ROWS_YET,
            "unused": () if is_working else unused_heads(model),
            "origin": origin_name(model.origin),
            "may_choose": model.status in _CHOOSING,
            "may_run": model.status is ImportStatus.CHECKED and model.created_rows + model.updated_rows > 0,
            "may_undo": undoing.may_undo(model) and model.created_rows + model.updated_rows > 0,
            "columns_url": self._columns_url(model),
            "run_label": f"Import {model.created_rows + model.updated_rows:,} rows",
        }

    def _columns_url(self, batch: ImportBatch) -> str:
        return url_for(f"{self.endpoint}.columns_view", id=batch.public_id)

    def _locked(self, public_id: str) -> ImportBatch:
        """The batch, its row locked: of two clicks at once the second sees what the first did."""
        batch: ImportBatch = self.one_or_404(public_id)
        db.session.refresh(batch, with_for_update=True)
        return batch

    def _check(self, batch: ImportBatch, form: ColumnsForm, chosen: list[str]) -> bool:
        try:
            running.check_rows(batch, chosen, UpdateMode(form.mode.data))
        except RuleViolation as refusal:
            db.session.rollback()
            add_error(form, refusal)
            return False
        db.session.commit()
        return True

    def _receive(self, form: UploadForm) -> ImportBatch | None:
        name, started_by = clean_line(form.file.data.filename or ""), current_user.name
        config: Config = current_app.config["PILLAR_CONFIG"]
        try:
            # No transaction is open while the file is read.
            with reading(db.session):
                received = receive_file(config.data_dir, g.company.public_id, form.file.data.stream)
        except RuleViolation as refusal:
            add_error(form, refusal)
            return None
        batch = running.draft_import(name or "customers.csv", received, started_by)
        db.session.commit()
        return batch


# The check before all views would read the file of anybody, under the usual limit. This view asks for the check
# itself, once it is known that the person may import.
csrf.exempt(f"{__name__}.create_view")


def _chosen(batch: ImportBatch) -> list[str]:
    """The columns as the form has them; those that it does not show stay as they were guessed."""
    kept = list(batch.columns or ())
    return [request.form.get(f"column-{n}", column) for n, column in enumerate(kept)]


def _facts(batch: ImportBatch) -> list[tuple[str, str]]:
    facts = [
        ("New customers", batch.created_rows),
        ("Updates", batch.updated_rows),
        ("Here already", batch.duplicate_rows),
        ("Rejected", batch.rejected_rows),
    ]
    if batch.status in {ImportStatus.UNDOING, ImportStatus.UNDONE}:
        facts = [*facts[:2], ("Taken back", batch.undone_rows - batch.kept_rows), ("Kept", batch.kept_rows)]
    return [(label, f"{count:,}") for label, count in facts]


def _rejects(batch_id: int, heads: list[str]) -> Iterator[str]:
    """The file, some hundred rows at a time."""
    yield csv_text([*heads, ROW_HEAD, REASON_HEAD], [])
    after, width = 0, len(heads)
    query = select(ImportRow).where(ImportRow.batch_id == batch_id, ImportRow.verdict == Verdict.REJECT)
    while rows := db.session.scalars(
        query.where(ImportRow.n > after).order_by(ImportRow.n).limit(_REJECTS_AT_ONCE)
    ).all():
        after = rows[-1].n
        cells = [(list(row.cells or ()) + [""] * width)[:width] for row in rows]
        yield csv_rows([*kept, str(row.n), row.reason] for kept, row in zip(cells, rows, strict=True))


def view() -> ImportView:
    """The view as it is added to the office."""
    return ImportView(
        ImportBatch, name="Imports", category=navigation.CUSTOMERS, endpoint="imports", url="imports"
    )
