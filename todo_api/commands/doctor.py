"""`flask doctor`: check what the service needs of its settings, its database and its role."""

from collections.abc import Iterator
from time import time
from typing import Any, NamedTuple

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
    " coalesce(has_table_privilege(to_regclass('alembic_version'), 'SELECT'), false)"
    " AS shows_revision,"
    " coalesce(has_table_privilege(to_regclass('alembic_version'), 'INSERT, UPDATE, DELETE'),"
    " false) AS writes_revision,"
    " ARRAY(SELECT name FROM unnest(:tables) AS name JOIN pg_class ON oid = to_regclass(name)"
    " WHERE pg_has_role(relowner, 'USAGE')) AS owned,"
    " ARRAY(SELECT name FROM unnest(:tables) AS name JOIN pg_class ON oid = to_regclass(name)"
    " WHERE NOT pg_has_role(relowner, 'USAGE')) AS not_owned,"
    " ARRAY(SELECT kind || ' on ' || name FROM unnest(:tables) AS name, unnest(:rights) AS kind"
    " WHERE NOT has_table_privilege(to_regclass(name), kind)) AS missing_rights"
    " FROM pg_database AS d, pg_roles WHERE datname = current_database()"
    " AND rolname = current_user"
).bindparams(
    bindparam("tables", TABLES, ARRAY(Text)), bindparam("rights", list(RIGHTS), ARRAY(Text))
)


class Finding(NamedTuple):
    """One line. `warn` means that the service works, `fail` that it does not."""

    state: str
    name: str
    text: str


def examine() -> bool:
    """Print a line for each finding. Return whether none is a failure."""
    works = True
    for finding in check():
        click.echo(f"{finding.state:4}  {finding.name:10}  {finding.text}")
        works = works and finding.state != "fail"
    return works


def check() -> Iterator[Finding]:
    origins = ", ".join(settings().frontend_origins)
    yield Finding("ok", "settings", f"valid, for pages on {origins}")  # else no command would start
    try:
        with application().extensions["engine"].connect() as connection:
            yield from check_in_database(connection)
    except DBAPIError as error:
        yield Finding("fail", "connection", failure_reason(error, "Check DATABASE_URL."))
    if settings().database_url_unpooled:
        yield check_in_migrations()


def check_in_database(connection: Connection) -> Iterator[Finding]:
    info = connection.connection.dbapi_connection.info  # type: ignore[union-attr]
    facts = connection.execute(FACTS).one()
    asked = time()
    found = connection.execute(READINESS).one()
    behind = seconds_behind(found.clock, asked)
    server = f"port {info.port} of {info.host}"
    development = ", which is for development" if settings().database_url == EMBEDDED else ""
    yield Finding(
        "ok", "connection", f"database {info.dbname} on {server}, role {facts.role}{development}"
    )
    yield check_tls(info)
    yield check_version(facts)
    yield check_writable(facts)
    yield check_encoding(facts)
    yield check_schema(connection, facts, schema_problem(found))
    yield check_rights(facts)
    yield check_pooler(is_pooled(info, facts))
    yield check_clock(behind)


def check_tls(info: Any) -> Finding:
    if info.ssl_in_use:
        protocol = info.ssl_attribute("protocol")
        if info.dsn_parameters["sslmode"] in ("verify-ca", "verify-full"):
            return Finding("ok", "tls", f"{protocol}, with a verified certificate")
        advice = f"To verify it, add to DATABASE_URL: {VERIFY}"
        return Finding("warn", "tls", f"{protocol}, but nothing verifies the server. {advice}")
    if info.host.startswith("/") or info.host in ("localhost", "127.0.0.1", "::1"):
        return Finding("ok", "tls", "none, and none is needed on one machine")
    return Finding("warn", "tls", f"none. If others can listen, add to DATABASE_URL: {VERIFY}")


def check_version(facts: Row[Any]) -> Finding:
    if facts.major < OLDEST_TESTED:
        advice = f"The tests run on {OLDEST_TESTED} and newer. Upgrade the server."
        return Finding("warn", "server", f"PostgreSQL {facts.version}. {advice}")
    return Finding("ok", "server", f"PostgreSQL {facts.version}")


