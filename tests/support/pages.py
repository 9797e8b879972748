"""What a person sees and can do on one HTML page."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import TestResponse

_NOT_SENT = ("submit", "image", "button", "reset", "file")
_CONTROLS = ["input", "select", "textarea", "button"]


class FormError(AssertionError):
    """A person could not have filled the form in like that."""


class Page:
    """One response and the HTML in it."""

    def __init__(self, response: TestResponse) -> None:
        self.response = response
        self.status: int = response.status_code
        self.html = response.get_data(as_text=True)

    @cached_property
    def soup(self) -> BeautifulSoup:
        """The page as a tree; read when somebody looks, since that takes longer than many a request."""
        return BeautifulSoup(self.html, "html.parser")

    def __repr__(self) -> str:
        return f"<Page {self.response.request.path} {self.status}: {self.text[:200]!r}>"

    @property
    def url(self) -> str:
        """The full address that was asked for."""
        return self.response.request.url

    @property
    def location(self) -> str:
        """Where it redirects to, as a path; fails when it does not."""
        if not self.response.location:
            raise AssertionError(f"no redirect: {self!r}")
        parts = urlsplit(urljoin(self.url, self.response.location))
        return parts.path + (f"?{parts.query}" if parts.query else "")

    @property
    def text(self) -> str:
        """What a person reads, with single spaces."""
        body = self.soup.body or self.soup
        return " ".join(" ".join(_visible(body)).split())

    @property
    def title(self) -> str:
        """The document's title."""
        return self.soup.title.get_text(strip=True) if self.soup.title else ""

    def all(self, selector: str) -> list[Tag]:
        """All elements for a CSS selector."""
        return list(self.soup.select(selector))

    def one(self, selector: str) -> Tag:
        """The only element for a CSS selector."""
        found = self.all(selector)
        if len(found) != 1:
            raise AssertionError(f"{len(found)} elements for {selector!r} in {self!r}")
        return found[0]

    def texts(self, selector: str) -> list[str]:
        """The text of each element for a CSS selector."""
        return [_words(tag) for tag in self.all(selector)]

    def link(self, words: str) -> str:
        """The address behind the link with these words."""
        for tag in self.all("a[href]"):
            if words in _words(tag) or words == tag.get("aria-label"):
                return str(tag["href"])
        raise AssertionError(f"no link {words!r} in {self!r}")

    def error_for(self, field: str) -> str:
        """The error text that the page ties to a field by `aria-describedby`, or an empty string."""
        control = self.one(f'[name="{field}"]')
        if control.get("aria-invalid") != "true":
            return ""
        ids = str(control.get("aria-describedby") or "").split()
        return " ".join(text for name in ids for text in self.texts(f'[id="{name}"]'))

    def form(self, selector: str = "form") -> Form:
        """The form for a selector; without one, the only form on the page that is sent by POST."""
        if selector != "form":
            return Form(self, self.one(selector))
        forms = [tag for tag in self.soup.find_all("form") if str(tag.get("method", "get")).lower() == "post"]
        inside = [tag for tag in forms if tag.find_parent("main")] or forms
        if len(inside) != 1:
            raise AssertionError(f"{len(inside)} forms to choose from in {self!r}")
        return Form(self, inside[0])


