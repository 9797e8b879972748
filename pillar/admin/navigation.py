"""What stands around every office page: the left navigation, the New menu, the person's menu, the search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flask import g, url_for

TODAY, CUSTOMERS, WORK, MONEY = "Today", "Customers", "Work", "Money"
MESSAGES, GROWTH, SETTINGS = "Messages", "Growth", "Settings"
CATEGORIES = (TODAY, CUSTOMERS, WORK, MONEY, MESSAGES, GROWTH, SETTINGS)

# The sign-in pages are plain routes beside Flask-Admin's views.
SIGN_OUT_ENDPOINT = "admin_access.sign_out"
SECURITY_ENDPOINT = "admin_access.security"
ACCOUNT_ENDPOINT = "account.index"


class ShownView(Protocol):
    """What the navigation needs of a view; `pillar.admin.base.Guarded` has it."""

    name: str
    category: str
    icon: str
    new_name: str
    more_new: Sequence[tuple[str, str, str]]
    answers_search: bool
    endpoint: str

    def is_visible(self) -> bool: ...
    def is_accessible(self) -> bool: ...
    def permits(self, method: str) -> bool: ...
    def home_url(self) -> str: ...
    def waiting_count(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Link:
    """One line of a menu. `count` only where someone must act."""

    name: str
    url: str
    icon: str
    is_current: bool = False
    count: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """One heading of the left navigation. (`links`, not `items`: templates would find a method.)"""

    name: str
    links: Sequence[Link]


def left_navigation(views: Iterable[ShownView], here: object) -> list[Group]:
    """The groups in their fixed order, with only what exists and what the person may open."""
    by_category: dict[str, list[Link]] = {name: [] for name in CATEGORIES}
    for view in views:
        if view.category in by_category and view.is_visible() and view.is_accessible():
            link = Link(view.name, view.home_url(), view.icon, view is here, view.waiting_count())
            by_category[view.category].append(link)
    return [Group(name, links) for name, links in by_category.items() if links]


def new_menu(views: Iterable[ShownView], filled_in: Mapping[str, Any]) -> list[Link]:
    """What the person may create; `filled_in` goes into the address (on a customer's page: that customer)."""
    views = list(views)
    lines = [(view, (view.new_name, "create_view", view.icon)) for view in views if view.new_name]
    lines += [(view, line) for view in views for line in view.more_new]
    return [
        Link(words, url_for(f"{view.endpoint}.{method}", **filled_in), icon)
        for view, (words, method, icon) in lines
        if view.permits(method)
    ]


def search_address(views: Iterable[ShownView]) -> str:
    """The list that answers the search of the top bar; empty if the person may not see it."""
    return next((view.home_url() for view in views if view.answers_search and view.is_accessible()), "")


def shell(views: Sequence[ShownView], here: object, filled_in: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that `admin/base.html` draws the shell from."""
    return {
        "company": g.get("company"),
        "navigation": left_navigation(views, here),
        "new_items": new_menu(views, filled_in),
        "person_items": [
            Link("Your account", url_for(ACCOUNT_ENDPOINT), "person"),
            Link("Sign-in and security", url_for(SECURITY_ENDPOINT), "lock"),
        ],
        "search_url": search_address(views),
        "sign_out_url": url_for(SIGN_OUT_ENDPOINT),
    }
