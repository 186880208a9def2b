"""index the orders that a list can be sorted by, while requests go on"""

from alembic import op
from sqlalchemy import text

revision = "0004"
down_revision = "0003"

KEYS = {
    "updated_at": "updated_at",
    "title": "lower(title)",
    "priority": "array_position(ARRAY['low', 'medium', 'high'], priority)",
    "due_date": "coalesce(due_date, 'infinity'::date)",
    "due_date_descending": "coalesce(due_date, '-infinity'::date)",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")  # it waits for old transactions, and holds up nobody
        for name, key in KEYS.items():
            drop(name)  # what an interrupted run may have left
            op.create_index(
                op.f(f"ix_tasks_user_id_{name}"),
                "tasks",
                ["user_id", text(key), "id"],
                postgresql_concurrently=True,
            )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in KEYS:
            drop(name)


def drop(name: str) -> None:
    op.drop_index(
        op.f(f"ix_tasks_user_id_{name}"), "tasks", postgresql_concurrently=True, if_exists=True
    )
