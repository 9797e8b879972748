"""Saved views of a list: tabs beside the standing ones, kept, renamed and forgotten by small forms (6.4).

Mixed into a view before StaffModelView; its `needs` then name `save_view` and `change_view`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_login import current_user
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from pillar.admin.base import is_public_id
from pillar.admin.guard import person_may
from pillar.admin.list_page import ListPage, lasting
from pillar.admin.listing import StoredView
from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.list_view import ListView
from pillar.permissions import Permission
from pillar.services import saved_views


class SavedViewPages(ListPage):
    """Keeps the views of one list. A link to a view spells its filters out, so that every page says what it shows."""

    _attempt: Callable[..., Any]

    def stored_views(self) -> Sequence[StoredView]:
        """The person's views of this list, in one query."""
        if not current_user.is_authenticated:
            return ()
        return [
            StoredView(
                each.public_id,
                each.name,
                each.params,
                each.is_shared,
                saved_views.may_change(current_user, each),
            )
            for each in saved_views.views_of(current_user, self.endpoint)
        ]

    def may_share_views(self) -> bool:
        """Whether the person may keep views for everybody."""
        return person_may(Permission.VIEWS_SHARE)

    @expose("/")
    def index_view(self) -> ResponseReturnValue:
        """The list. The bare address of a saved view leads to what it stands for."""
        saved = request.args.get("saved")
        if saved is None:
            return super().index_view()  # type: ignore[misc]
        view = self._view_or_404(saved)
        if set(request.args) == {"saved"} and view.params:
            return redirect(url_for(f"{self.endpoint}.index_view", **self._link(view)), 303)
        return super().index_view()  # type: ignore[misc]

    @expose("/views", methods=("POST",))
    def save_view(self) -> ResponseReturnValue:
        """Keep what the list shows now under a name."""
        params: dict[str, Any] = self._shown_params()
        made = self._attempt(
            lambda: saved_views.save_view(
                current_user,
                self.endpoint,
                request.form.get("name", ""),
                params,
                is_shared="shared" in request.form,
            ),
            _flash_refusal,
        )
        if made is None:
            return redirect(url_for(f"{self.endpoint}.index_view", **params), 303)
        flash(f"“{made.name}” is saved.", "good")
        return redirect(url_for(f"{self.endpoint}.index_view", **self._link(made)), 303)

    @expose("/views/<id>", methods=("POST",))
    def change_view(self, id: str) -> ResponseReturnValue:  # noqa: A002 - Flask-Admin's own name for it
        """Rename, show something else, forget."""
        view = self._view_or_404(id)
        act = self._changes(view).get(request.form.get("do", ""))
        if act is None:
            abort(404)
        said = self._attempt(act, _flash_refusal)
        if said:
            flash(said, "good")
        is_gone = said and request.form.get("do") == "delete"
        params: dict[str, Any] = {} if is_gone else self._link(view)
        return redirect(url_for(f"{self.endpoint}.index_view", **params), 303)

    def _changes(self, view: ListView) -> dict[str, Callable[[], str]]:
        def rename() -> str:
            typed, is_shared = request.form.get("name", ""), "shared" in request.form
            saved_views.rename_view(current_user, view, typed, is_shared=is_shared)
            return f"It is called “{view.name}” now."

        def replace() -> str:
            saved_views.replace_view(current_user, view, self._shown_params())
            return f"“{view.name}” shows this from now on."

        def delete() -> str:
            name = view.name
            saved_views.delete_view(current_user, view)
            return f"“{name}” is deleted. No row was."

        return {"rename": rename, "replace": replace, "delete": delete}

    def _view_or_404(self, key: str) -> ListView:
        """A view of this list that the person has; another's is as absent as one that never was."""
        query = select(ListView).where(ListView.public_id == key, ListView.list_name == self.endpoint)
        view = db.session.scalars(query).one_or_none() if is_public_id(key) else None
        if view is None or not (view.is_shared or view.staff_id == current_user.id):
            abort(404)
        return view

    def _shown_params(self) -> dict[str, str]:
        """What the page that sent the form shows, read again as the list reads it."""
        query = urlsplit(request.form.get("url", "")).query
        asked, _offered = self.asked(MultiDict(parse_qsl(query)))
        return lasting(asked)

    def _link(self, view: ListView) -> dict[str, Any]:
        return {**view.params, "saved": view.public_id}


def _flash_refusal(refusal: RuleViolation) -> None:
    flash(refusal.message, "bad")
