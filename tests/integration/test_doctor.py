"""`flask doctor`: one line for each thing it checks, and exit code 1 if the service cannot work."""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from time import time

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask

from tests import ROOT, SECRET
from tests.support.client import MakeApp
from tests.support.pooler import PGBOUNCER, Pooler
from tests.support.processes import run
from tests.support.programs import needs
from tests.support.roles import role_with
from todo_api import create_app
from todo_api.commands import doctor
from todo_api.config import Config
from todo_api.config_rules import EMBEDDED
from todo_api.database import embedded
from todo_api.database.models import metadata
from todo_api.http import clock

NEWEST = max(path.name[:4] for path in (ROOT / "migrations/versions").glob("0*.py"))
ALL_RIGHTS = "SELECT, INSERT, UPDATE, DELETE ON tasks, accounts"
BehindTLS = Callable[[str, str], Flask]
needs_pgbouncer = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed")


def run_doctor(app: Flask) -> Result:
    with app.app_context():  # not that of another application in the test
        return app.test_cli_runner().invoke(args=["doctor"])


def examine(app: Flask) -> tuple[int, dict[str, str]]:
    """Return the exit code, and the line for each thing without its name."""
    ran = run_doctor(app)
    assert isinstance(ran.exception, SystemExit | None), ran.exc_info
    lines = [
        re.fullmatch(r"(ok  |warn|fail)  (\w+) +(\S.*)", line) for line in ran.output.splitlines()
    ]
    return ran.exit_code, {found[2]: f"{found[1].strip()} {found[3]}" for found in lines if found}


def test_sound_service_is_healthy_and_no_secret_is_printed(shared: Flask) -> None:
    with role_with(shared, ALL_RIGHTS) as app:
        output = run_doctor(app).output
        code, lines = examine(app)
        password = sa.make_url(app.extensions["settings"].database_url).password
    assert code == 0
    assert [line.partition(" ")[0] for line in lines.values()] == ["ok"] * len(lines)
    checked = "settings connection tls server writes encoding schema rights pooler clock"
    assert list(lines) == checked.split()
    assert lines["encoding"] == "ok UTF8, locale C.UTF-8"
    assert lines["schema"] == "ok every column is there (the role may not read the revision)"
    assert lines["rights"] == "ok SELECT, INSERT, UPDATE, DELETE; the role owns nothing"
    assert lines["pooler"] == "ok none: the connection is direct"
    assert re.fullmatch(r"ok this machine is 0\.\d s (behind|ahead)", lines["clock"])
    assert SECRET not in output
    assert f":{password}" not in output


def test_absent_database_fails_with_the_reason(make_app: MakeApp) -> None:
    app = make_app(database_url="postgresql://u:hunter2@127.0.0.1:1/db", database_url_unpooled=None)
    code, lines = examine(app)
    assert code == 1
    assert lines["connection"].startswith('fail connection to server at "127.0.0.1", port 1 failed')
    assert lines["connection"].endswith(
        "Connection refused. Is the server running on that host and"
        " accepting TCP/IP connections. Check DATABASE_URL."
    )


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("limit", ["ROLE", "DATABASE"])
def test_database_without_a_free_connection_fails_with_what_to_do(
    empty: Flask, limit: str, direct: bool
) -> None:
    with role_with(empty, "USAGE ON SCHEMA public") as app:
        url = sa.make_url(app.extensions["settings"].database_url)
        name = {"ROLE": url.username, "DATABASE": url.database}[limit]
        with empty.extensions["engine"].connect() as connection:
            connection.exec_driver_sql(f"ALTER {limit} {name} CONNECTION LIMIT 0")
            full = app.extensions["settings"].database_url
            code, lines = examine(create_app(Config(SECRET, full, database_url_unpooled=full)))
    line = lines["migrations" if direct else "connection"]
    assert code == 1
    assert re.search(rf"too many connections for {limit.lower()} \S+\. No connection is", line)
    assert line.endswith("or raise the limit, such as max_connections.")


def test_read_only_database_fails(shared: Flask) -> None:
    with role_with(shared, ALL_RIGHTS) as app:
        role = sa.make_url(app.extensions["settings"].database_url).username
        with shared.extensions["engine"].connect() as connection:
            connection.exec_driver_sql(f"ALTER ROLE {role} SET default_transaction_read_only = on")
        code, lines = examine(app)
    assert code == 1
    assert lines["writes"].startswith("fail the database is read-only.")


def test_missing_rights_fail_with_the_statement_that_grants_them(shared: Flask) -> None:
    with role_with(shared, "SELECT, INSERT, UPDATE ON tasks, accounts") as app:
        code, lines = examine(app)
        role = sa.make_url(app.extensions["settings"].database_url).username
    assert code == 1
    assert lines["rights"] == (
        "fail no DELETE on accounts, DELETE on tasks. As the owner:"
        f" GRANT SELECT, INSERT, UPDATE, DELETE ON accounts, tasks TO {role}"
    )


