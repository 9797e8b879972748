"""Closed by default: a view of the office opens exactly the methods that its `needs` names.

All other addresses of Flask-Admin do not exist, its CSV export, AJAX look-ups and editable cells among them.
`pillar.http.access` enforces the permissions; the check here is the second lock on the same door.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import quote

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import Admin, BaseView
from flask_admin.model import BaseModelView
from flask_login import current_user

from pillar.admin import navigation
from pillar.http import access, scope
from pillar.permissions import Permission

_STOCK = frozenset(name for _url, name, _methods in BaseModelView._urls)  # noqa: SLF001 - it has no other name
_SWITCHES = {
    "create_view": "can_create",
    "edit_view": "can_edit",
    "delete_view": "can_delete",
    "details_view": "can_view_details",
    "export": "can_export",
}


_OPEN: dict[type[Guarded], frozenset[str]] = {}
# Stands for an id while an address is built.
_SOME_ID = "0" * 22


def person_may(permission: Permission) -> bool:
    """Whether whoever asks is signed in and holds this permission."""
    may = getattr(current_user, "may", None)
    return may is not None and bool(may(permission))


class Guarded:
    """What StaffView and StaffModelView share: permissions, the shell, no hidden errors."""

    needs: ClassVar[dict[str, Permission]] = {}
    admin: Admin
    endpoint: str
    _default_view: str
    _urls: list[tuple[str, str, Any]]

    # In the menus: an icon of macros/admin.html, the line under New, whether the top bar's search comes here.
    icon: ClassVar[str] = "list"
    new_name: ClassVar[str] = ""
    # Further lines under New: words, method, icon.
    more_new: ClassVar[Sequence[tuple[str, str, str]]] = ()
    answers_search: ClassVar[bool] = False

    # Methods whose forms may be longer than others.
    long_forms: ClassVar[frozenset[str]] = frozenset()

    def waiting_count(self) -> int:
        """How many things here wait for somebody to act; shown in the navigation."""
        return 0

    def permits(self, method: str) -> bool:
        """Whether this method is open at all, and to the person who asks."""
        return method in self._open_methods() and person_may(self.needs[method])

    def is_accessible(self) -> bool:
        """Whether the person may open the view's first page."""
        return self.permits(self._default_view)

    def home_url(self) -> str:
        """The address of the view's first page."""
        return self.get_url(f".{self._default_view}")

    def filled_in(self) -> Mapping[str, Any]:
        """What the New menu fills in from this page (on a customer's page: that customer)."""
        return {}

    def create_blueprint(self, admin: Admin) -> Any:
        """Register only the open methods, each with its permission."""
        undeclared = {name for _url, name, _methods in self._urls} - set(self.needs) - _STOCK
        if undeclared:
            raise RuntimeError(f"{type(self).__name__} names no permission for {sorted(undeclared)}")
        is_open = self._open_methods()
        self._urls = [rule for rule in self._urls if rule[1] in is_open]
        blueprint = super().create_blueprint(admin)  # type: ignore[misc]
        for method in is_open:
            access.register(admin.app, f"{self.endpoint}.{method}", self.needs[method])
            if method in self.long_forms:
                scope.allow_long_form(admin.app, f"{self.endpoint}.{method}")
        return blueprint

    def render(self, template: str, **variables: Any) -> str:
        """Render inside the shell."""
        views = self.admin._views  # noqa: SLF001 - Flask-Admin has no public list of its views
        shell = navigation.shell(views, self, self.filled_in())
        return super().render(template, **shell, **variables)  # type: ignore[misc]

    def get_url(self, endpoint: str, **values: Any) -> str:
        """As `url_for`. A list asks for hundreds of addresses of one thing: the router builds each form once."""
        if endpoint.startswith("."):
            endpoint = f"{self.endpoint}{endpoint}"
        if request.script_root or values.keys() - {"id"}:
            return url_for(endpoint, **values)
        if "id" not in values:
            return _address(endpoint)
        before, after = _address_around_id(endpoint)
        text = str(values["id"])
        return f"{before}{text if text.isalnum() and text.isascii() else quote(text, safe='')}{after}"

    def _open_methods(self) -> frozenset[str]:
        # Asked dozens of times on a page, and said by the class alone.
        if (found := _OPEN.get(type(self))) is None:
            found = frozenset(name for name in self.needs if getattr(self, _SWITCHES.get(name, ""), True))
            _OPEN[type(self)] = found
        return found

    def _handle_view(self, name: str, **_kwargs: Any) -> ResponseReturnValue | None:
        return None if self.permits(name) else abort(403)

    def _run_view(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        # Flask-Admin's own calls again after any TypeError, which hides the first one.
        return fn(self, *args, **kwargs)


@lru_cache(maxsize=1_000)
def _address(endpoint: str) -> str:
    return url_for(endpoint)


@lru_cache(maxsize=1_000)
def _address_around_id(endpoint: str) -> tuple[str, str]:
    before, _, after = url_for(endpoint, id=_SOME_ID).partition(_SOME_ID)
    return before, after


class StaffView(Guarded, BaseView):
    """A page of the office that is not a table's."""
