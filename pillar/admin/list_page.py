"""The list page of a model: what a subclass says about it, and how the answer is put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, ClassVar

from flask import url_for
from sqlalchemy import select
from sqlalchemy.sql import Select

from pillar.admin.listing import (
    COUNT_CAP,
    Asked,
    Choice,
    Column,
    Listing,
    OfferedChoice,
    RowAction,
    SavedView,
    Tab,
    capped_count,
    offer,
    ordered,
    page_links,
    range_label,
    read_asked,
)
from pillar.extensions import db


class ListPage:
    """Mixed into StaffModelView; the columns and their order come from Flask-Admin's `column_*` settings."""

    model: Any
    endpoint: str
    page_size: int
    column_default_sort: Any
    _list_columns: Sequence[tuple[str, str]]
    _sortable_columns: Mapping[str, Any]

    # Tabs above the list; the first is what opens.
    saved_views: ClassVar[Sequence[SavedView]] = ()
    # Filters beside the search.
    choices: ClassVar[Sequence[Choice]] = ()
    # What the search box says; empty: no search.
    search_hint: ClassVar[str] = ""
    # Columns that stay on a phone beside the first one; columns of figures, set at the right.
    phone_columns: ClassVar[Sequence[str]] = ()
    figure_columns: ClassVar[Sequence[str]] = ()
    empty_title: ClassVar[str] = "Nothing here yet"
    empty_sentence: ClassVar[str] = ""

    def list_query(self) -> Select[Any]:
        """The rows of the list with everything a row shows loaded: queries per page stay constant."""
        return self.found()

    def found(self) -> Select[Any]:
        """What exists for this view: every look-up starts here. Soft-deleted rows do not."""
        query = select(self.model)
        return query.where(self.model.deleted_at.is_(None)) if hasattr(self.model, "deleted_at") else query

    def search(self, query: Select[Any], term: str) -> Select[Any]:
        """Narrow the list to what matches; asked only when `search_hint` is set. Use the search index."""
        raise TypeError(f"{type(self).__name__} cannot narrow {query} by {term!r}")

    def row_title(self, row: Any) -> str:
        """The name of one row, for headings and labels."""
        return str(getattr(row, self._list_columns[0][0]))

    def row_note(self, _row: Any) -> str:
        """A soft second line under the name."""
        return ""

    def row_actions(self, _row: Any) -> Sequence[RowAction]:
        """The menu at the end of a row."""
        return ()

    def listing(self, args: Mapping[str, str]) -> Listing:
        """Everything the list page draws: one count, one page of rows, what the loading options add."""
        offered = offer(self.choices, args)
        asked = read_asked(
            args, sortable=list(self._sortable_columns), views=self.saved_views, choices=offered
        )
        query = self._narrowed(asked)
        count = capped_count(db.session(), query, self.model.id)
        pages = max(1, ceil(min(count, COUNT_CAP) / self.page_size))
        asked = replace(asked, page=min(asked.page, pages))
        page = self._sorted(query, asked).limit(self.page_size).offset((asked.page - 1) * self.page_size)
        return self._drawn(asked, db.session.scalars(page).unique().all(), count, pages, offered)

    def _narrowed(self, asked: Asked) -> Select[Any]:
        query = self.list_query()
        opened = asked.view or self._first_view()
        for saved in self.saved_views:
            if saved.key == opened:
                query = saved.narrow(query)
        for choice in self.choices:
            if choice.name in asked.chosen:
                query = choice.narrow(query, asked.chosen[choice.name])
        return self.search(query, asked.search) if self.search_hint and asked.search else query

    def _first_view(self) -> str:
        return self.saved_views[0].key if self.saved_views else ""

    def _sorted(self, query: Select[Any], asked: Asked) -> Select[Any]:
        name, is_descending = asked.sort, asked.is_descending
        if not name:
            default = self.column_default_sort or ("id", True)
            name, is_descending = (default, False) if isinstance(default, str) else default
        column = self._sortable_columns.get(name, getattr(self.model, name, self.model.id))
        return ordered(query, column, self.model.id, is_descending=is_descending)

    def _drawn(
        self, asked: Asked, rows: Sequence[Any], count: int, pages: int, offered: Sequence[OfferedChoice]
    ) -> Listing:
        opened = asked.view or self._first_view()
        kept = {name: value for name, value in asked.params().items() if name in {"view", "sort", "desc"}}
        return Listing(
            rows=rows,
            columns=[self._column(name, label, asked) for name, label in self._list_columns],
            range_label=range_label(asked, self.page_size, len(rows), count),
            page=asked.page,
            pages=page_links(asked, pages, self._url),
            previous_url=self._url(replace(asked, page=asked.page - 1)) if asked.page > 1 else "",
            next_url=self._url(replace(asked, page=asked.page + 1)) if asked.page < pages else "",
            here=self._url(asked),
            clear_url=self._url(replace(asked, page=1, search="", chosen={})),
            search=asked.search,
            can_search=bool(self.search_hint),
            is_narrowed=bool(asked.search or asked.chosen),
            tabs=self._tabs(opened),
            choices=offered,
            kept=kept,
        )

    def _tabs(self, opened: str) -> list[Tab]:
        return [Tab(one.label, self._url(Asked(view=one.key)), one.key == opened) for one in self.saved_views]

    def _column(self, name: str, label: str, asked: Asked) -> Column:
        css = ["num end"] if name in self.figure_columns else []
        if name != self._list_columns[0][0] and name not in self.phone_columns:
            css.append("desk")
        if name not in self._sortable_columns:
            return Column(name, label, " ".join(css))
        is_sorted = asked.sort == name
        direction = ("descending" if asked.is_descending else "ascending") if is_sorted else ""
        turned = replace(asked, sort=name, is_descending=is_sorted and not asked.is_descending, page=1)
        return Column(name, label, " ".join(css), self._url(turned), direction)

    def _url(self, asked: Asked) -> str:
        params: dict[str, Any] = {**asked.params()}
        return url_for(f"{self.endpoint}.index_view", **params)
