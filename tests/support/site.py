"""The whole site as a list of addresses: every rule of the URL map with things that are really there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app
from sqlalchemy import MetaData, select
from werkzeug.routing import Rule

from pillar.extensions import db
from pillar.http.access import Need, need_of
from pillar.http.assets import FOLDER, static_url
from pillar.tokens import public_id
from tests.support.furnished import Furnished

# Which table's public id stands in `<part>`, by a word of the endpoint; in `<id>` it is the view's own model's.
_PARTS = {"contact": "contact", "location": "service_location", "note": "internal_note"}
_CHANGING = re.compile(
    r"nonce-[\w-]+|nonce=\"[\w-]+\"|value=\"I[\w.-]{20,}\"|[\w-]{20,}\.[\w-]{6}\.[\w-]{27}"
    r"|name=\"form_key\" value=\"[\w-]{22}\""
)


@dataclass(frozen=True)
class Address:
    """One rule with real things in it."""

    rule: Rule
    path: str
    need: Need | None

    @property
    def endpoint(self) -> str:
        """The endpoint's name."""
        return str(self.rule.endpoint)

    @property
    def methods(self) -> set[str]:
        """What it answers to."""
        return set(self.rule.methods or ())


def addresses(app: Flask, has: Furnished) -> list[Address]:
    """Every rule of the site, filled from one company."""
    return [
        Address(rule, build(app, rule, values_for(rule, has)), need_of(app, rule.endpoint))
        for rule in sorted(app.url_map.iter_rules(), key=lambda each: (each.rule, str(each.endpoint)))
    ]


def values_for(rule: Rule, has: Furnished) -> dict[str, str]:
    """Arguments of a rule that lead to things of this company."""
    endpoint = str(rule.endpoint)
    return {name: _value(endpoint, name, has) for name in rule.arguments}


def build(app: Flask, rule: Rule, values: Mapping[str, Any]) -> str:
    """The address of a rule; values are put in as they are, wrong ones too."""
    built = rule.build(values)
    if built is None:
        raise AssertionError(f"{rule} cannot be built from {values}")
    return built[1]


def _value(endpoint: str, name: str, has: Furnished) -> str:
    _static, version, file = static_url(_some_asset()).strip("/").split("/", 2)
    known = {
        "id": lambda: _id(endpoint, has),
        "part": lambda: _part(endpoint, has),
        "token": lambda: _token(endpoint, has),
        "certificate_id": lambda: has.certificate,
        "slug": lambda: has.company.slug,
        "company": lambda: has.company.public_id,
        "setting": lambda: "pwa",
        "version": lambda: version,
        "name": lambda: file if endpoint == "assets.serve" else "nothing.png",
    }
    return str(known[name]()) if name in known else "nothing"


def _id(endpoint: str, has: Furnished) -> str:
    view = endpoint.split(".", maxsplit=1)[0]
    if view == "customer_portal":
        return has.company.customer.public_id
    if view == "audit":
        # The trail is counted within its company: everybody has a first event, and only their own.
        return "1"
    return _estimate(endpoint, has) if view == "estimates" else _some(has, model_tables().get(view, ""))


def _part(endpoint: str, has: Furnished) -> str:
    if endpoint.startswith("customer_portal."):
        return has.company.contact.public_id
    return _some(has, next((table for word, table in _PARTS.items() if word in endpoint), ""))


def _some(has: Furnished, table: str) -> str:
    """A public id of this table; where a company has no such thing, one that never was."""
    return (has.ids.get(table) or (public_id(),))[0]


def is_typeset(address: Address) -> bool:
    """Whether the answer is made by the typesetter, which takes as long as a hundred pages."""
    return address.path.endswith(".pdf")


def model_tables() -> dict[str, str]:
    """The table behind each of the office's views, by the view's endpoint."""
    views = current_app.extensions["admin"][0]._views
    return {view.endpoint: view.model.__tablename__ for view in views if hasattr(view, "model")}


def _token(endpoint: str, has: Furnished) -> str:
    if endpoint.startswith("personal_link."):
        return has.link_token
    if endpoint.endswith("take_token"):
        return has.reset_token
    return has.signed_token if endpoint.endswith(("approved", "signature_image")) else has.sent_token


def _estimate(endpoint: str, has: Furnished) -> str:
    if endpoint.endswith((".edit_view", ".send")):
        return has.draft
    return has.signed if endpoint.endswith((".make_job", ".preview")) else has.sent


def _some_asset() -> str:
    return next(path.name for path in sorted(FOLDER.glob("*.css")))


def same_page(body: str, *ids: str) -> str:
    """A page without what is new in every response: nonces, CSRF tokens, and the ids that were asked for."""
    for each in ids:
        body = body.replace(each, "ID")
    return _CHANGING.sub("NEW", body)


def dump(*, besides: frozenset[str] = frozenset()) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, past the fence, by a connection of its own; without some `table.column`s."""
    db.session.rollback()
    found = {}
    with db.engine.connect() as connection:
        for table in _tables():
            columns = [each for each in table.columns if f"{table.name}.{each.name}" not in besides]
            rows = connection.execute(select(*columns).order_by(*table.primary_key.columns))
            found[table.name] = [tuple(row) for row in rows]
    return found


def _tables() -> Iterator[Any]:
    metadata: MetaData = db.metadata
    yield from metadata.sorted_tables
