"""Views of lists that people keep: their own, and those of the whole company (6.4)."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import or_, select

from pillar.errors import RuleViolation
from pillar.extensions import db
from pillar.models.list_view import ListView
from pillar.models.staff import StaffUser
from pillar.permissions import Permission
from pillar.text import clean_line

MOST_VIEWS = 30
NAME_LENGTH = 60


def views_of(person: StaffUser, list_name: str) -> list[ListView]:
    """The views of a list that this person has, by name."""
    query = select(ListView).where(
        ListView.list_name == list_name, or_(ListView.staff_id == person.id, ListView.is_shared.is_(True))
    )
    return list(db.session.scalars(query.order_by(ListView.name, ListView.id).limit(2 * MOST_VIEWS)))


def may_change(person: StaffUser, view: ListView) -> bool:
    """One's own always; everybody's by those who may share."""
    return view.staff_id == person.id or (view.is_shared and person.may(Permission.VIEWS_SHARE))


def save_view(
    person: StaffUser, list_name: str, name: str, params: Mapping[str, str], *, is_shared: bool = False
) -> ListView:
    """Keep a view under a name. The same name again is the same view, seen anew."""
    name = _name(name)
    mine = [each for each in views_of(person, list_name) if each.staff_id == person.id]
    view = next((each for each in mine if each.name == name), None)
    if view is None:
        if len(mine) >= MOST_VIEWS:
            raise RuleViolation(f"Keep at most {MOST_VIEWS} views. Delete one first.", field="name")
        view = ListView(list_name=list_name, staff_id=person.id, name=name)
        db.session.add(view)
    view.params = dict(params)
    view.is_shared = is_shared and person.may(Permission.VIEWS_SHARE)
    db.session.flush()
    view.audit("saved_view.saved", name=name, list=list_name, shared=view.is_shared, shows=view.params)
    return view


def replace_view(person: StaffUser, view: ListView, params: Mapping[str, str]) -> None:
    """Let it show what the list shows now."""
    _check(person, view)
    view.audit("saved_view.changed", name=view.name, before=view.params, after=dict(params))
    view.params = dict(params)


def rename_view(person: StaffUser, view: ListView, name: str, *, is_shared: bool) -> None:
    """Another name; for oneself or for everybody."""
    _check(person, view)
    name = _name(name)
    taken = select(ListView.id).where(
        ListView.list_name == view.list_name,
        ListView.staff_id == view.staff_id,
        ListView.name == name,
        ListView.id != view.id,
    )
    if db.session.scalar(taken) is not None:
        raise RuleViolation("Another view has this name. Choose a different one.", field="name")
    view.audit("saved_view.renamed", before=view.name, after=name)
    view.name = name
    if person.may(Permission.VIEWS_SHARE):
        view.is_shared = is_shared


def delete_view(person: StaffUser, view: ListView) -> None:
    """Forget a view; what it showed stays."""
    _check(person, view)
    view.audit("saved_view.deleted", name=view.name)
    db.session.delete(view)


def _check(person: StaffUser, view: ListView) -> None:
    if not may_change(person, view):
        raise RuleViolation("Only who made this view may change it. Save one of your own.")


def _name(typed: str) -> str:
    name = clean_line(typed)[:NAME_LENGTH]
    if not name:
        raise RuleViolation("Give the view a name.", field="name")
    return name
