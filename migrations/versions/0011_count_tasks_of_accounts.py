"""count the tasks of each account

Null stands for tasks that nobody has counted: the next create does. Code of revision 0010 can serve
while this is deployed. It counts nothing, so run `flask tasks recount` when its last process ended.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("task_count", sa.BigInteger))


def downgrade() -> None:
    op.drop_column("accounts", "task_count")
