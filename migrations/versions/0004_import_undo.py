"""imports with mapping and undo"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    for column in (
        sa.Column("origin", sa.String(length=20), nullable=False, server_default=""),
        sa.Column("heads", sa.JSON(), nullable=True),
        sa.Column("samples", sa.JSON(), nullable=True),
        sa.Column("columns", sa.JSON(), nullable=True),
        sa.Column("mode", sa.String(length=40), nullable=False, server_default="fill"),
        sa.Column("undo_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_rows", _BIG, nullable=False, server_default="0"),
        sa.Column("kept_rows", _BIG, nullable=False, server_default="0"),
        sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("import_batch", column)
    for column in (
        sa.Column("name", sa.String(length=200), nullable=False, server_default=""),
        sa.Column("made", sa.JSON(), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=False, server_default=""),
        sa.Column("undone", sa.String(length=40), nullable=True),
        sa.Column("undo_note", sa.Text(), nullable=False, server_default=""),
    ):
        op.add_column("import_row", column)
    with op.batch_alter_table("import_row", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_import_row_tenant_id_batch_id_verdict"))
        batch_op.create_index(
            batch_op.f("ix_import_row_tenant_id_batch_id_verdict_n"),
            ["tenant_id", "batch_id", "verdict", "n"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_import_row_tenant_id_customer_id"), ["tenant_id", "customer_id"], unique=False
        )
    op.create_table(
        "import_mapping",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("tenant_id", _BIG, nullable=False),
        sa.Column("heads_digest", sa.String(length=64), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="tenant"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_mapping")),
        sa.UniqueConstraint(
            "tenant_id", "heads_digest", name=op.f("uq_import_mapping_tenant_id_heads_digest")
        ),
    )


def downgrade() -> None:
    op.drop_table("import_mapping")
    with op.batch_alter_table("import_row", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_import_row_tenant_id_customer_id"))
        batch_op.drop_index(batch_op.f("ix_import_row_tenant_id_batch_id_verdict_n"))
        batch_op.create_index(
            batch_op.f("ix_import_row_tenant_id_batch_id_verdict"),
            ["tenant_id", "batch_id", "verdict"],
            unique=False,
        )
    for table, columns in (
        ("import_row", ("undo_note", "undone", "fingerprint", "made", "name")),
        (
            "import_batch",
            (
                "purged_at",
                "kept_rows",
                "undone_rows",
                "undo_until",
                "mode",
                "columns",
                "samples",
                "heads",
                "origin",
            ),
        ),
    ):
        for name in columns:
            op.drop_column(table, name)
