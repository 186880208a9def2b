"""`flask doctor`: check what the service needs of its settings, its database and its role."""

from collections.abc import Iterator
from time import time
from typing import Any, Literal

import click
from sqlalchemy import ARRAY, Connection, NullPool, Row, Text, bindparam, create_engine, text
from sqlalchemy.exc import DBAPIError

from todo_api.config_rules import EMBEDDED
from todo_api.context import application, settings
from todo_api.database.models import metadata
from todo_api.database.schema_check import READINESS, newest_migration, schema_problem
from todo_api.database.url import connection_parameters
from todo_api.failures import failure_reason
from todo_api.http.auth import LEEWAY
from todo_api.http.clock import MAX_DIFFERENCE, seconds_behind

OLDEST_TESTED = 15
"""The oldest PostgreSQL that the tests run on."""
TABLES = sorted(metadata.tables)
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
GRANT = f"GRANT {', '.join(RIGHTS)} ON {', '.join(TABLES)} TO"
VERIFY = "sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt"
BEHIND = "refuses new tokens (not_yet_valid), and accepts expired ones"
AHEAD = "refuses valid tokens (expired)"

FACTS = text(
    "SELECT pg_backend_pid() AS backend,"
    " current_setting('server_version_num')::int / 10000 AS major,"
    " split_part(current_setting('server_version'), ' ', 1) AS version,"
    " current_setting('transaction_read_only')::bool AS read_only,"
    " pg_encoding_to_char(encoding) AS encoding,"
    # The name of this column differs between releases of PostgreSQL.
    " coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale', datcollate) AS locale,"
    " quote_ident(current_user) AS role,"
    " rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls AS powerful,"
    " ARRAY(SELECT kind FROM unnest(:rights) AS kind"
    " WHERE has_table_privilege(to_regclass('alembic_version'), kind)) AS revision_rights,"
    " ARRAY(SELECT pg_has_role(relowner, 'USAGE') FROM unnest(:tables) AS name"
    " JOIN pg_class ON oid = to_regclass(name)) AS owns,"
    " ARRAY(SELECT kind || ' on ' || name FROM unnest(:tables) AS name, unnest(:rights) AS kind"
    " WHERE NOT has_table_privilege(to_regclass(name), kind)) AS missing_rights"
    " FROM pg_database AS d, pg_roles WHERE datname = current_database()"
    " AND rolname = current_user"
).bindparams(
    bindparam("tables", TABLES, ARRAY(Text)), bindparam("rights", list(RIGHTS), ARRAY(Text))
)


Found = tuple[Literal["ok", "warn", "fail"], str]
"""A state and a text. `warn` means that the service works, `fail` that it does not."""


def examine() -> bool:
    """Print a line for each thing to check. Return whether none is a failure."""
    works = True
    for name, (state, words) in check():
        click.echo(f"{state:4}  {name:10}  {words}")
        works = works and state != "fail"
    return works


def check() -> Iterator[tuple[str, Found]]:
    origins = ", ".join(settings().frontend_origins)
    yield "settings", ("ok", f"valid, for pages on {origins}")  # else no command would start
    try:
        with application().extensions["engine"].connect() as connection:
            yield from check_in_database(connection)
    except DBAPIError as error:
        yield "connection", ("fail", failure_reason(error, "Check DATABASE_URL."))
    if settings().database_url_unpooled:
        yield "migrations", check_in_migrations()


def check_in_database(connection: Connection) -> Iterator[tuple[str, Found]]:
    info = connection.connection.dbapi_connection.info  # type: ignore[union-attr]
    facts = connection.execute(FACTS).one()
    asked = time()
    found = connection.execute(READINESS).one()
    behind = seconds_behind(found.clock, asked)
    server = f"port {info.port} of {info.host}"
    development = ", which is for development" if settings().database_url == EMBEDDED else ""
    place = f"database {info.dbname} on {server}, role {facts.role}{development}"
    yield "connection", ("ok", place)
    yield "tls", check_tls(info)
    yield "server", check_version(facts)
    yield "writes", check_writable(facts)
    yield "encoding", check_encoding(facts)
    yield "schema", check_schema(connection, facts, schema_problem(found))
    yield "rights", check_rights(facts)
    yield "pooler", check_pooler(info, facts)
    yield "clock", check_clock(behind)


def check_tls(info: Any) -> Found:
    if info.ssl_in_use:
        protocol = info.ssl_attribute("protocol")
        if info.dsn_parameters["sslmode"] in ("verify-ca", "verify-full"):
            return "ok", f"{protocol}, with a verified certificate"
        advice = f"To verify it, add to DATABASE_URL: {VERIFY}"
        return "warn", f"{protocol}, but nothing verifies the server. {advice}"
    if info.host.startswith("/") or info.host in ("localhost", "127.0.0.1", "::1"):
        return "ok", "none, and none is needed on one machine"
    return "warn", f"none. If others can listen, add to DATABASE_URL: {VERIFY}"


