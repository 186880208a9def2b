"""create tasks"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("completed", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sa.CheckConstraint(
            "char_length(user_id) BETWEEN 1 AND 255"
            r" AND btrim(user_id, E' \t\n\x0B\f\r') <> ''",
            name=op.f("ck_tasks_user_id"),
        ),
        sa.CheckConstraint(
            "char_length(title) BETWEEN 1 AND 200"
            r" AND title = btrim(title, E' \t\n\x0B\f\r')",
            name=op.f("ck_tasks_title"),
        ),
        sa.CheckConstraint("char_length(description) <= 10000", name=op.f("ck_tasks_description")),
    )
    op.create_index(
        op.f("ix_tasks_user_id_created_at_id"),
        "tasks",
        ["user_id", sa.text("created_at DESC"), sa.text("id DESC")],
    )


def downgrade() -> None:
    op.drop_table("tasks")
