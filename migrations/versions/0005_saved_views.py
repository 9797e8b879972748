"""saved views of lists, filters of customers, logged calls, the password given again

`customer_facet` is kept by triggers on `customer` and `service_location`. A later migration that copies one of those
tables on SQLite (batch_alter_table with a new table) has to make the triggers again: call `make_triggers` from here.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
VALUE = sa.String(length=100).with_variant(sa.String(length=100, collation="C"), "postgresql")

# Small letters by ASCII alone, so that both databases agree.
_LOWER = {"sqlite": "lower({})", "postgresql": 'lower({} COLLATE "C")'}
_TAGS = {
    "sqlite": "json_each({0}.tags) AS tag WHERE tag.type = 'text' AND tag.value <> ''",
    "postgresql": "json_array_elements_text(CASE json_typeof({0}.tags) WHEN 'array' THEN {0}.tags ELSE"
    " CAST('[]' AS json) END) AS tag(value) WHERE tag.value <> ''",
}
_PLACE_PARTS = "SELECT 'city' AS kind, {place}.city AS value UNION ALL SELECT 'state', {place}.state"
_COLUMNS = "INSERT INTO customer_facet (tenant_id, customer_id, kind, value, is_deleted, sort_name)"


def upgrade() -> None:
    op.add_column("sign_in_session", sa.Column("stepped_up_at", sa.DateTime(timezone=True), nullable=True))
    _make_views()
    _make_calls()
    _make_facets()
    dialect = op.get_bind().dialect.name
    op.execute(f"{_COLUMNS} {_facets_of_places(dialect)} {_NOT_TWICE}")
    op.execute(f"{_COLUMNS} {_facets_of_tags(dialect, 'customer', 'customer, ')} {_NOT_TWICE}")
    make_triggers(dialect)
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_message_tenant_id_customer_id_created_at"),
            ["tenant_id", "customer_id", "created_at"],
            unique=False,
        )


def downgrade() -> None:
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_message_tenant_id_customer_id_created_at"))
    drop_triggers(op.get_bind().dialect.name)
    for table in ("customer_facet", "phone_call", "saved_view"):
        op.drop_table(table)
    with op.batch_alter_table("sign_in_session", schema=None) as batch_op:
        batch_op.drop_column("stepped_up_at")


def _make_views() -> None:
    op.create_table(
        "saved_view",
        sa.Column("id", BIG, nullable=False),
        sa.Column("tenant_id", BIG, nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("list_name", sa.String(length=40), nullable=False),
        sa.Column("staff_id", BIG, nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "staff_id"],
            ["staff_user.tenant_id", "staff_user.id"],
            name=op.f("fk_saved_view_tenant_id_staff_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="tenant"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_saved_view_tenant_id_id")),
        sa.UniqueConstraint(
            "tenant_id",
            "list_name",
            "staff_id",
            "name",
            name=op.f("uq_saved_view_tenant_id_list_name_staff_id_name"),
        ),
        sa.UniqueConstraint("tenant_id", "public_id", name=op.f("uq_saved_view_tenant_id_public_id")),
    )
    op.create_index(op.f("ix_saved_view_tenant_id_staff_id"), "saved_view", ["tenant_id", "staff_id"])


def _make_calls() -> None:
    op.create_table(
        "phone_call",
        sa.Column("id", BIG, nullable=False),
        sa.Column("tenant_id", BIG, nullable=False),
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("contact_id", BIG, nullable=True),
        sa.Column("staff_id", BIG, nullable=True),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("direction", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", BIG, nullable=True),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("seconds BETWEEN 0 AND 86400", name=op.f("ck_phone_call_seconds")),
        *(
            sa.ForeignKeyConstraint(
                ["tenant_id", f"{column}_id"],
                [f"{table}.tenant_id", f"{table}.id"],
                name=op.f(f"fk_phone_call_tenant_id_{column}_id"),
            )
            for column, table in (("contact", "contact"), ("customer", "customer"), ("staff", "staff_user"))
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="tenant"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone_call")),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_phone_call_tenant_id_id")),
        sa.UniqueConstraint("tenant_id", "public_id", name=op.f("uq_phone_call_tenant_id_public_id")),
    )
    op.create_index(
        op.f("ix_phone_call_tenant_id_customer_id_at"), "phone_call", ["tenant_id", "customer_id", "at"]
    )


def _make_facets() -> None:
    op.create_table(
        "customer_facet",
        sa.Column("tenant_id", BIG, nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("value", VALUE, nullable=False),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.Column("sort_name", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "customer_id"],
            ["customer.tenant_id", "customer.id"],
            name=op.f("fk_customer_facet_tenant_id_customer_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_customer_facet_tenant_id")),
        sa.PrimaryKeyConstraint("tenant_id", "customer_id", "kind", "value", name=op.f("pk_customer_facet")),
        sqlite_with_rowid=False,
    )
    filtered = ["tenant_id", "kind", "value", "is_deleted"]
    op.create_index("ix_customer_facet_by_name", "customer_facet", [*filtered, "sort_name", "customer_id"])
    op.create_index("ix_customer_facet_by_age", "customer_facet", [*filtered, "customer_id"])


_NOT_TWICE = "ON CONFLICT DO NOTHING"


def _facets_of_places(dialect: str, where: str = "true", table: str = "service_location") -> str:
    """The cities and states of live places, read from a table of them."""
    value = _LOWER[dialect].format("part.value")
    place = "SELECT tenant_id, customer_id, deleted_at"
    parts = (
        f"{place}, 'city' AS kind, city AS value FROM {table} UNION ALL {place}, 'state', state FROM {table}"
    )
    return (
        f"SELECT part.tenant_id, part.customer_id, part.kind, {value},"  # noqa: S608 - our own words
        " customer.deleted_at IS NOT NULL, customer.sort_name"
        f" FROM ({parts}) AS part"
        " JOIN customer ON customer.tenant_id = part.tenant_id AND customer.id = part.customer_id"
        f" WHERE part.deleted_at IS NULL AND part.value <> '' AND {where}"
    )


def _facets_of_tags(dialect: str, row: str, tables: str = "") -> str:
    """The tags of customers: of a table's rows, or of the row of a trigger."""
    value = _LOWER[dialect].format("tag.value")
    return (
        f"SELECT {row}.tenant_id, {row}.id, 'tag', {value}, {row}.deleted_at IS NOT NULL, {row}.sort_name"  # noqa: S608 - our own words
        f" FROM {tables}{_TAGS[dialect].format(row)}"
    )


