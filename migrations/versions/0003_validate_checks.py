"""validate the checks of due_date, priority and tags, while requests go on"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name in ("due_date", "priority", "tags"):
            op.execute(f"ALTER TABLE tasks VALIDATE CONSTRAINT ck_tasks_{name}")


def downgrade() -> None:
    """Leave them: they hold for every row either way."""