def check_writable(facts: Row[Any]) -> Finding:
    if facts.read_only:
        advice = "Is it a standby, or out of space? Set DATABASE_URL to the primary."
        return Finding("fail", "writes", f"the database is read-only. {advice}")
    return Finding("ok", "writes", "the database is not read-only")


def check_encoding(facts: Row[Any]) -> Finding:
    if facts.encoding != "UTF8":
        advice = "Create a database with ENCODING 'UTF8'."
        return Finding("fail", "encoding", f"{facts.encoding}. {advice}")
    if facts.locale in ("C", "POSIX"):
        advice = "Search and order treat only ASCII letters right. Use a database with C.UTF-8."
        return Finding("warn", "encoding", f"UTF8, locale {facts.locale}. {advice}")
    return Finding("ok", "encoding", f"UTF8, locale {facts.locale}")


def check_schema(connection: Connection, facts: Row[Any], problem: str | None) -> Finding:
    if problem:
        return Finding("fail", "schema", problem)
    if not facts.shows_revision:
        return Finding("ok", "schema", "every column is there (the role may not read the revision)")
    revision = connection.execute(text("SELECT max(version_num) FROM alembic_version")).scalar_one()
    needed = newest_migration()
    if revision is None or revision < needed:
        advice = f"This version needs {needed}. Run: flask db upgrade"
        return Finding("fail", "schema", f"revision {revision}. {advice}")
    newer = f", newer than {needed} of this version, which works" if revision > needed else ""
    return Finding("ok", "schema", f"revision {revision}{newer}")


def check_rights(facts: Row[Any]) -> Finding:
    if facts.missing_rights:
        missing = ", ".join(facts.missing_rights)
        return Finding("fail", "rights", f"no {missing}. As the owner: {GRANT} {facts.role}")
    if settings().database_url == EMBEDDED:
        return Finding("ok", "rights", "all, because this PostgreSQL is for development")
    if facts.owned or facts.powerful:
        too_many = "owns the tables" if facts.owned else "may create roles or databases"
        return Finding(
            "warn", "rights", f"the role {too_many}. Use another role, with only: {GRANT} it"
        )
    if facts.writes_revision:
        advice = f"As the owner: REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {facts.role}"
        return Finding("warn", "rights", f"the role may change alembic_version. {advice}")
    return Finding("ok", "rights", f"{', '.join(RIGHTS)}; the role owns nothing")


def is_pooled(info: Any, facts: Row[Any]) -> bool:
    """Return whether a pooler or proxy is in between: it tells the client another process id."""
    return "-pooler" in info.host or info.backend_pid != facts.backend


def check_pooler(pooled: bool) -> Finding:
    if not pooled:
        return Finding("ok", "pooler", "none: the connection is direct")
    if not settings().database_url_unpooled:
        advice = "For flask db upgrade, set DATABASE_URL_UNPOOLED to the direct URL."
        return Finding("warn", "pooler", f"a pooler or proxy is in between. {advice}")
    return Finding("ok", "pooler", "a pooler or proxy is in between")


def check_clock(behind: float) -> Finding:
    """Compare this machine's clock, which decides when a token expires, with the database's."""
    word, effect = ("behind", BEHIND) if behind > 0 else ("ahead", AHEAD)
    difference = f"this machine is {abs(behind):.1f} s {word}"
    if abs(behind) > MAX_DIFFERENCE:
        advice = f"Set both clocks by NTP. If this one is wrong, the service {effect}."
        status = "fail" if abs(behind) > LEEWAY else "warn"
        return Finding(status, "clock", f"{difference}. {advice}")
    return Finding("ok", "clock", difference)


def check_in_migrations() -> Finding:
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
        reason = failure_reason(error, "Check DATABASE_URL_UNPOOLED.")
        return Finding("fail", "migrations", reason)
    if "-pooler" in host:
        advice = "Set DATABASE_URL_UNPOOLED to the direct URL."
        return Finding("warn", "migrations", f"{host} is a pooler. {advice}")
    if facts.not_owned:
        advice = "Set DATABASE_URL_UNPOOLED to the URL of their owner."
        return Finding("fail", "migrations", f"{facts.role} does not own the tables. {advice}")
    return Finding("ok", "migrations", f"role {facts.role} on {host}")
