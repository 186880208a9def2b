"""${message}"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}

# Autogenerate leaves these out, or writes them so that they lock the table for long.
# Edit the file, then delete this comment.
# - CHECK constraints. Add each as NOT VALID: PostgreSQL then reads no row while it holds the lock.
#       op.create_check_constraint(
#           op.f("ck_tasks_color"), "tasks", "color ~ '...'", postgresql_not_valid=True
#       )
# - Their validation. Write it in the next migration. Requests go on while it runs.
#       with op.get_context().autocommit_block():
#           op.execute("ALTER TABLE tasks VALIDATE CONSTRAINT ck_tasks_color")
# - Concurrent indexes. Requests go on while they are built. Migration 0004 is an example.
#       with op.get_context().autocommit_block():
#           op.create_index(op.f("ix_..."), "tasks", [...], postgresql_concurrently=True)


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