def check_version(facts: Row[Any]) -> Found:
    version = f"PostgreSQL {facts.version}"
    if facts.major < OLDEST_TESTED:
        return "warn", f"{version}. The tests run on {OLDEST_TESTED} and newer. Upgrade the server."
    return "ok", version


def check_writable(facts: Row[Any]) -> Found:
    if facts.read_only:
        advice = "Is it a standby, or out of space? Set DATABASE_URL to the primary."
        return "fail", f"the database is read-only. {advice}"
    return "ok", "the database is not read-only"


def check_encoding(facts: Row[Any]) -> Found:
    if facts.encoding != "UTF8":
        return "fail", f"{facts.encoding}. Create a database with ENCODING 'UTF8'."
    if facts.locale in ("C", "POSIX"):
        advice = "Search and order treat only ASCII letters right. Use a database with C.UTF-8."
        return "warn", f"UTF8, locale {facts.locale}. {advice}"
    return "ok", f"UTF8, locale {facts.locale}"


def check_schema(connection: Connection, facts: Row[Any], problem: str | None) -> Found:
    if problem:
        return "fail", problem
    if "SELECT" not in facts.revision_rights:
        return "ok", "every column is there (the role may not read the revision)"
    revision = connection.execute(text("SELECT max(version_num) FROM alembic_version")).scalar_one()
    needed = newest_migration()
    if revision is None or revision < needed:
        return "fail", f"revision {revision}. This version needs {needed}. Run: flask db upgrade"
    newer = f", newer than {needed} of this version, which works" if revision > needed else ""
    return "ok", f"revision {revision}{newer}"


def check_rights(facts: Row[Any]) -> Found:
    if facts.missing_rights:
        missing = ", ".join(facts.missing_rights)
        return "fail", f"no {missing}. As the owner: {GRANT} {facts.role}"
    if settings().database_url == EMBEDDED:
        return "ok", "all, because this PostgreSQL is for development"
    if any(facts.owns) or facts.powerful:
        too_many = "owns the tables" if any(facts.owns) else "may create roles or databases"
        return "warn", f"the role {too_many}. Use another role, with only: {GRANT} it"
    if set(facts.revision_rights) - {"SELECT"}:
        advice = f"As the owner: REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {facts.role}"
        return "warn", f"the role may change alembic_version. {advice}"
    return "ok", f"{', '.join(RIGHTS)}; the role owns nothing"


def check_pooler(info: Any, facts: Row[Any]) -> Found:
    """Find a pooler or proxy: it tells the client another process id than the server's."""
    if "-pooler" not in info.host and info.backend_pid == facts.backend:
        return "ok", "none: the connection is direct"
    if not settings().database_url_unpooled:
        advice = "For flask db upgrade, set DATABASE_URL_UNPOOLED to the direct URL."
        return "warn", f"a pooler or proxy is in between. {advice}"
    return "ok", "a pooler or proxy is in between"


def check_clock(behind: float) -> Found:
    """Compare this machine's clock, which decides when a token expires, with the database's."""
    word, effect = ("behind", BEHIND) if behind > 0 else ("ahead", AHEAD)
    difference = f"this machine is {abs(behind):.1f} s {word}"
    if abs(behind) > MAX_DIFFERENCE:
        advice = f"Set both clocks by NTP. If this one is wrong, the service {effect}."
        return ("fail" if abs(behind) > LEEWAY else "warn"), f"{difference}. {advice}"
    return "ok", difference


def check_in_migrations() -> Found:
    """Check the direct URL."""
    parameters = connection_parameters(str(settings().database_url_unpooled))
    engine = create_engine(
        "postgresql+psycopg2://", connect_args=parameters, poolclass=NullPool, hide_parameters=True
    )
    try:
        with engine.connect() as connection:
            facts = connection.execute(FACTS).one()
            host = connection.connection.dbapi_connection.info.host  # type: ignore[union-attr]
    except DBAPIError as error:
        return "fail", failure_reason(error, "Check DATABASE_URL_UNPOOLED.")
    if "-pooler" in host:
        return "warn", f"{host} is a pooler. Set DATABASE_URL_UNPOOLED to the direct URL."
    if not all(facts.owns):
        advice = "Set DATABASE_URL_UNPOOLED to the URL of their owner."
        return "fail", f"{facts.role} does not own the tables. {advice}"
    return "ok", f"role {facts.role} on {host}"
