"""What models share: keys, time stamps, statuses with a table of moves, references that cannot cross tenants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import Enum, ForeignKeyConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship, validates
from sqlalchemy.orm.relationships import _RelationshipDeclared

from pillar import clock
from pillar.database import BigId, UtcDateTime
from pillar.errors import InvalidTransition
from pillar.tenancy import TenantOwned
from pillar.tokens import public_id

__all__ = [
    "BigId",
    "HasStatus",
    "Identified",
    "PublicId",
    "SoftDeleted",
    "Stamped",
    "TenantOwned",
    "UtcDateTime",
    "Versioned",
    "belongs_to",
    "columns_of",
    "enum_type",
    "has_many",
    "tenant_keys",
    "tenant_reference",
]


class Identified:
    """The row's own key. It never leaves the server."""

    id: Mapped[int] = mapped_column(BigId, primary_key=True, sort_order=-100)


class PublicId:
    """A random name for addresses and forms."""

    public_id: Mapped[str] = mapped_column(String(22), default=public_id, sort_order=-80)


class Stamped:
    """When the row was made and last changed, by the program's clock."""

    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now, sort_order=90)
    updated_at: Mapped[datetime] = mapped_column(
        UtcDateTime, default=clock.now, onupdate=clock.now, sort_order=91
    )


class SoftDeleted:
    """Deleted rows vanish from lists and search and keep their history."""

    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime, sort_order=92)


class Versioned:
    """Optimistic lock: two edits of the same version end in one saved and one told (StaleDataError, 409)."""

    version: Mapped[int] = mapped_column(default=1, sort_order=93)

    @declared_attr.directive
    @classmethod
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.version}


class HasStatus:
    """A status that only makes the moves of its table; forms, imports and admin screens cannot jump one."""

    MOVES: ClassVar[Mapping[Any, frozenset[Any]]]

    @validates("status")
    def _only_allowed_moves(self, _name: str, new: StrEnum) -> StrEnum:
        current = getattr(self, "status", None)
        if current is not None and new != current and new not in self.MOVES[current]:
            raise InvalidTransition(self, current, new)
        return new

    def may_become(self, new: StrEnum) -> bool:
        """Whether this move is in the table."""
        return new in self.MOVES[getattr(self, "status")]  # noqa: B009  (declared by each model with its own type)


def enum_type(kind: type[StrEnum]) -> Enum:
    """Store an enum by its value as plain text: adding a value later needs no migration."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=40,
        values_callable=lambda members: [member.value for member in members],
        validate_strings=True,
    )


def tenant_keys() -> tuple[UniqueConstraint, UniqueConstraint]:
    """What a child's composite reference points to, and the public name, unique within the tenant."""
    return UniqueConstraint("tenant_id", "id"), UniqueConstraint("tenant_id", "public_id")


def tenant_reference(column: str, parent: str, *, ondelete: str | None = None) -> ForeignKeyConstraint:
    """A reference that cannot cross tenants: `(tenant_id, column)` -> `parent (tenant_id, id)`."""
    return ForeignKeyConstraint(
        ["tenant_id", column], [f"{parent}.tenant_id", f"{parent}.id"], ondelete=ondelete
    )


def belongs_to(target: str, column: str, **kwargs: Any) -> _RelationshipDeclared[Any]:
    """Many to one over `<Owner>.<column>`; the tenant half of the key is the database's affair."""
    return relationship(
        target, primaryjoin=f"foreign({column}) == {target}.id", **{"lazy": "select", **kwargs}
    )


def has_many(target: str, column: str, owner: str, **kwargs: Any) -> _RelationshipDeclared[Any]:
    """One to many, the other side of `belongs_to`."""
    return relationship(target, primaryjoin=f"foreign({column}) == {owner}.id", **kwargs)


def columns_of(row: Any, names: Sequence[str]) -> dict[str, Any]:
    """Chosen columns of a row as plain JSON values, for the audit trail."""
    values: dict[str, Any] = {}
    for name in names:
        value = getattr(row, name)
        values[name] = value.isoformat() if hasattr(value, "isoformat") else value
    return values
