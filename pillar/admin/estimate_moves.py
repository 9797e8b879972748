"""Adding, removing and moving parts of the form an estimate is written in, on its plain values.

A button's value is a move such as `up:options-0-lines-2`: a verb and the id of what it is about. Everything typed
stays, right or wrong; what a forged move points to nowhere does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from pillar.services.estimate_draft import MAX_LINES, MAX_OPTIONS

MORE_LINES = 3
_MOST_DIGITS = 3

Values = dict[str, Any]


def move(values: Values, wish: str) -> str:
    """Do what a button asks for; the id of the field to go on with, or nothing."""
    verb, _, path = wish.partition(":")
    if verb == "option":
        return _add_option(values)
    found = _at(values, path)
    if found is None or verb not in _VERBS:
        return ""
    entries, index = found
    return _VERBS[verb](values, entries, index, path)


def put_line(values: Values, path: str, line: Mapping[str, Any]) -> str:
    """Write a line into the first blank one of a list, else after the last; the id of its quantity."""
    found = _at(values, path)
    if found is None or found[1] is not None:
        return ""
    entries = found[0]
    index = next((n for n, each in enumerate(entries) if is_blank(each)), len(entries))
    if len(entries) >= MAX_LINES or _room(values) < 1:
        return ""
    entries[index : index + 1] = [dict(line)]
    return f"{path}-{index}-quantity"


def line_lists(values: Values) -> list[str]:
    """The ids of all lists of lines."""
    options = values.get("options") or ()
    lists = [f"options-{n}-lines" for n in range(len(options))] or ["lines"]
    return [*lists, "add_ons"]


def is_blank(line: Mapping[str, Any]) -> bool:
    """Whether nothing was written in a line."""
    return not (line.get("description") or line.get("unit_price") or line.get("scope"))


def _more(values: Values, entries: list[Any], index: int | None, path: str) -> str:
    count = min(1 if path == "add_ons" else MORE_LINES, _room(values), MAX_LINES - len(entries))
    if index is not None or count < 1:
        return ""
    entries.extend({} for _ in range(count))
    return f"{path}-{len(entries) - count}-description"


def _remove(values: Values, entries: list[Any], index: int | None, path: str) -> str:
    if index is None:
        return ""
    del entries[index]
    if entries is values.get("options"):
        return _only_one_left(values, min(index, len(entries) - 1))
    if not entries and not path.startswith("add_ons"):
        entries.append({})
    return _first_field(path, min(index, len(entries) - 1)) if entries else ""


def _up(_values: Values, entries: list[Any], index: int | None, path: str) -> str:
    if not index:
        return ""
    entries[index - 1 : index + 1] = [entries[index], entries[index - 1]]
    return _first_field(path, index - 1)


def _down(_values: Values, entries: list[Any], index: int | None, path: str) -> str:
    if index is None or index + 1 >= len(entries):
        return ""
    entries[index : index + 2] = [entries[index + 1], entries[index]]
    return _first_field(path, index + 1)


def _copy(values: Values, entries: list[Any], index: int | None, path: str) -> str:
    """Another option with the same lines, to change: how Standard comes from Basic."""
    if index is None or entries is not values.get("options") or len(entries) >= MAX_OPTIONS:
        return ""
    written = [line for line in entries[index]["lines"] if not is_blank(line)]
    if len(written) > _room(values):
        return ""
    copy = deepcopy(
        {**entries[index], "label": "", "reason": "", "is_recommended": False, "lines": [*written, {}]}
    )
    entries.insert(index + 1, copy)
    return _first_field(path, index + 1)


_VERBS: Mapping[str, Callable[[Values, list[Any], int | None, str], str]] = {
    "more": _more,
    "remove": _remove,
    "up": _up,
    "down": _down,
    "copy": _copy,
}


def _add_option(values: Values) -> str:
    options = values.setdefault("options", [])
    if len(options) >= MAX_OPTIONS:
        return ""
    if not options:
        # What was a plain estimate becomes the first option.
        options.append({"lines": values["lines"], "discount": values.get("discount", "")})
        values["lines"], values["discount"] = [], ""
        focus = "options-0-label"
    else:
        focus = f"options-{len(options)}-label"
    options.append({"lines": [{} for _ in range(MORE_LINES)]})
    return focus


def _only_one_left(values: Values, near: int) -> str:
    """One option is no choice: it is a plain estimate again."""
    options = values["options"]
    if len(options) > 1:
        return f"options-{near}-label"
    values["lines"], values["discount"] = options[0]["lines"], options[0].get("discount", "")
    values["options"] = []
    return "lines-0-description"


def _first_field(path: str, index: int) -> str:
    parent = path.rpartition("-")[0]
    return f"{parent}-{index}-{'label' if parent == 'options' else 'description'}"


def _room(values: Values) -> int:
    """How many lines more an estimate may have. Blank ones do not count."""
    lists = [
        values.get("lines") or (),
        values.get("add_ons") or (),
        *(option["lines"] for option in values.get("options") or ()),
    ]
    return MAX_LINES - sum(not is_blank(line) for entries in lists for line in entries)


def _at(values: Values, path: str) -> tuple[list[Any], int | None] | None:
    """The list that an id names, with the place in it if it names one."""
    here: Any = values
    found: tuple[list[Any], int | None] | None = None
    for part in path.split("-"):
        if isinstance(here, list):
            is_place = part.isascii() and part.isdigit() and len(part) <= _MOST_DIGITS
            if not is_place or int(part) >= len(here):
                return None
            found, here = (here, int(part)), here[int(part)]
        elif isinstance(here, dict) and isinstance(here.get(part), list):
            here = here[part]
            found = (here, None)
        else:
            return None
    return found
