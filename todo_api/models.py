"""The tables, each limit of the API held as a constraint."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    MetaData,
    Table,
    Text,
    false,
    func,
)

MAX_ID = 2**63 - 1  # PostgreSQL's bigint
MAX_TITLE = 200
MAX_DESCRIPTION = 10_000
MAX_USER_ID = 255

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
    CheckConstraint(
        f"char_length(user_id) BETWEEN 1 AND {MAX_USER_ID} AND btrim(user_id, {ASCII_SPACE}) <> ''",
        name="user_id",
    ),
    CheckConstraint(
        f"char_length(title) BETWEEN 1 AND {MAX_TITLE} AND title = btrim(title, {ASCII_SPACE})",
        name="title",
    ),
    CheckConstraint(f"char_length(description) <= {MAX_DESCRIPTION}", name="description"),
)
Index(None, tasks.c.user_id, tasks.c.created_at.desc(), tasks.c.id.desc())
