"""The tables, each limit of the API held as a constraint."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Identity,
    Index,
    MetaData,
    Table,
    Text,
    false,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

MAX_ID = 2**63 - 1  # PostgreSQL's bigint
MAX_TITLE = 200
MAX_DESCRIPTION = 10_000
MAX_USER_ID = 255
PRIORITIES = ("low", "medium", "high")
"""By rank, the lowest first."""
MAX_TAGS = 10
MAX_TAG = 50

# The \v of Python is no escape before PostgreSQL 18, but the letter v.
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
    Column("id", BigInteger, Identity(always=True), primary_key=True),
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
    CheckConstraint(
        f"char_length(user_id) BETWEEN 1 AND {MAX_USER_ID} AND btrim(user_id, {ASCII_SPACE}) <> ''",
        name="user_id",
    ),
    CheckConstraint(
        f"char_length(title) BETWEEN 1 AND {MAX_TITLE} AND title = btrim(title, {ASCII_SPACE})",
        name="title",
    ),
    CheckConstraint(f"char_length(description) <= {MAX_DESCRIPTION}", name="description"),
    CheckConstraint(f"priority IN {PRIORITIES}", name="priority"),
    CheckConstraint("due_date BETWEEN '0001-01-01' AND '9999-12-31'", name="due_date"),
    # A tag a line, each of which ends. Beyond ASCII, Python and PostgreSQL may lower differently.
    CheckConstraint(
        f"cardinality(tags) <= {MAX_TAGS} AND tags::text !~ '[A-Z\\n]'"
        " AND array_to_string(array_append(tags, ''), E'\\n')"
        f" ~ '^((?! )[^\\n]{{1,{MAX_TAG}}}(?<! )\\n)*$'",
        name="tags",
    ),
)


def sort_key(sort: str, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return what a value is sorted by; never null, so that two compare as PostgreSQL's rows do."""
    match sort:
        case "title" | "-title":
            return func.lower(value)
        case "priority" | "-priority":
            return func.array_position(literal_column(f"ARRAY{list(PRIORITIES)}"), value)
        case "due_date":
            return func.coalesce(value, literal_column("'infinity'::date"))
        case "-due_date":
            return func.coalesce(value, literal_column("'-infinity'::date"))
    return value


Index(None, tasks.c.user_id, tasks.c.created_at.desc(), tasks.c.id.desc())
# To sort 10,000 tasks of one user takes 15 ms, to walk an index a twentieth of one. The price is
# paid by writes: an update touches every index, and five times the write-ahead log.
for name, sort in {
    "updated_at": "updated_at",
    "title": "title",
    "priority": "priority",
    "due_date": "due_date",
    "due_date_descending": "-due_date",
}.items():
    key = sort_key(sort, tasks.c[sort.removeprefix("-")])
    Index(f"ix_tasks_user_id_{name}", tasks.c.user_id, key, tasks.c.id)
