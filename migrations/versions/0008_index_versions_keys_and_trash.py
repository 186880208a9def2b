"""index versions, idempotency keys and the trash, while requests go on"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

INDEXES: dict[str, dict[str, Any]] = {
    "ix_tasks_user_id_version_id": {"columns": ["user_id", "version", "id"]},
    "ix_tasks_user_id_idempotency_key": {
        "columns": ["user_id", "idempotency_key"],
        "unique": True,
        "postgresql_where": sa.text("idempotency_key IS NOT NULL"),
    },
    "ix_tasks_deleted_at": {
        "columns": ["deleted_at"],
        "postgresql_where": sa.text("deleted_at IS NOT NULL"),
    },
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")  # it waits for old transactions, and holds up nobody
        for name, options in INDEXES.items():
            drop(name)  # what an interrupted run may have left
            op.create_index(op.f(name), "tasks", **options, postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in INDEXES:
            drop(name)


def drop(name: str) -> None:
    op.drop_index(op.f(name), "tasks", postgresql_concurrently=True, if_exists=True)
