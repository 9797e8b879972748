"""The list page of a model: what a subclass says about it, and how the answer is put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, ClassVar
from urllib.parse import urlencode

from sqlalchemy import select
from sqlalchemy.sql import Select

from pillar.admin.listing import (
    COUNT_CAP,
    Asked,
    Chip,
    Choice,
    Column,
    Listing,
    OfferedChoice,
    RowAction,
    SavedView,
    StoredView,
    Tab,
    TextFilter,
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
    get_column_name: Callable[[str], str]
    get_url: Callable[..., str]

    # Tabs above the list; the first is what opens.
    saved_views: ClassVar[Sequence[SavedView]] = ()
    # Filters beside the search: by one of a few values, by typed text.
    choices: ClassVar[Sequence[Choice]] = ()
    filters: ClassVar[Sequence[TextFilter]] = ()
    # What the tabs are called where they can be chosen among the filters; empty: only as tabs.
    views_label: ClassVar[str] = ""
    # Columns a person may add; those of `column_list` may be taken off.
    more_columns: ClassVar[Sequence[str]] = ()
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

    def stored_views(self) -> Sequence[StoredView]:
        """Views of this list that people saved; `pillar.admin.saved_views` finds them."""
        return ()

    def asked(self, args: Mapping[str, str]) -> tuple[Asked, Sequence[OfferedChoice]]:
        """What a query string asks of this list, and the choices it offers."""
        offered = offer(self.choices, args)
        asked = read_asked(
            args,
            sortable=list(self._sortable_columns),
            views=self.saved_views,
            choices=offered,
            filters=self.filters,
            columns=self.all_columns() if self.more_columns else (),
        )
        # Only a difference is worth saying.
        return (replace(asked, columns=()) if asked.columns == self._usual_columns() else asked), offered

    def all_columns(self) -> tuple[str, ...]:
        """Every column that can be shown; the first one always is."""
        return (*self._usual_columns(), *self.more_columns)

    def listing(self, args: Mapping[str, str]) -> Listing:
        """Everything the list page draws: one count, one page of rows, what the loading options add."""
        asked, offered = self.asked(args)
        asked, rows, count, pages = self.page_of(asked)
        return self._drawn(asked, rows, count, pages, offered, args.get("saved", ""))

    def page_of(self, asked: Asked) -> tuple[Asked, Sequence[Any], int, int]:
        """The rows of the page that is asked for, how many there are, on how many pages."""
        query = self._narrowed(asked)
        asked, count, pages = self.counted(asked, query, self.model.id)
        page = self._sorted(query, asked).limit(self.page_size).offset((asked.page - 1) * self.page_size)
        return asked, db.session.scalars(page).unique().all(), count, pages

    def counted(self, asked: Asked, query: Select[Any], key: Any) -> tuple[Asked, int, int]:
        """With the page brought back to the last one there is; how many rows, on how many pages."""
        count = capped_count(db.session(), query, key)
        pages = max(1, ceil(min(count, COUNT_CAP) / self.page_size))
        return replace(asked, page=min(asked.page, pages)), count, pages

    def sorting(self, asked: Asked) -> tuple[str, bool]:
        """The column that the list is ordered by, and whether it runs down."""
        if asked.sort:
            return asked.sort, asked.is_descending
        default = self.column_default_sort or ("id", True)
        return (default, False) if isinstance(default, str) else default

    def _usual_columns(self) -> tuple[str, ...]:
        return tuple(name for name, _label in self._list_columns)

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
        name, is_descending = self.sorting(asked)
        column = self._sortable_columns.get(name, getattr(self.model, name, self.model.id))
        return ordered(query, column, self.model.id, is_descending=is_descending)

    def _drawn(
        self,
        asked: Asked,
        rows: Sequence[Any],
        count: int,
        pages: int,
        offered: Sequence[OfferedChoice],
        saved: str,
    ) -> Listing:
        views = self.stored_views()
        stored = next((each for each in views if each.key == saved), None)
        asked = replace(asked, saved=stored.key if stored else "")
        return Listing(
            rows=rows,
            columns=[self._column(name, asked) for name in asked.columns or self._usual_columns()],
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
            tabs=self._tabs(asked, views),
            choices=offered,
            kept=self._kept(asked),
            filters=[(each, asked.chosen.get(each.name, "")) for each in self.filters],
            chips=self._chips(asked, offered),
            view=asked.view or self._first_view(),
            stored=stored,
            is_changed=stored is not None and lasting(asked) != stored.params,
            params=lasting(asked),
        )

    def _kept(self, asked: Asked) -> dict[str, str]:
        """What the form of the filters sends along unchanged."""
        names = {"sort", "desc", "cols", "saved"} | (set() if self.views_label else {"view"})
        return {name: value for name, value in asked.params().items() if name in names}

    def _tabs(self, asked: Asked, stored: Sequence[StoredView]) -> list[Tab]:
        opened = "" if asked.saved else asked.view or self._first_view()
        standing = [
            Tab(one.label, self._url(Asked(view=one.key)), one.key == opened) for one in self.saved_views
        ]
        return standing + [
            Tab(each.label, self._url(Asked(saved=each.key), **each.params), each.key == asked.saved)
            for each in stored
        ]

    def _chips(self, asked: Asked, offered: Sequence[OfferedChoice]) -> list[Chip]:
        """What narrows the list, each with the list without it."""
        labels = {each.name: each.label for each in self.filters} | {
            each.name: each.label for each in offered
        }
        shown = {
            each.name: next((text for value, text in each.options if value == each.chosen), each.chosen)
            for each in offered
        }
        chips = [
            Chip(f"{labels[name]}: {shown.get(name) or value}", self._url(_without(asked, name)))
            for name, value in asked.chosen.items()
        ]
        view = next((one.label for one in self.saved_views if one.key == asked.view), "")
        if self.views_label and asked.saved and view:
            chips.append(Chip(f"{self.views_label}: {view}", self._url(replace(asked, view="", page=1))))
        return chips

    def _column(self, name: str, asked: Asked) -> Column:
        label = self.get_column_name(name)
        first = self._list_columns[0][0]
        css = ["num end"] if name in self.figure_columns else []
        # A column that somebody chose is there on a phone, too.
        if name != first and name not in self.phone_columns and not asked.columns:
            css.append("desk")
        if name not in self._sortable_columns:
            return Column(name, label, " ".join(css))
        is_sorted = asked.sort == name
        direction = ("descending" if asked.is_descending else "ascending") if is_sorted else ""
        turned = replace(asked, sort=name, is_descending=is_sorted and not asked.is_descending, page=1)
        return Column(name, label, " ".join(css), self._url(turned), direction)

    def _url(self, asked: Asked, **more: str) -> str:
        query = urlencode({**more, **asked.params()}, safe="!$'()*,/:;?@")
        return f"{self.get_url('.index_view')}?{query}".removesuffix("?")


def _without(asked: Asked, name: str) -> Asked:
    rest = {each: value for each, value in asked.chosen.items() if each != name}
    return replace(asked, chosen=rest, page=1)


def lasting(asked: Asked) -> dict[str, str]:
    """What makes a view: all but the page and the name it was opened by."""
    return {name: value for name, value in asked.params().items() if name not in {"page", "saved"}}
