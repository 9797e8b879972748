"""What a browser says about the customer's choice: which option and add-ons, and which total stood beside them.

It names keys alone; what they cost is read from the frozen document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import MultiDict

from pillar.errors import RuleViolation
from pillar.offer import Choice, choose, has_choices
from pillar.services.quotes import Selection

# The names under which option and add-ons travel.
CHOICE = frozenset({"option", "addon"})
_MAX_DIGITS = 12
_CHOOSE = "Choose one of the options."


def asked_selection(values: MultiDict[str, str]) -> Selection:
    """The choice in an address; nothing named is the company's pick."""
    if "option" not in values and "addon" not in values:
        return Selection()
    return Selection(values.get("option"), tuple(values.getlist("addon")))


def posted_choice(document: Mapping[str, Any], values: MultiDict[str, str]) -> Choice | None:
    """The choice in a form, priced; None for a plain estimate. Raises RuleViolation for what it does not hold."""
    if not has_choices(document):
        return None
    if "option" not in values:
        raise RuleViolation(_CHOOSE, field="option")
    return choose(document, values["option"], values.getlist("addon"))


def selection_of(choice: Choice | None) -> Selection | None:
    """A choice as what names it."""
    return Selection(choice.option_key, choice.addon_keys) if choice else None


def shows_total(values: MultiDict[str, str], choice: Choice) -> bool:
    """Whether the total that stood on the page is the one of this choice."""
    text = values.get("total_cents", "")
    is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    return is_number and int(text) == choice.total_cents
