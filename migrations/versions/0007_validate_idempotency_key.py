"""validate the check of the idempotency key, while requests go on"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE tasks VALIDATE CONSTRAINT ck_tasks_idempotency_key")


def downgrade() -> None:
    """Leave it: it holds for every row either way."""
