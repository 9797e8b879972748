"""one line that says why somebody would take an option"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The release before this one writes options without it.
    with op.batch_alter_table("estimate_option") as table:
        table.add_column(sa.Column("reason", sa.String(140), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("estimate_option") as table:
        table.drop_column("reason")