class Form:
    """A form as the page shows it: what it would send if a person pressed its button now."""

    def __init__(self, page: Page, tag: Tag) -> None:
        self.page = page
        self.tag = tag
        self.method = str(tag.get("method", "get")).upper()
        self.action = urljoin(page.url, str(tag.get("action") or page.url))
        self.has_files = tag.get("enctype") == "multipart/form-data"

    @cached_property
    def controls(self) -> list[Tag]:
        """Its named controls that are not disabled."""
        return [tag for tag in self._mine if tag.get("name")]

    @property
    def names(self) -> set[str]:
        """Names of all its controls."""
        return {str(tag["name"]) for tag in self.controls}

    def values(self) -> MultiDict[str, Any]:
        """What the page filled in."""
        values: MultiDict[str, Any] = MultiDict()
        for tag in self.controls:
            for value in _successful(tag):
                values.add(str(tag["name"]), value)
        return values

    def filled(self, press: str | None = None, /, **changes: Any) -> MultiDict[str, Any]:
        """The values after a person's changes; refuses what the form has no control or choice for."""
        values = self.values()
        for name, value in changes.items():
            wanted = list(value) if isinstance(value, list) else [value]
            fitting = [self._fit(name, item) for item in wanted]
            # Taken out first: an empty list would stay behind as a field that was sent.
            values.poplist(name)
            for item in fitting:
                if item is not None:
                    values.add(name, item)
        button = self.button(press)
        if button is not None and button.get("name"):
            values.add(str(button["name"]), str(button.get("value", "")))
        return values

    def button(self, press: str | None = None) -> Tag | None:
        """The button with these words, name or value; without any, the one that the Enter key presses."""
        buttons = [tag for tag in self._mine if _presses(tag)]
        if press is None:
            return buttons[0] if buttons else None
        for tag in buttons:
            if press in (tag.get("value"), tag.get("name"), _words(tag)):
                return tag
        raise FormError(
            f"no button {press!r}; the form has {[_words(tag) or tag.get('value') for tag in buttons]}"
        )

    def target(self, press: str | None = None) -> str:
        """The full address that this button sends to."""
        button = self.button(press)
        own = button.get("formaction") if button is not None else None
        return urljoin(self.page.url, str(own)) if own else self.action

    @cached_property
    def _mine(self) -> list[Tag]:
        """Controls inside the form, and those tied to it from outside."""
        mine = self.tag.find_all(_CONTROLS)
        if name := self.tag.get("id"):
            inside = {id(tag) for tag in mine}
            tied = self.page.soup.find_all(_CONTROLS, form=name)
            mine += [tag for tag in tied if id(tag) not in inside]
        locked = {
            id(tag)
            for fieldset in self.page.soup.find_all("fieldset", disabled=True)
            for tag in fieldset.find_all(_CONTROLS)
        }
        return [tag for tag in mine if not tag.has_attr("disabled") and id(tag) not in locked]

    def _fit(self, name: str, value: Any) -> Any:
        tags = [tag for tag in self.controls if tag["name"] == name]
        if not tags:
            raise FormError(f"no field {name!r}; the form has {sorted(self.names)}")
        if isinstance(value, FileStorage | tuple) or (
            hasattr(value, "read") and tags[0].get("type") == "file"
        ):
            return value
        if value is None or value is False:
            return None
        choices = _choices(tags)
        if value is True:
            return choices[0] if choices else "on"
        if choices and str(value) not in choices:
            raise FormError(f"{value!r} is not a choice of {name!r}: {choices}")
        return str(value)


def _presses(tag: Tag) -> bool:
    """Whether it is a button that sends."""
    if tag.name == "button":
        return tag.get("type") != "button"
    return tag.name == "input" and tag.get("type") == "submit"


def _words(tag: Tag) -> str:
    return " ".join(tag.get_text(" ").split())


def _visible(tag: Tag) -> Iterable[str]:
    for text in tag.find_all(string=True):
        if text.parent and text.parent.name not in ("script", "style", "template", "title"):
            yield str(text)


def _successful(tag: Tag) -> list[str]:
    """What a browser sends for one control that nobody touched."""
    kind = str(tag.get("type", "text")).lower()
    if tag.name == "button" or (tag.name == "input" and kind in _NOT_SENT):
        return []
    if tag.name == "textarea":
        # A browser reads CR LF as LF, and drops the first one.
        return [tag.get_text().replace("\r\n", "\n").removeprefix("\n")]
    if tag.name == "select":
        return _selected(tag)
    if kind in ("checkbox", "radio"):
        return [str(tag.get("value", "on"))] if tag.has_attr("checked") else []
    return [str(tag.get("value", ""))]


def _selected(tag: Tag) -> list[str]:
    options = tag.find_all("option")
    chosen = [option for option in options if option.has_attr("selected")]
    if not chosen and not tag.has_attr("multiple"):
        chosen = options[:1]
    return [_option_value(option) for option in chosen]


def _choices(tags: list[Tag]) -> list[str]:
    first = tags[0]
    if first.name == "select":
        return [_option_value(option) for option in first.find_all("option")]
    if first.get("type") in ("checkbox", "radio"):
        return [str(tag.get("value", "on")) for tag in tags]
    return []


def _option_value(option: Tag) -> str:
    return str(option["value"]) if option.has_attr("value") else option.get_text(strip=True)
