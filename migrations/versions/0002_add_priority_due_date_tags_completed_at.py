"""add priority, due_date, tags and completed_at"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0002"
down_revision = "0001"

CHECKS = {
    "due_date": "due_date BETWEEN '0001-01-01' AND '9999-12-31'",
    "priority": "priority IN ('low', 'medium', 'high')",
    "tags": r"cardinality(tags) <= 10 AND tags::text !~ '[A-Z\n]'"
    r" AND array_to_string(array_append(tags, ''), E'\n') ~ '^((?! )[^\n]{1,50}(?<! )\n)*$'",
}


def upgrade() -> None:
    op.add_column("tasks", sa.Column("completed_at", sa.DateTime(timezone=True)))
    op.add_column("tasks", sa.Column("priority", sa.Text, server_default="medium", nullable=False))
    op.add_column("tasks", sa.Column("due_date", sa.Date))
    op.add_column(
        "tasks",
        sa.Column("tags", ARRAY(sa.Text), server_default=sa.text("'{}'"), nullable=False),
    )
    for name, condition in CHECKS.items():
        # The rows that are there have the default, and to look at each would lock the table long.
        op.create_check_constraint(
            op.f(f"ck_tasks_{name}"), "tasks", condition, postgresql_not_valid=True
        )


def downgrade() -> None:
    for name in ("tags", "due_date", "priority", "completed_at"):
        op.drop_column("tasks", name)
