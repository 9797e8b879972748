"""Proof that a statement stays inside one tenant, taken from the SQL itself.

A criterion that is asked for is not always one that arrives: SQLAlchemy leaves it out of Core tables, of some implicit
joins and of `from_statement`, and a `text()` can undo it. So the compiler notes, while it writes the SQL, each tenant
table that a SELECT, UPDATE or DELETE reads and each criterion that it writes, and keeps what does not match.
Compiled statements are cached, so a statement pays for this once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import BindParameter, Column, Engine, Table
from sqlalchemy.sql import operators
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BinaryExpression

TENANT_COLUMN = "tenant_id"
BOUND_NAME = "fence_tenant_id"
BY_ID_ALONE = "NOT INDEXED"
_WORD = re.compile(r"\w+")
# What SQLAlchemy itself writes as literal columns: count(*) and EXISTS (SELECT 1 …).
_PLAIN_LITERALS = frozenset({"*", "1"})
_tenant_names: set[str] = set()


def mark_tenant_tables(tables: Iterable[Table]) -> None:
    """Note which tables are tenants', once at start-up."""
    _tenant_names.update(table.name for table in tables if TENANT_COLUMN in table.columns)


def is_tenant_table(table: object) -> bool:
    """Whether the rows of this table belong to tenants.

    By its name: statements work on copies of a table, and one that was made while modules were imported would not
    carry a mark that is put on the original at start-up.
    """
    return isinstance(table, Table) and table.name in _tenant_names


def named_tenant_tables(sql: str) -> set[str]:
    """Tenant tables that a piece of hand-written SQL names."""
    return _tenant_names & set(_WORD.findall(sql.lower()))


class FenceWitness(SQLCompiler):
    """Mixed into a dialect's compiler. `touched`: tenant tables in the SQL; `unfenced`: those past the criterion."""

    touched: frozenset[str] = frozenset()
    unfenced: frozenset[str] = frozenset()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._forget()
        super().__init__(*args, **kwargs)
        self._judge()
        # The cache keeps compiled statements; it need not keep what was only for the judgement.
        self._forget()

    def _forget(self) -> None:
        self._reads: list[tuple[Any, int, str]] = []
        self._proofs: list[tuple[Any, int]] = []
        self._raw: list[str] = []

    def _judge(self) -> None:
        proven = {(id(frame), read) for frame, read in self._proofs}
        past = {name for frame, read, name in self._reads if (id(frame), read) not in proven}
        past |= {name for sql in self._raw for name in named_tenant_tables(sql)}
        if self._raw and self._reads:
            past.add("hand-written SQL")
        self.unfenced = frozenset(past)
        self.touched = self.unfenced | {name for _frame, _read, name in self._reads}

    def _frame(self) -> Any:
        # Kept as an object, not as an id: a later frame could get the same id.
        return self.stack[-1] if self.stack else self

    def visit_table(self, table: Any, asfrom: Any = False, *args: Any, **kwargs: Any) -> Any:  # noqa: FBT002
        """A table; `asfrom` when rows are read from it here."""
        if asfrom and is_tenant_table(table):
            alias = kwargs.get("enclosing_alias")
            is_aliased = alias is not None and hash(alias.element) == hash(table)
            # Annotated copies of a table or an alias have the hash of the original.
            self._reads.append((self._frame(), hash(alias if is_aliased else table), table.name))
        elif asfrom and not isinstance(table, Table):
            self._raw.append(table.name)
        return super().visit_table(table, asfrom, *args, **kwargs)  # type: ignore[no-untyped-call]

    def get_from_hint_text(self, _table: Any, text: str | None) -> str | None:
        """What may stand behind a table's name: SQLite looks rows up by their ids and by nothing else."""
        return text if text == BY_ID_ALONE else None

    def visit_binary(self, binary: Any, *args: Any, **kwargs: Any) -> Any:
        """A comparison; the criterion is one."""
        if (fenced := _fenced_table(binary)) is not None:
            self._proofs.append((self._frame(), hash(fenced)))
        return super().visit_binary(binary, *args, **kwargs)  # type: ignore[no-untyped-call]

    def visit_column(self, column: Any, *args: Any, **kwargs: Any) -> str:
        """A column; `literal_column` is SQL by hand."""
        if column.is_literal and column.name not in _PLAIN_LITERALS:
            self._raw.append(column.name)
        return super().visit_column(column, *args, **kwargs)

    def visit_textclause(self, textclause: Any, *args: Any, **kwargs: Any) -> Any:
        """SQL by hand."""
        self._raw.append(textclause.text)
        return super().visit_textclause(textclause, *args, **kwargs)  # type: ignore[no-untyped-call]

    def visit_textual_select(self, taf: Any, *args: Any, **kwargs: Any) -> Any:
        """SQL by hand with named columns."""
        self._raw.append(taf.element.text)
        return super().visit_textual_select(taf, *args, **kwargs)  # type: ignore[no-untyped-call]


def _fenced_table(binary: BinaryExpression[Any]) -> Any:
    """The table or alias whose rows `x.tenant_id = <bound>` keeps to the bound tenant; else None."""
    left, right = binary.left, binary.right
    if binary.operator is not operators.eq or not isinstance(right, BindParameter) or right.key != BOUND_NAME:
        return None
    return left.table if isinstance(left, Column) and left.name == TENANT_COLUMN else None


def add_witness(engine: Engine) -> None:
    """Let this engine's statements be compiled under the witness's eyes."""
    plain = engine.dialect.statement_compiler
    engine.dialect.statement_compiler = type("WitnessedCompiler", (FenceWitness, plain), {})
