"""make (user_id, id) the primary key of tasks, so that the table can be spread by user"""

from alembic import op

revision = "0009"
down_revision = "0008"

NEW_INDEX = "ix_tasks_new_primary_key"


def upgrade() -> None:
    replace_primary_key("user_id", "id")


def downgrade() -> None:
    replace_primary_key("id")


def replace_primary_key(*columns: str) -> None:
    """Build the index of the new key while requests go on, then exchange the keys at once."""
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")  # it waits for old transactions, and holds up nobody
        # What an interrupted run may have left.
        op.drop_index(NEW_INDEX, "tasks", postgresql_concurrently=True, if_exists=True)
        op.create_index(NEW_INDEX, "tasks", [*columns], unique=True, postgresql_concurrently=True)
    op.execute(
        "ALTER TABLE tasks DROP CONSTRAINT pk_tasks,"
        f" ADD CONSTRAINT pk_tasks PRIMARY KEY USING INDEX {NEW_INDEX}"
    )