def _facets_of_new_place() -> str:
    """The city and the state of the place that a trigger of SQLite has in hand."""
    return (
        "SELECT NEW.tenant_id, NEW.customer_id, part.kind, lower(part.value),"  # noqa: S608 - our own words
        " customer.deleted_at IS NOT NULL, customer.sort_name"
        f" FROM customer, ({_PLACE_PARTS.format(place='NEW')}) AS part"
        " WHERE customer.tenant_id = NEW.tenant_id AND customer.id = NEW.customer_id"
        " AND NEW.deleted_at IS NULL AND part.value <> ''"
    )


def _again(dialect: str, row: str) -> str:
    """The cities and states of one customer anew."""
    ours = f"tenant_id = {row}.tenant_id AND customer_id = {row}.customer_id"
    found = _facets_of_places(
        dialect, f"part.tenant_id = {row}.tenant_id AND part.customer_id = {row}.customer_id"
    )
    return (
        f"DELETE FROM customer_facet WHERE {ours} AND kind IN ('city', 'state');"  # noqa: S608 - our own words
        f" {_COLUMNS} {found} {_NOT_TWICE};"
    )


_MOVED = """UPDATE customer_facet SET sort_name = NEW.sort_name, is_deleted = (NEW.deleted_at IS NOT NULL)
 WHERE tenant_id = NEW.tenant_id AND customer_id = NEW.id;"""
_UNTAG = (
    "DELETE FROM customer_facet WHERE tenant_id = NEW.tenant_id AND customer_id = NEW.id AND kind = 'tag';"
)
# name, table, when, what
_Trigger = tuple[str, str, str, str]


def _triggers(dialect: str) -> list[_Trigger]:
    tag = f"{_COLUMNS} {_facets_of_tags(dialect, 'NEW')} {_NOT_TWICE};"
    added, place = tag, f"{_COLUMNS} {_facets_of_new_place()} {_NOT_TWICE};"
    if dialect == "postgresql":
        # Once for all rows of a statement: an import inserts five hundred at a time.
        added = f"{_COLUMNS} {_facets_of_tags(dialect, 'added', 'added, ')} {_NOT_TWICE};"
        place = f"{_COLUMNS} {_facets_of_places(dialect, table='added')} {_NOT_TWICE};"
    changed = "UPDATE OF tenant_id, customer_id, city, state, deleted_at"
    return [
        ("facet_customer_added", "customer", "INSERT", added),
        ("facet_customer_moved", "customer", "UPDATE OF sort_name, deleted_at", _MOVED),
        ("facet_customer_tagged", "customer", "UPDATE OF tags", f"{_UNTAG} {tag}"),
        ("facet_place_added", "service_location", "INSERT", place),
        (
            "facet_place_changed",
            "service_location",
            changed,
            f"{_again(dialect, 'OLD')} {_again(dialect, 'NEW')}",
        ),
        ("facet_place_removed", "service_location", "DELETE", _again(dialect, "OLD")),
    ]


def make_triggers(dialect: str) -> None:
    """Let the database keep `customer_facet`."""
    for name, table, event, what in _triggers(dialect):
        if dialect == "sqlite":
            op.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table} BEGIN {what} END")
        else:
            # Plans are kept: one made while a table was small would read all of it for every row ever after.
            op.execute(
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS"
                f" $facet$ BEGIN {what} RETURN NULL; END $facet$"
            )
            each = (
                "REFERENCING NEW TABLE AS added FOR EACH STATEMENT" if event == "INSERT" else "FOR EACH ROW"
            )
            op.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table} {each} EXECUTE FUNCTION {name}()")


def drop_triggers(dialect: str) -> None:
    """Take them away."""
    for name, table, _event, _what in _triggers(dialect):
        if dialect == "sqlite":
            op.execute(f"DROP TRIGGER {name}")
        else:
            op.execute(f"DROP TRIGGER {name} ON {table}")
            op.execute(f"DROP FUNCTION {name}()")
