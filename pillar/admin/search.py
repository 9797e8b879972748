"""Search from every page of the office: as you type in the top bar, and as a page of its own (6.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose

from pillar.admin.base import StaffView
from pillar.admin.guard import person_may
from pillar.permissions import Permission
from pillar.services import global_search
from pillar.services.global_search import Found, Group

TYPED_LENGTH = 200
_SUGGESTED, _LISTED = 5, 50


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of hit is shown: its heading, its drawing, the page of one, and the list that searches on."""

    label: str
    icon: str
    endpoint: str
    list_endpoint: str = ""


KINDS = {
    Found.CUSTOMER: Kind("Customers", "people", "customers.details_view", "customers.index_view"),
    Found.ESTIMATE: Kind("Estimates", "document", "estimates.details_view", "estimates.index_view"),
    Found.JOB: Kind("Jobs", "wrench", "jobs.details_view", "jobs.index_view"),
    Found.NOTE: Kind("Private notes", "lock", "customers.details_view"),
}


class SearchView(StaffView):
    """Find anything."""

    icon = "search"
    answers_search = True
    needs: ClassVar = {"index_view": Permission.CUSTOMER_READ, "suggest": Permission.CUSTOMER_READ}

    @expose("/")
    def index_view(self) -> ResponseReturnValue:
        """The results, grouped."""
        typed = _typed()
        return self.render(
            "admin/search/index.html",
            heading=f"Results for “{typed}”" if typed else "Search",
            typed=typed,
            groups=_shown(typed, _LISTED),
        )

    @expose("/suggest")
    def suggest(self) -> ResponseReturnValue:
        """The first results of each kind, as a part of the page."""
        typed = _typed()
        return render_template(
            "admin/search/suggest.html",
            typed=typed,
            groups=_shown(typed, _SUGGESTED),
            all_url=url_for(".index_view", q=typed),
        )


def _typed() -> str:
    return request.args.get("q", "")[:TYPED_LENGTH].strip()


def _shown(typed: str, limit: int) -> list[dict[str, Any]]:
    return [_as_drawn(group, typed) for group in global_search.search(typed, person_may, limit)]


def _as_drawn(group: Group, typed: str) -> dict[str, Any]:
    kind = KINDS[group.found]
    more = url_for(kind.list_endpoint, search=typed) if group.has_more and kind.list_endpoint else ""
    hits = [(hit, url_for(kind.endpoint, id=hit.public_id)) for hit in group.hits]
    return {"name": group.found.value, "kind": kind, "hits": hits, "more_url": more}


def view() -> SearchView:
    """The view as it is added to the office."""
    return SearchView(name="Search", endpoint="search", url="search")
