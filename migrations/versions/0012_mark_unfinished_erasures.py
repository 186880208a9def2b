"""mark the accounts whose erasure has begun, so that a purge can finish it"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("erased_version", sa.BigInteger))


def downgrade() -> None:
    op.drop_column("accounts", "erased_version")
