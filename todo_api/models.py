"""The tables. Each limit of the API is a constraint. paging.py has the indexes of sort orders."""

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
    Table,
    Text,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from todo_api.limits import (
    MAX_DESCRIPTION_LENGTH,
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
)


Index(None, tasks.c.user_id, tasks.c.created_at.desc(), tasks.c.id.desc())
