"""drop the indexes of sort orders that cost writes more than they save, while requests go on"""

from alembic import op
from sqlalchemy import text

revision = "0010"
down_revision = "0009"

KEYS = {
    "updated_at": "updated_at",
    "title": "lower(title)",
    "priority": "array_position(ARRAY['low', 'medium', 'high'], priority)",
    "due_date": "coalesce(due_date, 'infinity'::date)",
    "due_date_descending": "coalesce(due_date, '-infinity'::date)",
}


def upgrade() -> None:
    drop_indexes()


def downgrade() -> None:
    drop_indexes()  # what an interrupted run may have left
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")  # it waits for old transactions, and holds up nobody
        for name, key in KEYS.items():
            op.create_index(
                op.f(f"ix_tasks_user_id_{name}"),
                "tasks",
                ["user_id", text(key), "id"],
                postgresql_concurrently=True,
            )


def drop_indexes() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")  # it waits for old transactions, and holds up nobody
        for name in KEYS:
            op.drop_index(
                op.f(f"ix_tasks_user_id_{name}"),
                "tasks",
                postgresql_concurrently=True,
                if_exists=True,
            )
