"""Settings > Audit log: who did what and when, with before and after (9.6)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from flask import g
from sqlalchemy import select

from pillar.admin import formatters, navigation
from pillar.admin.base import Choice, StaffModelView
from pillar.extensions import db
from pillar.models.audit import AuditDetails, AuditEvent
from pillar.models.staff import StaffUser
from pillar.permissions import Permission

_KINDS = (
    ("staff", "Staff"),
    ("link", "Private link"),
    ("contact", "Customer"),
    ("provider", "Provider"),
    ("system", "Pillar"),
    ("visitor", "Visitor"),
)
_NUMBER_DIGITS = 12
_LABELS = {"ip": "Address", "user_agent": "Browser"}


class AuditView(StaffModelView):
    """The trail, newest first. Nothing here can be changed."""

    icon = "list"
    needs: ClassVar = {"index_view": Permission.AUDIT_READ, "details_view": Permission.AUDIT_READ}
    column_list = ("action", "actor", "entity", "at")
    column_labels: ClassVar = {"action": "What", "actor": "Who", "entity": "On", "at": "When"}
    column_sortable_list = ()
    column_default_sort = ("id", True)
    column_formatters: ClassVar = {
        "action": lambda _view, _context, row, _name: action_words(row.action),
        "actor": lambda _view, _context, row, _name: actor_words(row),
        "entity": lambda _view, _context, row, _name: formatters.words(row.entity.partition(":")[0]),
    }
    phone_columns = ("at",)
    choices = (
        Choice(
            "by",
            "Who",
            lambda: _KINDS,
            lambda query, kind: query.where(AuditEvent.actor_kind == kind),
        ),
    )
    details_template = "admin/audit/details.html"

    def get_pk_value(self, model: AuditEvent) -> str:
        """An event's name is its number in the company's own chain."""
        return str(model.n)

    def get_one(self, id: str) -> AuditEvent | None:  # noqa: A002 - as in the base
        """One event of this company's chain."""
        if not (id.isascii() and id.isdigit() and len(id) <= _NUMBER_DIGITS):
            return None
        return db.session.scalar(select(AuditEvent).where(AuditEvent.n == int(id)))

    def row_url(self, row: AuditEvent) -> str:
        """What changed, and from where."""
        return self.get_url(".details_view", id=row.n)

    def row_title(self, row: AuditEvent) -> str:
        """What happened."""
        return action_words(row.action)

    def details_context(self, model: AuditEvent) -> dict[str, Any]:
        """The half that may have been erased, as lines."""
        body = db.session.scalar(select(AuditDetails.body).where(AuditDetails.event_id == model.id))
        return {"who": actor_words(model), "lines": _lines(json.loads(body)) if body else None}


def action_words(action: str) -> str:
    """`staff.roles_changed` -> `Staff roles changed`."""
    return formatters.words(action.replace(".", " "))


def actor_words(row: AuditEvent) -> str:
    """The name of the person, or what kind of actor it was."""
    if row.actor_kind == "staff":
        return _staff_names().get(row.actor, "Someone of the staff")
    return dict(_KINDS).get(row.actor_kind, formatters.words(row.actor_kind))


def _staff_names() -> dict[str, str]:
    """One query for a whole list."""
    if "staff_names" not in g:
        rows = db.session.execute(select(StaffUser.public_id, StaffUser.name)).all()
        g.staff_names = {public_id: name for public_id, name in rows}  # noqa: C416 - rows, not pairs
    names: dict[str, str] = g.staff_names
    return names


def _lines(details: dict[str, Any]) -> Sequence[tuple[str, str]]:
    before, after = details.pop("before", None), details.pop("after", None)
    lines: list[tuple[str, str]] = []
    if isinstance(before, dict) and isinstance(after, dict):
        lines += [
            (formatters.words(name), f"{_said(before.get(name))} → {_said(after[name])}") for name in after
        ]
    elif before is not None or after is not None:
        lines.append(("Changed", _move(before, after)))
    rest = ((name, value) for name, value in details.items() if value != "")
    return [*lines, *((_LABELS.get(name) or formatters.words(name), _said(value)) for name, value in rest)]


def _move(before: Any, after: Any) -> str:
    return f"{_said(before)} → {_said(after)}"


def _said(value: Any) -> str:
    if value in (None, "", []):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def view() -> AuditView:
    """The view as it is added to the office."""
    return AuditView(
        AuditEvent, name="Audit log", category=navigation.SETTINGS, endpoint="audit", url="audit"
    )