def test_right_to_change_the_revision_is_a_warning(shared: Flask) -> None:
    with role_with(shared, f"{ALL_RIGHTS}, alembic_version") as app:
        code, lines = examine(app)
        role = sa.make_url(app.extensions["settings"].database_url).username
    assert (code, lines["rights"]) == (
        0,
        "warn the role may change alembic_version."
        f" As the owner: REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {role}",
    )


@pytest.mark.parametrize("option", ["CREATEDB", "CREATEROLE", "BYPASSRLS"])
def test_powerful_role_is_a_warning(shared: Flask, option: str) -> None:
    with role_with(shared, ALL_RIGHTS, option) as app:
        code, lines = examine(app)
    assert (code, lines["rights"].partition(".")[0]) == (
        0,
        "warn the role may create roles or databases",
    )


def test_owner_of_the_tables_is_a_warning(shared: Flask) -> None:
    code, lines = examine(shared)
    assert (code, lines["rights"].partition(".")[0]) == (0, "warn the role owns the tables")


def test_rights_of_the_embedded_database_are_fine(
    shared: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sa.make_url(shared.extensions["settings"].database_url).set(drivername="postgresql")
    monkeypatch.setattr(embedded, "start", lambda _: url.render_as_string(hide_password=False))
    app = create_app(Config(SECRET, EMBEDDED))
    assert examine(app)[1]["rights"] == "ok all, because this PostgreSQL is for development"
    app.extensions["engine"].dispose()


def test_absent_schema_fails_and_names_the_command(empty: Flask) -> None:
    others = sum(len(table.c) for table in metadata.tables.values()) - 1
    line = f"fail the database has no accounts.user_id and {others} more columns."
    code, lines = examine(empty)
    assert (code, lines["schema"]) == (1, f"{line} Run: flask db upgrade")


def claim(app: Flask, revision: str) -> None:
    """Change the recorded revision to that of another version."""
    with app.extensions["engine"].connect() as connection:
        connection.execute(
            sa.text("UPDATE alembic_version SET version_num = :it"), {"it": revision}
        )


def test_old_revision_fails_and_names_the_command(migrated: Flask) -> None:
    claim(migrated, "0008")
    code, lines = examine(migrated)
    line = f"fail revision 0008. This version needs {NEWEST}."
    assert (code, lines["schema"]) == (1, f"{line} Run: flask db upgrade")


def test_newest_revision_is_fine(shared: Flask) -> None:
    assert examine(shared)[1]["schema"] == f"ok revision {NEWEST}"


def test_newer_schema_is_fine(migrated: Flask) -> None:
    claim(migrated, "9999")
    code, lines = examine(migrated)
    line = f"ok revision 9999, newer than {NEWEST} of this version, which works"
    assert (code, lines["schema"]) == (0, line)


@pytest.fixture
def database(server: str, request: pytest.FixtureRequest) -> Iterator[Flask]:
    """The service with a database that is created with the options of the test."""
    url = sa.make_url(server)
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    name = f"test_{uuid.uuid4().hex}"
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0 {request.param}")
    url = url.set(database=name)
    app = create_app(Config(SECRET, url.render_as_string(hide_password=False)))
    yield app
    app.extensions["engine"].dispose()
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize(
    ("database", "line"),
    [
        ("ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'", "fail LATIN1. Create a database"),
        ("ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C'", "warn UTF8, locale C. Search and"),
    ],
    indirect=["database"],
)
def test_encoding_and_locale_are_checked(database: Flask, line: str) -> None:
    assert examine(database)[1]["encoding"].startswith(line)


def test_old_server_is_a_warning(shared: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "OLDEST_TESTED", 99)
    assert re.fullmatch(
        r"warn PostgreSQL [\d.]+\. .* Upgrade the server\.", examine(shared)[1]["server"]
    )


@pytest.mark.parametrize(
    ("seconds", "line"),
    [
        (-20, r"behind\. .* refuses new tokens \(not_yet_valid\), and accepts expired ones\."),
        (20, r"ahead\. .* refuses valid tokens \(expired\)\."),
    ],
)
def test_wrong_clock_fails(
    shared: Flask, monkeypatch: pytest.MonkeyPatch, seconds: int, line: str
) -> None:
    for module in (doctor, clock):
        monkeypatch.setattr(module, "time", lambda: time() + seconds)
    code, lines = examine(shared)
    assert code == 1
    assert re.fullmatch(rf"fail this machine is (1\d|20)\.\d s {line}", lines["clock"])


@needs_pgbouncer
@pytest.mark.parametrize(
    ("direct", "line"),
    [
        (None, "warn a pooler or proxy is in between. For flask db upgrade, set"),
        ("direct", "ok a pooler or proxy is in between"),
    ],
)
def test_pooler_is_found(
    server: str, folder: Path, shared: Flask, direct: str | None, line: str
) -> None:
    url = shared.extensions["settings"].database_url
    with Pooler(server, folder) as pooler:
        app = create_app(
            Config(SECRET, pooler.url(url), database_url_unpooled=url if direct else None)
        )
        assert examine(app)[1]["pooler"].startswith(line)
        app.extensions["engine"].dispose()


@pytest.fixture
def behind_tls(server: str, folder: Path, shared: Flask) -> Iterator[BehindTLS]:
    """Make the service with a database behind a pooler that has a certificate."""
    make_certificate(folder, "db.example.com")
    more = f"client_tls_sslmode = allow\nclient_tls_key_file = {folder}/key.pem\n"
    more += f"client_tls_cert_file = {folder}/certificate.pem"
    with Pooler(server, folder, more=more) as pooler, ExitStack() as stack:
        url = sa.make_url(pooler.url(shared.extensions["settings"].database_url))

        def make(host: str, sslmode: str) -> Flask:
            query = {"hostaddr": "127.0.0.1", "sslmode": sslmode}
            query |= {"sslrootcert": f"{folder}/certificate.pem"} if "verify" in sslmode else {}
            direct = url.set(drivername="postgresql", host=host, query=query)
            app = create_app(Config(SECRET, direct.render_as_string(hide_password=False)))
            stack.callback(app.extensions["engine"].dispose)
            return app

        yield make


@needs_pgbouncer
@needs("openssl")
@pytest.mark.parametrize(
    ("host", "sslmode", "line"),
    [
        ("db.example.com", "disable", "warn none. If others can listen, add to DATABASE_URL: ssl"),
        ("127.0.0.1", "disable", "ok none, and none is needed on one machine"),
        ("db.example.com", "require", "warn TLSv1.3, but nothing verifies the server."),
        ("db.example.com", "verify-full", "ok TLSv1.3, with a verified certificate"),
    ],
)
def test_tls_is_checked(behind_tls: BehindTLS, host: str, sslmode: str, line: str) -> None:
    assert examine(behind_tls(host, sslmode))[1]["tls"].startswith(line)


@needs_pgbouncer
@needs("openssl")
def test_home_of_another_user_fails_with_what_to_do(
    behind_tls: BehindTLS, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "home").symlink_to(folder / "home")  # root may read every folder, but no loop
    monkeypatch.setenv("HOME", str(folder / "home"))
    code, lines = examine(behind_tls("127.0.0.1", "require"))
    assert code == 1
    assert f'could not open certificate file "{folder}/home/.postgresql/' in lines["connection"]
    assert lines["connection"].endswith("Set HOME to one that the user of this process may read.")


def make_certificate(folder: Path, host: str) -> None:
    done = run(
        [
            *("openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "1"),
            *("-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"),
            *("-keyout", folder / "key.pem", "-out", folder / "certificate.pem"),
        ]
    )
    assert done.returncode == 0, done.stderr


def with_direct(app: Flask, direct: str) -> tuple[int, str]:
    """Return the exit code and what is said about the direct URL."""
    url = app.extensions["settings"].database_url
    both = create_app(Config(SECRET, url, database_url_unpooled=direct))
    code, lines = examine(both)
    both.extensions["engine"].dispose()
    return code, lines["migrations"]


def test_direct_url_of_the_owner_is_fine(shared: Flask) -> None:
    code, line = with_direct(shared, shared.extensions["settings"].database_url)
    assert code == 0
    assert line.startswith("ok role ")


def test_absent_direct_host_fails(shared: Flask) -> None:
    code, line = with_direct(shared, "postgresql://u:hunter2@127.0.0.1:1/db")
    assert code == 1
    assert line.startswith("fail connection to server at")
    assert line.endswith("Check DATABASE_URL_UNPOOLED.")


def test_direct_url_of_a_role_that_owns_nothing_fails(shared: Flask) -> None:
    with role_with(shared, ALL_RIGHTS) as limited:
        code, line = with_direct(shared, limited.extensions["settings"].database_url)
    assert code == 1
    assert line.endswith("Set DATABASE_URL_UNPOOLED to the URL of their owner.")


@needs_pgbouncer
def test_direct_url_that_names_a_pooler_is_a_warning(
    server: str, folder: Path, shared: Flask
) -> None:
    with Pooler(server, folder) as pooler:
        url = sa.make_url(pooler.url(shared.extensions["settings"].database_url))
        query = {"hostaddr": "127.0.0.1", "sslmode": "disable"}
        url = url.set(drivername="postgresql", host="ep-x-pooler.invalid", query=query)
        code, line = with_direct(shared, url.render_as_string(hide_password=False))
    assert (code, line) == (
        0,
        "warn ep-x-pooler.invalid is a pooler. Set DATABASE_URL_UNPOOLED to the direct URL.",
    )
