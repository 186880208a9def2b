"""The tables. Each limit of the API is a constraint."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from todo_api.limits import (
    MAX_DESCRIPTION_LENGTH,
    MAX_KEY_LENGTH,
    MAX_TAG_LENGTH,
    MAX_TAGS,
    MAX_TITLE_LENGTH,
    MAX_USER_ID_LENGTH,
    PRIORITIES,
)

# Before PostgreSQL 18, E'\v' is the letter v. Use \x0B.
ASCII_SPACE = r"E' \t\n\x0B\f\r'"

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("user_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text),
    Column("completed", Boolean, nullable=False, server_default=false()),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("completed_at", DateTime(timezone=True)),
    Column("priority", Text, nullable=False, server_default="medium"),
    Column("due_date", Date),
    Column("tags", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("version", BigInteger, nullable=False, server_default="0"),
    Column("deleted_at", DateTime(timezone=True)),
    Column("idempotency_key", Text),
    Column("idempotency_hash", Text),
    PrimaryKeyConstraint("user_id", "id"),  # by user first, so that the table can be sharded
    CheckConstraint(
        f"char_length(user_id) BETWEEN 1 AND {MAX_USER_ID_LENGTH}"
        f" AND btrim(user_id, {ASCII_SPACE}) <> ''",
        name="user_id",
    ),
    CheckConstraint(
        f"char_length(title) BETWEEN 1 AND {MAX_TITLE_LENGTH}"
        f" AND title = btrim(title, {ASCII_SPACE})",
        name="title",
    ),
    CheckConstraint(f"char_length(description) <= {MAX_DESCRIPTION_LENGTH}", name="description"),
    CheckConstraint(f"priority IN {PRIORITIES}", name="priority"),
    CheckConstraint("due_date BETWEEN '0001-01-01' AND '9999-12-31'", name="due_date"),
    # One line for each tag. Beyond ASCII, lower() of Python and PostgreSQL may differ.
    CheckConstraint(
        f"cardinality(tags) <= {MAX_TAGS} AND tags::text !~ '[A-Z\\n]'"
        " AND array_to_string(array_append(tags, ''), E'\\n')"
        f" ~ '^((?! )[^\\n]{{1,{MAX_TAG_LENGTH}}}(?<! )\\n)*$'",
        name="tags",
    ),
    CheckConstraint(
        "num_nulls(idempotency_key, idempotency_hash) <> 1"
        f" AND idempotency_key ~ '^[ -~]{{1,{MAX_KEY_LENGTH}}}$'"
        " AND idempotency_hash ~ '^[0-9a-f]{64}$'",
        name="idempotency_key",
    ),
)
HIDDEN = ("idempotency_key", "idempotency_hash")
PUBLIC = tuple(column for column in tasks.c if column.name not in HIDDEN)
"""The columns of a task that clients see."""

accounts = Table(
    "accounts",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("purged_version", BigInteger, nullable=False, server_default="0"),
    Column("epoch", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
    Column("task_count", BigInteger),
    Column("erased_version", BigInteger),
)
"""One row for each user: what orders the changes of their tasks, and how many tasks there are.

Every write of a user first adds one to ``version``. It keeps the lock on this row until its commit,
so versions are in the order of commits. A task has the version of its last change.
``purged_version`` is the highest version of the tasks that were purged. The row is deleted with the
account, and a new row has a new ``epoch``. ``task_count`` counts the trash too. It is null until
somebody counts: see migration 0011. While an erasure is not finished, ``erased_version`` is the
highest version of the tasks to erase.
"""

# Only the default sort order has an index: a change to a task writes to every index of the table.
# benchmarks/indexes.md has the price of each.
Index(None, tasks.c.user_id, tasks.c.created_at.desc(), tasks.c.id.desc())
Index(None, tasks.c.user_id, tasks.c.version, tasks.c.id)
Index(
    "ix_tasks_user_id_idempotency_key",
    tasks.c.user_id,
    tasks.c.idempotency_key,
    unique=True,
    postgresql_where=tasks.c.idempotency_key.is_not(None),
)
Index(
    "ix_tasks_deleted_at",
    tasks.c.deleted_at,
    postgresql_where=tasks.c.deleted_at.is_not(None),
)
