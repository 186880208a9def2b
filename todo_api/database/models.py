"""The tables. Each limit of the API is a constraint, but for positions, which the service makes."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from todo_api import limits

# Before PostgreSQL 18, E'\v' is the letter v. Use \x0B.
ASCII_SPACE = r"E' \t\n\x0B\f\r'"

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

TIME = sa.DateTime(timezone=True)

tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True, maxvalue=limits.MAX_ID)),
    sa.Column("user_id", sa.Text),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("completed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now()),
    sa.Column("updated_at", TIME, nullable=False, server_default=sa.func.now()),
    sa.Column("completed_at", TIME),
    sa.Column("priority", sa.Text, nullable=False, server_default="medium"),
    sa.Column("due_date", sa.Date),
    sa.Column("tags", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    sa.Column("version", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("deleted_at", TIME),
    sa.Column("position", sa.Numeric),
    sa.Column("idempotency_key", sa.Text),
    sa.Column("idempotency_hash", sa.Text),
    sa.PrimaryKeyConstraint("user_id", "id"),  # by user first, so that the table can be sharded
    sa.CheckConstraint(
        f"char_length(user_id) BETWEEN 1 AND {limits.MAX_USER_ID_LENGTH}"
        f" AND btrim(user_id, {ASCII_SPACE}) <> ''",
        name="user_id",
    ),
    sa.CheckConstraint(
        f"char_length(title) BETWEEN 1 AND {limits.MAX_TITLE_LENGTH}"
        f" AND title = btrim(title, {ASCII_SPACE})",
        name="title",
    ),
    sa.CheckConstraint(
        f"char_length(description) <= {limits.MAX_DESCRIPTION_LENGTH}", name="description"
    ),
    sa.CheckConstraint(f"priority IN {limits.PRIORITIES}", name="priority"),
    sa.CheckConstraint("due_date BETWEEN '0001-01-01' AND '9999-12-31'", name="due_date"),
    # One line for each tag. Beyond ASCII, lower() of Python and PostgreSQL may differ.
    sa.CheckConstraint(
        f"cardinality(tags) <= {limits.MAX_TAGS} AND tags::text !~ '[A-Z\\n]'"
        " AND array_to_string(array_append(tags, ''), E'\\n')"
        f" ~ '^((?! )[^\\n]{{1,{limits.MAX_TAG_LENGTH}}}(?<! )\\n)*$'",
        name="tags",
    ),
    sa.CheckConstraint(
        "num_nulls(idempotency_key, idempotency_hash) <> 1"
        f" AND idempotency_key ~ '^[ -~]{{1,{limits.MAX_KEY_LENGTH}}}$'"
        " AND idempotency_hash ~ '^[0-9a-f]{64}$'",
        name="idempotency_key",
    ),
)
HIDDEN = ("idempotency_key", "idempotency_hash")
# A task that was never moved stands at this number minus its id, so the newest comes first.
PLACE_OF_NO_ID = 20_000_000_000_000_000
ID_PLACE: sa.ColumnElement[Any] = sa.literal_column(f"numeric '{PLACE_OF_NO_ID}'") - tasks.c.id
PLACE = sa.func.coalesce(tasks.c.position, ID_PLACE)
"""The position of a task as a number. Of all the user's tasks, also in the trash, no two are equal.

Each has 17 digits before the point. So their texts sort as they do.
"""
POSITION = sa.func.coalesce(
    tasks.c.position.cast(sa.Text),
    (sa.literal_column(str(PLACE_OF_NO_ID)) - tasks.c.id).cast(sa.Text),
).label("position")
PUBLIC = tuple(POSITION if c.name == "position" else c for c in tasks.c if c.name not in HIDDEN)
"""The columns of a task that clients see."""

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("purged_version", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("epoch", sa.Uuid, nullable=False, server_default=sa.text("gen_random_uuid()")),
    sa.Column("task_count", sa.BigInteger),
    sa.Column("erased_version", sa.BigInteger),
)
"""One row for each user: what orders the changes of their tasks, and how many tasks there are.

Every write of a user first adds one to ``version``. It keeps the lock on this row until its commit,
so versions are in the order of commits. A task has the version of its last change.
``purged_version`` is the highest version of the tasks that are gone for good. The row is deleted
with the account, and a new row has a new ``epoch``. ``task_count`` counts the trash too. It is null
until somebody counts: see migration 0011. While an erasure is not finished, ``erased_version`` is
the highest version of the tasks to erase.
"""

# Only the default sort order has an index: a change to a task writes to every index of the table.
# benchmarks/indexes.md has the price of each.
sa.Index(None, tasks.c.user_id, tasks.c.created_at.desc(), tasks.c.id.desc())
sa.Index(None, tasks.c.user_id, tasks.c.version, tasks.c.id)
HAS_KEY = tasks.c.idempotency_key.is_not(None)
sa.Index(None, tasks.c.user_id, tasks.c.idempotency_key, unique=True, postgresql_where=HAS_KEY)
sa.Index(None, tasks.c.deleted_at, postgresql_where=tasks.c.deleted_at.is_not(None))
