"""add the position of tasks that were moved by hand

Null stands for a task that was never moved: its place follows from its id, so no row is written.
Code of revision 0014 can serve while this is deployed. Clients that keep a copy should drop it
afterwards: a task that has not changed has no new version, although it now shows its position. A
downgrade loses the order.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("position", sa.Numeric))


def downgrade() -> None:
    op.drop_column("tasks", "position")
