"""A double click on Save makes one thing (SAFETY: Transactions).

A form that makes something carries the random public id of what it will make; the unique key (tenant, public id) lets
one of two posts through, and the other one is led to the first one's row:

    class ThingForm(AdminForm):
        form_key = HiddenField(default=public_id)

    made = made_once.first(Thing, form.form_key.data) or save() or made_once.first(Thing, form.form_key.data)

where `save` hands `made_once.key(form.form_key.data)` to the service as the row's public id. The last look is for the
post that lost the race: its `_attempt` was refused by the unique key and undone.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from pillar.admin.base import is_public_id
from pillar.extensions import db


def key(posted: str | None) -> str | None:
    """The public id that a form brings along; None where it brings none that could be one."""
    return posted if posted and is_public_id(posted) else None


def first(model: Any, posted: str | None) -> Any | None:
    """What a form with this key has made already, in the bound company."""
    if (public_id := key(posted)) is None:
        return None
    return db.session.scalars(select(model).where(model.public_id == public_id)).one_or_none()
