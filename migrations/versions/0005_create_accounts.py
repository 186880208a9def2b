"""create accounts"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("purged_version", sa.BigInteger, server_default="0", nullable=False),
        sa.Column("epoch", sa.Uuid, server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_accounts")),
    )


def downgrade() -> None:
    op.drop_table("accounts")
