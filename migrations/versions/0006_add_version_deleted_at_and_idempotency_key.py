"""add version, deleted_at and the idempotency key

Code of revision 0004 can serve while this is deployed. It does not count versions, shows tasks that
are in the trash, and deletes for good. So clients should keep no ETag and no sync token that they
got before the last process of the old code ended.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

KEY_CHECK = (
    "num_nulls(idempotency_key, idempotency_hash) <> 1 AND idempotency_key ~ '^[ -~]{1,255}$'"
    " AND idempotency_hash ~ '^[0-9a-f]{64}$'"
)


def upgrade() -> None:
    op.add_column("tasks", sa.Column("version", sa.BigInteger, server_default="0", nullable=False))
    op.add_column("tasks", sa.Column("deleted_at", sa.DateTime(timezone=True)))
    op.add_column("tasks", sa.Column("idempotency_key", sa.Text))
    op.add_column("tasks", sa.Column("idempotency_hash", sa.Text))
    op.create_check_constraint(
        op.f("ck_tasks_idempotency_key"), "tasks", KEY_CHECK, postgresql_not_valid=True
    )


def downgrade() -> None:
    """Delete the tasks in the trash for good: older code would show them."""
    op.execute("DELETE FROM tasks WHERE deleted_at IS NOT NULL")
    for name in ("idempotency_hash", "idempotency_key", "deleted_at", "version"):
        op.drop_column("tasks", name)
