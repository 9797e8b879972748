"""What a customer chooses from an offer, and what it costs: read from the frozen document alone.

The office's preview, the customer's page, the signature and every paper ask this one function, so their totals
cannot differ. Prices never come from a browser: it only names an option and add-ons by their keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from pillar.canonical import canonical_json, content_hash
from pillar.errors import RuleViolation
from pillar.money import TaxedLine, TaxRounding, Totals, money, share, totals

Document = Mapping[str, Any]
Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """One option with the add-ons that go with it, and its totals in cents."""

    option_key: str
    label: str
    addon_keys: tuple[str, ...]
    lines: tuple[Line, ...]
    totals: Totals
    deposit_cents: int
    tax_label: str
    tax_rate_ppm: int

    @property
    def total_cents(self) -> int:
        """What the customer would owe in all."""
        return self.totals.total_cents

    def as_option(self) -> dict[str, Any]:
        """The choice in the shape of a document's option: what pages, mails and papers print."""
        tax = self.totals.tax_cents
        taxes = [{"label": self.tax_label, "rate_ppm": self.tax_rate_ppm, "amount_cents": tax}]
        return {
            "key": self.option_key,
            "label": self.label,
            "lines": list(self.lines),
            "subtotal_cents": self.totals.subtotal_cents,
            "discount_cents": self.totals.discount_cents,
            "taxes": taxes if self.tax_rate_ppm else [],
            "tax_cents": tax,
            "total_cents": self.totals.total_cents,
        }


def choose(
    document: Document, option_key: str | None = None, addon_keys: Iterable[str] | None = None
) -> Choice:
    """Price an option with add-ons; nothing named means the company's pick and its preselected add-ons.

    Raises RuleViolation for a key that is not part of this document.
    """
    option = _option(document, option_key)
    addons = _addons(document, addon_keys)
    lines = (*option["lines"], *addons)
    tax = document["tax"]
    sums = totals(
        [_taxed(line, is_discounted=True) for line in option["lines"]]
        + [_taxed(line, is_discounted=False) for line in addons],
        rate_ppm=tax["rate_ppm"],
        rounding=TaxRounding(tax["rounding"]),
        discount_cents=option["discount_cents"],
    )
    return Choice(
        option_key=option["key"],
        label=option["label"],
        addon_keys=tuple(line["key"] for line in addons),
        lines=lines,
        totals=sums,
        deposit_cents=deposit(document["deposit"], sums.total_cents),
        tax_label=tax["label"],
        tax_rate_ppm=tax["rate_ppm"],
    )


def has_choices(document: Document) -> bool:
    """Whether there is anything to choose; a plain estimate is one option without a name and no add-ons."""
    options = document["options"]
    return len(options) > 1 or bool(options[0]["label"]) or bool(document["addons"])


def recommended_key(document: Document) -> str:
    """The option that the company would pick, else the first."""
    options = document["options"]
    return str(next((each["key"] for each in options if each["recommended"]), options[0]["key"]))


def deposit(rule: Mapping[str, Any] | None, total_cents: int) -> int:
    """What is due at approval: none, a fixed amount (never above the total) or a share of the total."""
    if rule is None:
        return 0
    if rule["kind"] == "fixed":
        return min(int(rule["cents"]), total_cents)
    return share(total_cents, int(rule["ppm"]))


def choice_record(document: Document, document_hash: str, choice: Choice) -> tuple[str, str]:
    """(canonical text, its hash) of exactly what was chosen: what a signature covers (invariant 12)."""
    text = canonical_json(
        {
            "document": document_hash,
            "option": choice.option_key,
            "addons": list(choice.addon_keys),
            "lines": [dict(line) for line in choice.lines],
            "terms": document["terms"],
            "subtotal_cents": choice.totals.subtotal_cents,
            "discount_cents": choice.totals.discount_cents,
            "tax_cents": choice.totals.tax_cents,
            "total_cents": choice.totals.total_cents,
            "deposit_cents": choice.deposit_cents,
        }
    )
    return text, content_hash(text)


def what_changed(before: Document, after: Document) -> list[str]:
    """Sentences about what differs between two revisions, for the customer who saw the first (2.10)."""
    sentences = []
    if before["title"] != after["title"]:
        sentences.append(f"The title is now {after['title']}.")
    if before["terms"] != after["terms"]:
        sentences.append("The terms and conditions changed.")
    if before["valid_until"] != after["valid_until"]:
        sentences.append(f"It is good until {date.fromisoformat(after['valid_until']):%B %-d, %Y} now.")
    old, new = _described(before), _described(after)
    sentences += [f"Added: {name}." for name in new if name not in old]
    sentences += [f"Taken out: {name}." for name in old if name not in new]
    sentences += [f"Changed: {name}." for name in new if name in old and new[name] != old[name]]
    return sentences + _prices_changed(before, after)


def _prices_changed(before: Document, after: Document) -> list[str]:
    """What a discount, the tax or the deposit does, which no line shows."""
    old = {option["label"]: option["total_cents"] for option in before["options"]}
    sentences = [
        f"{option['label'] or 'The total'} is now {money(option['total_cents'])}. "
        f"It was {money(old[option['label']])}."
        for option in after["options"]
        if option["label"] in old and option["total_cents"] != old[option["label"]]
    ]
    return [*sentences, "The deposit changed."] if before["deposit"] != after["deposit"] else sentences


def _described(document: Document) -> dict[str, tuple[Any, ...]]:
    """Every line under the words that a customer would know it by, with what may change about it."""
    found: dict[str, tuple[Any, ...]] = {}
    for option in document["options"]:
        for line in option["lines"]:
            name = f"{line['description']} ({option['label']})" if option["label"] else line["description"]
            found[name] = (
                line["quantity_thousandths"],
                line["unit_price_cents"],
                line["scope"],
                line["taxable"],
            )
    for line in document["addons"]:
        found[f"{line['description']} (add-on)"] = (line["quantity_thousandths"], line["unit_price_cents"])
    return found


def _option(document: Document, key: str | None) -> Mapping[str, Any]:
    wanted = recommended_key(document) if key is None else key
    for option in document["options"]:
        if option["key"] == wanted:
            return dict(option)
    raise RuleViolation("Choose one of the options.", field="option")


def _addons(document: Document, keys: Iterable[str] | None) -> tuple[Line, ...]:
    if keys is None:
        return tuple(line for line in document["addons"] if line["preselected"])
    wanted = set(keys)
    if wanted - {line["key"] for line in document["addons"]}:
        raise RuleViolation("Choose from the add-ons on this page.", field="addons")
    return tuple(line for line in document["addons"] if line["key"] in wanted)


def _taxed(line: Line, *, is_discounted: bool) -> TaxedLine:
    return TaxedLine(line["quantity_thousandths"], line["unit_price_cents"], line["taxable"], is_discounted)
