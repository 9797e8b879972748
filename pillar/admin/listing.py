"""A list page of the office: what was asked for, the rows, their capped count, and the links around them.

At a million rows an exact count or a far OFFSET takes a second, so the count stops at 10,000 and pages end
there. Whatever stands in the query string, the answer is a list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql import Select
from werkzeug.datastructures import MultiDict

from pillar.text import clean_line

COUNT_CAP = 10_000
SEARCH_LENGTH = 200
FILTER_LENGTH = 100
_PAGE_DIGITS = 6
_NEIGHBOURS = 2

Narrowing = Callable[[Select[Any]], Select[Any]]


@dataclass(frozen=True, slots=True)
class SavedView:
    """A tab above a list: `?view=<key>`. The first of a view's list is what opens without one."""

    key: str
    label: str
    narrow: Narrowing


@dataclass(frozen=True, slots=True)
class Choice:
    """A filter by one value of a short list: `?<name>=<value>`. `options` is asked once per page."""

    name: str
    label: str
    options: Callable[[], Sequence[tuple[str, str]]]
    narrow: Callable[[Select[Any], str], Select[Any]]


@dataclass(frozen=True, slots=True)
class TextFilter:
    """A filter by typed text: `?<name>=<text>`. With `suggests` the list helps with what there is."""

    name: str
    label: str
    hint: str = ""
    suggests: bool = False


@dataclass(frozen=True, slots=True)
class RowAction:
    """One line in the menu of a row: a link, with `is_post` a form, with a `question` one that asks first."""

    label: str
    url: str
    icon: str = ""
    is_post: bool = False
    question: str = ""


class Tab(NamedTuple):
    """A link above the list."""

    label: str
    url: str
    is_current: bool


class Chip(NamedTuple):
    """A filter that is on, and the list without it."""

    label: str
    without_url: str


@dataclass(frozen=True, slots=True)
class StoredView:
    """A view that somebody saved, as the page needs it."""

    key: str
    label: str
    params: Mapping[str, str]
    is_shared: bool
    may_change: bool


@dataclass(frozen=True, slots=True)
class OfferedChoice:
    """A filter as the page draws it."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    chosen: str


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a column. `direction` is `ascending`, `descending` or empty."""

    name: str
    label: str
    css: str = ""
    sort_url: str = ""
    direction: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """The query string of a list, made safe: only what the view knows survives."""

    page: int = 1
    search: str = ""
    view: str = ""
    sort: str = ""
    is_descending: bool = False
    chosen: Mapping[str, str] = field(default_factory=dict)
    saved: str = ""
    columns: Sequence[str] = ()

    def params(self) -> dict[str, str]:
        """Back as a query string, without what is the default anyway."""
        named = {
            "view": self.view,
            **self.chosen,
            "search": self.search,
            "sort": self.sort,
            "desc": "1" if self.is_descending else "",
            "cols": ",".join(self.columns),
            "saved": self.saved,
            "page": str(self.page) if self.page > 1 else "",
        }
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything `admin/model/list.html` draws."""

    rows: Sequence[Any]
    columns: Sequence[Column]
    range_label: str
    page: int
    pages: Sequence[tuple[int | None, str]]
    previous_url: str
    next_url: str
    here: str
    clear_url: str
    search: str
    can_search: bool
    is_narrowed: bool
    tabs: Sequence[Tab]
    choices: Sequence[OfferedChoice]
    kept: Mapping[str, str]
    filters: Sequence[tuple[TextFilter, str]] = ()
    chips: Sequence[Chip] = ()
    view: str = ""
    stored: StoredView | None = None
    is_changed: bool = False
    params: Mapping[str, str] = field(default_factory=dict)


def read_asked(
    args: Mapping[str, str],
    *,
    sortable: Sequence[str],
    views: Sequence[SavedView],
    choices: Sequence[OfferedChoice],
    filters: Sequence[TextFilter] = (),
    columns: Sequence[str] = (),
) -> Asked:
    """Take from a query string what this list understands; nonsense counts as not said."""
    sort, view = args.get("sort", ""), args.get("view", "")
    return Asked(
        page=_read_page(args.get("page", "")),
        search=clean_line(args.get("search", ""))[:SEARCH_LENGTH],
        view=view if view in {known.key for known in views[1:]} else "",
        sort=sort if sort in sortable else "",
        is_descending=sort in sortable and args.get("desc") == "1",
        chosen={choice.name: choice.chosen for choice in choices if choice.chosen}
        | {each.name: typed for each in filters if (typed := _read_filter(args, each))},
        columns=_read_columns(args, columns),
    )


def _read_filter(args: Mapping[str, str], one: TextFilter) -> str:
    return clean_line(args.get(one.name, ""))[:FILTER_LENGTH]


def _read_columns(args: Mapping[str, str], known: Sequence[str]) -> tuple[str, ...]:
    """The columns to show, in the order of the list: from a link (`cols`) or from boxes that were ticked (`col`)."""
    ticked = args.getlist("col") if isinstance(args, MultiDict) else ()
    wanted = {*ticked, *args.get("cols", "").split(",")}.intersection(known)
    return tuple(name for name in known if name in wanted or name == known[0]) if wanted else ()


def _read_page(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        return 1
    # Past every page: brought back to the last one when the count is known.
    return max(1, int(text)) if len(text) <= _PAGE_DIGITS else COUNT_CAP


def capped_count(session: Session, query: Select[Any], key: InstrumentedAttribute[Any]) -> int:
    """How many rows a query has, counting no further than one past the cap."""
    some = query.with_only_columns(key).order_by(None).limit(COUNT_CAP + 1).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def ordered(query: Select[Any], column: Any, key: Any, *, is_descending: bool) -> Select[Any]:
    """Sort by a column, then by key so that pages never overlap; rows without a value come last."""
    direction = column.desc() if is_descending else column.asc()
    # NULLS LAST keeps SQLite and PostgreSQL alike; where nothing is null it would only cost the index.
    if getattr(column, "nullable", False):
        direction = direction.nulls_last()
    return query.order_by(None).order_by(direction, key.desc() if is_descending else key.asc())


def offer(choices: Sequence[Choice], args: Mapping[str, str]) -> list[OfferedChoice]:
    """The filters with the chosen value, if it is one of theirs."""
    offered = []
    for choice in choices:
        options = choice.options()
        wanted = args.get(choice.name, "")
        known = wanted if wanted in {value for value, _label in options} else ""
        offered.append(OfferedChoice(choice.name, choice.label, options, known))
    return offered


def page_links(asked: Asked, pages: int, url: Callable[[Asked], str]) -> list[tuple[int | None, str]]:
    """First, last and the neighbours of the current page; (None, "") where pages are left out."""
    wanted = {1, pages, *range(asked.page - _NEIGHBOURS, asked.page + _NEIGHBOURS + 1)}
    links: list[tuple[int | None, str]] = []
    before = 0
    for number in sorted(number for number in wanted if 1 <= number <= pages):
        if number > before + 1:
            links.append((None, ""))
        links.append((number, url(replace(asked, page=number))))
        before = number
    return links


def range_label(asked: Asked, page_size: int, shown: int, count: int) -> str:
    """`Showing 51 to 100 of 1,284`; past the cap `of 10,000+`."""
    if not shown:
        return ""
    first = (asked.page - 1) * page_size + 1
    of = f"{COUNT_CAP:,}+" if count > COUNT_CAP else f"{count:,}"
    return f"Showing {first:,} to {first + shown - 1:,} of {of}"
