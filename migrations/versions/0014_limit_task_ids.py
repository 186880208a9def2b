"""let no id of a task be beyond what JavaScript can represent exactly"""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.execute("ALTER TABLE tasks ALTER COLUMN id SET MAXVALUE 9007199254740991")


def downgrade() -> None:
    op.execute("ALTER TABLE tasks ALTER COLUMN id SET NO MAXVALUE")
