"""The base of every office view: read-only unless opened, found by random ids, written by services."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

from flask import abort, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_admin.contrib.sqla import ModelView
from sqlalchemy.exc import IntegrityError

from pillar.admin import formatters
from pillar.admin.forms import AdminForm, FormPart, add_error
from pillar.admin.guard import Guarded, StaffView, person_may
from pillar.admin.list_page import ListPage
from pillar.admin.listing import Choice, Column, RowAction, SavedView
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.permissions import Permission

__all__ = ["AdminForm", "Choice", "FormPart", "RowAction", "SavedView", "StaffModelView", "StaffView"]

_PUBLIC_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_SAVED_TWICE = "Someone saved the same thing a moment ago. Look at the list before you save again."
_CHANGED = "Someone else changed this while you were typing. Compare with the page, then save again."

Made = TypeVar("Made")


class StaffModelView(Guarded, ListPage, ModelView):
    """List, details and forms of one model. A subclass names in `needs` what is open, and to whom."""

    can_create = can_edit = can_delete = can_export = False
    can_view_details = True
    can_set_page_size = False
    page_size = 25
    form_base_class = AdminForm
    column_type_formatters = column_type_formatters_detail = formatters.BY_TYPE

    list_template = "admin/model/list.html"
    create_template = "admin/model/create.html"
    edit_template = "admin/model/edit.html"
    details_template = "admin/model/details.html"

    # Forms: groups of (legend, field names) or nothing for one; whether files are sent; words of the buttons.
    form_sections: ClassVar[Sequence[tuple[str, Sequence[str]]]] = ()
    has_files: ClassVar[bool] = False
    create_label: ClassVar[str] = "New"
    create_button: ClassVar[str] = "Save"
    edit_button: ClassVar[str] = "Save changes"

    # Bulk actions: the permission of each; one that is not named here is not offered and is refused.
    action_needs: ClassVar[dict[str, Permission]] = {}

    def __init__(self, model: Any, **kwargs: Any) -> None:
        super().__init__(model, db, **kwargs)

    # What a subclass fills in, beside what ListPage says

    def create(self, form: Any) -> Any:
        """Call the service that makes one, and return it. The base commits."""
        raise TypeError(f"{type(self).__name__} makes none of {form!r}")

    def update(self, form: Any, model: Any) -> None:
        """Call the service that changes it. The base commits."""
        raise TypeError(f"{type(self).__name__} changes no {model!r} by {form!r}")

    def delete(self, model: Any) -> None:
        """Call the service that removes it. The base commits."""
        raise TypeError(f"{type(self).__name__} removes no {model!r}")

    def details_context(self, _model: Any) -> dict[str, Any]:
        """Further variables of the details page."""
        return {}

    def form_context(self, _model: Any | None) -> dict[str, Any]:
        """Further variables of the create and edit pages."""
        return {}

    def said_on(self, what: str, model: Any) -> str:
        """What is said after `saved` or `deleted`."""
        return f"{self.row_title(model)} is {what}."

    # Addresses

    def get_pk_value(self, model: Any) -> str:
        """The random id; row ids never leave the server."""
        return model.public_id

    def get_one(self, id: str) -> Any:  # noqa: A002 - Flask-Admin's own name for it
        """Find by random id inside the fence; None for anything else."""
        if not is_public_id(id):
            return None
        return db.session.scalar(self.found().where(self.model.public_id == id))

    def one_or_404(self, id: str) -> Any:  # noqa: A002 - as get_one
        """The thing an address names; another company's is as absent as one that never was."""
        model = self.get_one(id)
        return abort(404) if model is None else model

    def rows(self, ids: Sequence[str]) -> Sequence[Any]:
        """The rows ticked for a bulk action, in one query; unknown ids are left out."""
        known = sorted({public_id for public_id in ids if is_public_id(public_id)})[: self.page_size]
        if not known:
            return ()
        query = self.found().where(self.model.public_id.in_(known)).order_by(self.model.id)
        return db.session.scalars(query).all()

    def row_url(self, row: Any) -> str:
        """Where the name of a row leads."""
        if not self.permits("details_view"):
            return ""
        return self.get_url(".details_view", id=row.public_id)

    def crumbs(self) -> list[tuple[str, str]]:
        """The way back from a page of one thing."""
        return [(self.name, self.home_url())] if self.permits("index_view") else []

    # Pages

    @expose("/")
    def index_view(self) -> ResponseReturnValue:
        """The list."""
        actions, questions = self.get_actions_list()
        listing = self.listing(request.args)
        return self.render(
            self.list_template,
            listing=listing,
            first_css=listing.columns[0].css,
            drawn_rows=[
                self._drawn_row(row, listing.columns, n) for n, row in enumerate(listing.rows, start=1)
            ],
            bulk_actions=[(name, label, questions.get(name, "")) for name, label in actions],
            has_row_actions=type(self).row_actions is not ListPage.row_actions,
        )

    def _drawn_row(self, row: Any, columns: Sequence[Column], n: int) -> tuple[Any, ...]:
        """What the list shows of one row, in the order that `admin/model/list.html` takes it apart."""
        first, *others = columns
        cells = [(column.css, self.cell(row, column.name)) for column in others]
        actions = [
            (each.label, each.url, formatters.drawing(each.icon), each.is_post, each.question)
            for each in self.row_actions(row)
        ]
        title, note = self.row_title(row), self.row_note(row)
        return (
            self.get_pk_value(row),
            self.row_url(row),
            title,
            note,
            self.cell(row, first.name),
            cells,
            actions,
            n,
        )

    @expose("/<id>")
    def details_view(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as get_one
        """One of them."""
        model = self.one_or_404(id)
        return self.render(
            self.details_template,
            model=model,
            crumbs=self.crumbs(),
            details_columns=self._details_columns,
            get_pk_value=self.get_pk_value,
            get_value=self.get_detail_value,
            **self.details_context(model),
        )

    @expose("/new", methods=("GET", "POST"))
    def create_view(self) -> ResponseReturnValue:
        """Make one."""
        form = self.create_form()
        if self.validate_form(form) and (model := self.create_model(form)) is not None:
            flash(self.said_on("saved", model), "good")
            return redirect(self.get_save_return_url(model, is_created=True), 303)
        return self._form_page(self.create_template, form, None, self.create_button, self.home_url())

    @expose("/<id>/edit", methods=("GET", "POST"))
    def edit_view(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as get_one
        """Change one."""
        model = self.one_or_404(id)
        form = self.edit_form(obj=model)
        if self.validate_form(form) and self.update_model(form, model):
            flash(self.said_on("saved", model), "good")
            return redirect(self.get_save_return_url(model, is_created=False), 303)
        back = self.row_url(model) or self.home_url()
        return self._form_page(self.edit_template, form, model, self.edit_button, back)

    @expose("/<id>/delete", methods=("POST",))
    def delete_view(self, id: str) -> ResponseReturnValue:  # noqa: A002 - as get_one
        """Remove one. The question was asked on the page before."""
        model = self.one_or_404(id)
        said = self.said_on("deleted", model)
        if self.delete_model(model):
            flash(said, "good")
        return self.go_back()

    @expose("/action", methods=("POST",))
    def action_view(self) -> ResponseReturnValue:
        """Run one bulk action on the ticked rows and commit once."""
        name = request.form.get("action", "")
        if name not in self._actions_data or not self.is_action_allowed(name):
            abort(404)
        rows = self.rows(request.form.getlist("rowid"))
        if not rows:
            flash("Tick at least one row first.", "wait")
            return self.go_back()
        act = self._actions_data[name][0]
        return self._attempt(lambda: act(rows) or self.go_back(), _flash_refusal) or self.go_back()

    def go_back(self) -> ResponseReturnValue:
        """After a small form: to the page it was on."""
        return redirect(own_path(request.form.get("url", "")) or self.home_url(), 303)

    # Flask-Admin's hooks

    def cell(self, model: Any, name: str) -> Any:
        """One cell: the column's formatter, else the attribute; then as its type is shown."""
        drawn = self.column_formatters.get(name)
        value = drawn(self, None, model, name) if drawn else getattr(model, name)
        if isinstance(value, str) and not isinstance(value, StrEnum):
            return value
        shown = next(
            (show for kind, show in self.column_type_formatters.items() if isinstance(value, kind)), None
        )
        return shown(self, value, name) if shown else value

    def get_form(self) -> Any:
        """An explicit form, or one made of explicit columns; never one made of every column there is."""
        return super().get_form() if self.form or self.form_columns else self.form_base_class

    def get_save_return_url(self, model: Any, is_created: bool = False) -> str:  # noqa: ARG002, FBT001, FBT002
        """After saving, the thing itself."""
        return self.row_url(model) or self.home_url()

    def is_action_allowed(self, name: str) -> bool:
        """Whether the person may run this bulk action."""
        need = self.action_needs.get(name)
        return need is not None and self.permits("action_view") and person_may(need)

    def action_delete(self, _rows: Sequence[Any]) -> None:
        """Flask-Admin's bulk delete is no action here: it would go past the services."""
        abort(404)

    def create_model(self, form: Any) -> Any | None:
        """Create through the subclass's service, then commit; None when a rule refused."""
        return self._attempt(lambda: self.create(form), lambda refusal: add_error(form, refusal))

    def update_model(self, form: Any, model: Any) -> bool:
        """Change through the subclass's service, then commit; False when a rule refused."""

        def change() -> bool:
            seen = request.form.get("seen_version")
            if seen is not None and seen != str(model.version):
                raise RuleViolation(_CHANGED)
            self.update(form, model)
            return True

        return self._attempt(change, lambda refusal: add_error(form, refusal)) or False

    def delete_model(self, model: Any) -> bool:
        """Remove through the subclass's service, then commit; False when a rule refused."""

        def remove() -> bool:
            self.delete(model)
            return True

        return self._attempt(remove, _flash_refusal) or False

    def _form_page(
        self, template: str, form: Any, model: Any | None, button: str, back: str
    ) -> ResponseReturnValue:
        page = self.render(
            template,
            form=form,
            model=model,
            seen_version=getattr(model, "version", None),
            submit_label=button,
            return_url=back,
            crumbs=self.crumbs(),
            **self.form_context(model),
        )
        return page, 422 if request.method == "POST" else 200

    def _attempt(self, do: Callable[[], Made], refused: Callable[[RuleViolation], None]) -> Made | None:
        """Do it and commit once; a rule's refusal or a race undoes everything and is told."""
        try:
            made = do()
            db.session.commit()
        except RuleViolation as refusal:
            db.session.rollback()
            refused(refusal)
        except IntegrityError:
            db.session.rollback()
            refused(RuleViolation(_SAVED_TWICE))
        else:
            return made
        return None


def is_public_id(text: str) -> bool:
    """Whether this can be a random id at all: what is not never reaches the database."""
    return _PUBLIC_ID.fullmatch(text) is not None


def own_path(target: str) -> str:
    """The target if it is a path of ours, else empty: no redirect leaves the site."""
    is_path = target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if is_path and target.isprintable() else ""


def _flash_refusal(refusal: RuleViolation) -> None:
    flash(refusal.message, "bad")
