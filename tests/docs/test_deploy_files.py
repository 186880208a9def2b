"""The files under deploy/ name known keys and settings, and what can run without Docker runs."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml  # type: ignore[import-untyped]

from tests import ROOT, SECRET
from tests.docs.markdown import first_code, rows
from tests.support.balancer import DEPLOY, NGINX, Nginx
from tests.support.client import Token
from tests.support.postgres import NewDatabase
from tests.support.serving import Server, ask
from todo_api import embedded

RELEASE = ["flask", "db", "upgrade"]
SETTINGS = set(first_code(rows(ROOT / "docs/configuration.md", "variable")))
# The keys of each platform's documentation that the files use.
KEYS = {
    "compose.yaml": "x-image services migrate api proxy image build read_only tmpfs cap_drop"
    " security_opt command environment depends_on condition restart stop_grace_period ports"
    " volumes",
    "fly.toml": "app primary_region kill_signal kill_timeout deploy release_command strategy env"
    " http_service internal_port force_https auto_stop_machines min_machines_running concurrency"
    " type soft_limit hard_limit checks method path interval timeout grace_period vm memory"
    " cpu_kind cpus",
    "render.yaml": "services type name runtime plan dockerfilePath preDeployCommand"
    " healthCheckPath maxShutdownDelaySeconds numInstances envVars key sync value",
    "railway.json": "$schema build builder dockerfilePath deploy preDeployCommand healthcheckPath"
    " healthcheckTimeout numReplicas overlapSeconds drainingSeconds restartPolicyType",
    "cloudrun.yaml": "apiVersion kind metadata name spec template annotations"
    " autoscaling.knative.dev/minScale autoscaling.knative.dev/maxScale containerConcurrency"
    " timeoutSeconds containers image ports containerPort env value valueFrom secretKeyRef key"
    " resources limits cpu memory startupProbe livenessProbe httpGet path port periodSeconds"
    " failureThreshold",
}
READERS = {".yaml": yaml.safe_load, ".json": json.loads, ".toml": tomllib.loads}


def read(name: str) -> Any:
    file = DEPLOY / name
    return READERS[file.suffix](file.read_text())


def walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every key of a file with its value."""
    if isinstance(value, dict):
        yield from value.items()
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    for item in items:
        yield from walk(item)


@pytest.mark.parametrize("name", KEYS)
def test_every_key_is_known_and_every_variable_is_a_setting(name: str) -> None:
    keys = {key for key, _ in walk(read(name))}
    variables = {key for key in keys if key.isupper()}
    assert keys - variables == set(KEYS[name].split())
    named = {str(value) for key, value in walk(read(name)) if key in ("key", "name")}
    assert variables | {each for each in named if each.isupper()} <= SETTINGS


@pytest.mark.parametrize("name", KEYS)
def test_no_secret_has_a_value(name: str) -> None:
    text = (DEPLOY / name).read_text()
    assert "postgres://" not in text
    assert "postgresql://" not in text
    values = [str(value) for key, value in walk(read(name)) if key.startswith("BETTER_AUTH_SECRET")]
    assert [value for value in values if not value.startswith("${")] == []


@pytest.mark.parametrize("name", [name for name in KEYS if name != "cloudrun.yaml"])
def test_release_migrates(name: str) -> None:
    names = ("release_command", "preDeployCommand", "command")
    (release,) = (value for key, value in walk(read(name)) if key in names)
    words = release if isinstance(release, list) else [release]
    assert " ".join(words).split() == RELEASE


@pytest.mark.parametrize("name", [name for name in KEYS if name != "compose.yaml"])
def test_probe_is_an_endpoint(name: str) -> None:
    names = ("path", "healthCheckPath", "healthcheckPath")
    paths = {value for key, value in walk(read(name)) if key in names}
    assert {"/ready"} <= paths <= {"/ready", "/health"}


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_commands_of_compose_migrate_and_serve_behind_nginx(
    new_database: NewDatabase, folder: Path, token: Token, user: str
) -> None:
    services = read("compose.yaml")["services"]
    assert 'CMD ["gunicorn"]' in (ROOT / "Dockerfile").read_text()
    with new_database() as url:
        given = {"DATABASE_URL": url, "BETTER_AUTH_SECRET": SECRET, "PATH": os.environ["PATH"]}
        release = {name: given.get(name, "") for name in services["migrate"]["environment"]}
        command = [
            str(Path(sys.executable).with_name("flask")),
            *services["migrate"]["command"][1:],
        ]
        subprocess.run(command, cwd=ROOT, env=release, check=True, capture_output=True)
        with (
            Server(folder / "log", url, WEB_CONCURRENCY="2") as server,
            Nginx(folder, [server.port]) as proxy,
        ):
            connection, signed = proxy.connect(), token(user)
            body = b'{"title": "x"}'
            response, task = ask(connection, "POST", "/api/tasks", signed, body)
            assert response.status == 201
            assert ask(connection, "GET", response.headers["Location"], signed)[1] == task
            large = b'{"title": "' + b"x" * 200_000 + b'"}'
            _, error = ask(connection, "POST", "/api/tasks", signed, large)
            assert error["error_type"] == "payload_too_large_error"
            query = "/api/tasks?q=x&tag=" + "x" * 6_000
            assert ask(connection, "GET", query, signed)[0].status == 400


def test_roles_of_the_file_migrate_and_serve_without_a_warning(
    new_database: NewDatabase, user: str
) -> None:
    suffix = user.replace("-", "_")
    sql = (DEPLOY / "roles.sql").read_text()
    for role in ("todo_owner", "todo_service"):
        sql = sql.replace(role, f"{role}_{suffix}")
    path = f"{os.environ['PATH']}:{embedded.find_programs()}"
    with new_database() as url:
        admin = sa.make_url(url).set(drivername="postgresql")
        owner, service = (
            admin.set(username=f"todo_{name}_{suffix}", password=suffix).render_as_string(False)
            for name in ("owner", "service")
        )
        environ = {"PATH": path, "BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": service}
        environ |= {"DATABASE_URL_UNPOOLED": owner}
        secrets = [f"--set={name}_password={suffix}" for name in ("owner", "service")]
        psql(admin.render_as_string(False), sql, path, *secrets)
        try:
            run_flask(environ, "db", "upgrade")
            revoke = f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM todo_service_{suffix}"
            psql(owner, revoke, path)
            found = run_flask(environ, "doctor").splitlines()
            by_name = {line[6:16].strip(): line for line in found}
            assert by_name["rights"].endswith(
                "SELECT, INSERT, UPDATE, DELETE; the role owns nothing"
            )
            assert by_name["migrations"].startswith("ok")
            assert by_name["schema"].startswith("ok    schema      revision")
            assert [line for line in found if not line.startswith("ok ")] == []
        finally:
            for role in (f"todo_service_{suffix}", f"todo_owner_{suffix}"):
                drop = f"DROP OWNED BY {role}; DROP ROLE {role}"
                psql(admin.render_as_string(False), drop, path)


def psql(url: str, sql: str, path: str, *options: str) -> None:
    command = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *options, url]
    ran = subprocess.run(command, input=sql, env={"PATH": path}, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def run_flask(environ: dict[str, str], *arguments: str) -> str:
    command = [str(Path(sys.executable).with_name("flask")), *arguments]
    ran = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout
