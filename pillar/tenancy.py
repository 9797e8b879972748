"""The tenant fence, layers 1 and 2 (SAFETY: The tenant fence).

One scope is bound per request or task, on `flask.g`, so it dies with the context. With no scope bound, touching a
tenant's rows raises `NoTenant`: failing is the safe answer, returning everything is not. Statements through mapped
classes get a criterion; what reaches the database on a session's connection is then checked, whoever wrote it:
reads against the compiled SQL (`pillar.fenced_sql`), inserted rows by their values.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from flask import g
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import Connection, Engine, ForeignKey, Integer, MetaData, bindparam, event, inspect
from sqlalchemy.orm import Mapped, ORMExecuteState, Session, mapped_column, with_loader_criteria
from sqlalchemy.sql import Update

from pillar.errors import FenceBreached, NoTenant
from pillar.fenced_sql import (
    BOUND_NAME,
    TENANT_COLUMN,
    FenceWitness,
    add_witness,
    is_tenant_table,
    mark_tenant_tables,
    named_tenant_tables,
)

_EVERYONE = "everyone"
_SESSION_OPTION = "fenced_session"
_OF_SEVERAL = f"{TENANT_COLUMN}_m"


def current_tenant_id() -> int:
    """The bound tenant. Raises NoTenant when none is, also inside `across_tenants`."""
    scope = g.get("tenant_scope")
    if not isinstance(scope, int):
        raise NoTenant("No tenant is bound here")
    return scope


def _tenant_or_none() -> int | None:
    """For SQL: a comparison with NULL is true of no row. `_check` raises NoTenant before it comes to that."""
    scope = g.get("tenant_scope")
    return scope if isinstance(scope, int) else None


def is_across_tenants() -> bool:
    """Whether this code runs in a named cross-tenant scope."""
    return bool(g.get("tenant_scope") == _EVERYONE)


class TenantOwned:
    """Rows of one company. Every statement on them carries `tenant_id = current`."""

    tenant_id: Mapped[int] = mapped_column(
        ForeignKey("tenant.id", name="tenant"), default=_tenant_or_none, sort_order=-90
    )


# The bind's value is looked up at each execution, so one option object serves every statement and SQLAlchemy's
# statement cache, and a lazy load that outlives its scope still compares with the scope of its own moment.
_BOUND = bindparam(BOUND_NAME, callable_=_tenant_or_none, type_=Integer())
_CRITERION = with_loader_criteria(TenantOwned, lambda cls: cls.tenant_id == _BOUND, include_aliases=True)


def put_up(engine: Engine, *metadata: MetaData) -> None:
    """Guard an engine and know which tables are tenants'; once at start-up."""
    for each in metadata:
        mark_tenant_tables(each.tables.values())
    add_witness(engine)
    event.listen(engine, "before_cursor_execute", _check)


@contextmanager
def using_tenant(session: Session, tenant_id: int) -> Iterator[None]:
    """Bind a tenant; on leaving, the scope before comes back."""
    with _scope(session, tenant_id):
        yield


@contextmanager
def across_tenants(session: Session, reason: str) -> Iterator[None]:
    """The greppable way out of the fence. `reason` says why no single tenant can be named."""
    if not reason.strip():
        raise ValueError("Say why this crosses tenants")
    with _scope(session, _EVERYONE):
        yield


def bind_tenant(session: Session, tenant_id: int) -> None:
    """Bind a tenant for the rest of the request or task."""
    _change_scope(session, tenant_id)


@contextmanager
def _scope(session: Session, scope: int | str) -> Iterator[None]:
    before = g.get("tenant_scope")
    _change_scope(session, scope)
    try:
        yield
    except BaseException:
        # What was begun inside is not written: whoever catches this rolls back, in the scope that was before.
        _leave(session, before)
        raise
    _change_scope(session, before)


def _change_scope(session: Session, scope: int | str | None) -> None:
    try:
        if scope != g.get("tenant_scope") and (session.new or session.dirty or session.deleted):
            session.flush()
    finally:
        _leave(session, scope)


def _leave(session: Session, scope: int | str | None) -> None:
    """One identity map per scope: `session.get` answers from the map without asking the database."""
    if scope != g.get("tenant_scope"):
        session.expunge_all()
    g.tenant_scope = scope


class FencedSession(FlaskSession):
    """A session whose statements are checked; without the methods that would go past its events."""

    def bulk_insert_mappings(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise FenceBreached("Use session.execute(insert(Model), rows): it is checked")

    def bulk_update_mappings(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise FenceBreached("Use session.execute(update(Model), rows): it is checked")

    def bulk_save_objects(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise FenceBreached("Use session.add_all: it is checked")


@event.listens_for(FencedSession, "after_begin")
def _mark_connection(session: Session, _transaction: Any, connection: Connection) -> None:
    if not issubclass(connection.dialect.statement_compiler, FenceWitness):
        raise FenceBreached("This engine is not guarded: tenancy.put_up was not called")
    connection.execution_options(**{_SESSION_OPTION: session})


@event.listens_for(FencedSession, "do_orm_execute")
def _add_criterion(state: ORMExecuteState) -> None:
    """Ask for the criterion. Whether it arrived everywhere is seen in `_check`."""
    if is_across_tenants():
        return
    statement: Any = state.statement
    if isinstance(statement, Update) and _names_tenant(statement):
        raise FenceBreached("Rows do not move from one tenant to another")
    if not state.is_orm_statement or state.is_insert:
        return
    if state.is_column_load:
        # SQLAlchemy adds no criterion to the refresh of an object.
        cls: Any = state.bind_mapper.class_ if state.bind_mapper is not None else object
        if issubclass(cls, TenantOwned):
            statement = statement.where(cls.tenant_id == _BOUND)
    # A lazy load brings the criterion with it from the query that loaded its object.
    if _CRITERION not in statement._with_options:  # noqa: SLF001 - there is no public way to ask
        statement = statement.options(_CRITERION)
    state.statement = statement


def _names_tenant(statement: Any) -> bool:
    return any(getattr(column, "key", column) == TENANT_COLUMN for column in statement._values or ())  # noqa: SLF001


def _check(
    connection: Connection,
    _cursor: Any,
    statement: str,
    _parameters: Any,
    context: Any,
    _executemany: bool,  # noqa: FBT001
) -> None:
    """The last look before the database: on a session's connection nothing leaves the bound tenant."""
    session = connection.get_execution_options().get(_SESSION_OPTION)
    if session is None:
        return
    compiled = context.compiled
    if isinstance(compiled, FenceWitness) and compiled.isinsert:
        _check_rows(context)
    if not is_across_tenants():
        _check_reads(session, compiled, statement)


def _check_rows(context: Any) -> None:
    """Each row of an INSERT carries the bound tenant, as a plain value; across tenants it names one."""
    if not is_tenant_table(context.compiled.compile_state.dml_table):
        return
    tenant = None if is_across_tenants() else current_tenant_id()
    for row in context.compiled_parameters:
        # Several rows in one VALUES are named tenant_id_m0, tenant_id_m1, …
        named = [
            value for name, value in row.items() if name == TENANT_COLUMN or name.startswith(_OF_SEVERAL)
        ]
        if None in named:
            raise NoTenant("No tenant is bound here, and an inserted row names none")
        if tenant is not None and (not named or any(value != tenant for value in named)):
            raise FenceBreached("An inserted row is not the bound tenant's")


def _check_reads(session: Any, compiled: Any, sql: str) -> None:
    if not isinstance(compiled, FenceWitness):
        touched = unfenced = frozenset(named_tenant_tables(sql))
    else:
        touched, unfenced = compiled.touched, compiled.unfenced
        # The unit of work names rows by their key; `_only_our_objects` has looked at each of its objects.
        if session._flushing and (compiled.isupdate or compiled.isdelete):  # noqa: SLF001 - no public way to ask
            return
    if touched:
        current_tenant_id()
    if unfenced:
        raise FenceBreached(f"Outside the tenant criterion: {', '.join(sorted(unfenced))}")


@event.listens_for(FencedSession, "before_flush")
def _only_our_objects(session: Session, _context: Any, _instances: Any) -> None:
    if is_across_tenants():
        return
    for obj in (*session.new, *session.dirty, *session.deleted):
        if isinstance(obj, TenantOwned):
            _check_object(session, obj)


def _check_object(session: Session, obj: TenantOwned) -> None:
    tenant = current_tenant_id()
    owner: int | None = obj.tenant_id
    if owner is None and obj in session.new:
        obj.tenant_id = owner = tenant
    if owner != tenant:
        raise FenceBreached(f"{type(obj).__name__} belongs to another tenant")
    if obj not in session.new and inspect(obj).attrs.tenant_id.history.has_changes():
        raise FenceBreached(f"{type(obj).__name__} does not move from one tenant to another")
