"""The files under deploy/ name known keys and settings, and what can run without Docker runs."""

import json
import os
import re
import shlex
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml  # type: ignore[import-untyped]

from tests import ROOT, SECRET
from tests.docs.markdown import commands_for, first_code, rows
from tests.docs.runner import run_commands
from tests.support.api import location
from tests.support.balancer import DEPLOY, HAPROXY, NGINX, Balancer, Nginx, Proxy
from tests.support.client import Token
from tests.support.complete import assert_complete
from tests.support.postgres import NewDatabase
from tests.support.processes import run
from tests.support.programs import needs
from tests.support.serving import Endpoint, Server, answers, ask
from tests.support.waiting import wait_until
from todo_api.config import Config
from todo_api.database import embedded

needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
needs_haproxy = pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed")
RELEASE = ["flask", "db", "upgrade"]
SETTINGS = set(first_code(rows(ROOT / "docs/configuration.md", "variable")))
# The keys of each platform's documentation that the files use.
KEYS = {
    "compose.yaml": "x-image services migrate api proxy image build read_only tmpfs cap_drop"
    " security_opt command environment depends_on condition restart stop_grace_period ports"
    " volumes",
    "fly.toml": "app primary_region kill_signal kill_timeout deploy release_command strategy env"
    " http_service internal_port force_https auto_stop_machines concurrency"
    " type soft_limit hard_limit checks method path interval timeout grace_period vm memory"
    " cpu_kind cpus",
    "render.yaml": "services type name runtime plan region autoDeployTrigger dockerfilePath"
    " preDeployCommand healthCheckPath maxShutdownDelaySeconds numInstances envVars key sync value",
    "railway.json": "$schema build builder dockerfilePath deploy preDeployCommand healthcheckPath"
    " healthcheckTimeout numReplicas overlapSeconds drainingSeconds restartPolicyType",
    "cloudrun.yaml": "apiVersion kind metadata name spec template annotations"
    " run.googleapis.com/invoker-iam-disabled"
    " autoscaling.knative.dev/minScale autoscaling.knative.dev/maxScale containerConcurrency"
    " timeoutSeconds containers image ports containerPort env value valueFrom secretKeyRef key"
    " resources limits cpu memory startupProbe livenessProbe httpGet path port periodSeconds"
    " failureThreshold",
}
CREATE_DATABASE, CREATE_ROLES, SECOND_ROLE, END_FIRST_PASSWORD, DROP_SECOND_ROLE = commands_for(
    "test_deploy_files.py"
)
# 8 requests of one client, and 1 of another.
CLIENTS = [
    [*["203.0.113.1"] * 8, "203.0.113.2"],
    [*[f"2001:db8::{n}:1" for n in range(1, 9)], "2001:db8:0:1::1"],
]
LARGEST_PROCESS = 310  # MiB, docs/operations.md
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
    known = f"KEYS of tests/docs/test_deploy_files.py for {name}, if its platform knows them"
    assert_complete(set(KEYS[name].split()), keys - variables, known)
    named = {str(value) for key, value in walk(read(name)) if key in ("key", "name")}
    unknown = (variables | {each for each in named if each.isupper()}) - SETTINGS
    assert not unknown, f"correct deploy/{name}: the service has no such setting: {unknown}"


@needs("systemd-analyze")
@pytest.mark.parametrize("check", ["verify", "security --offline=true --threshold=15"])
def test_unit_is_valid_and_exposes_little(folder: Path, check: str) -> None:
    unit = folder / "todo-api.service"
    text = (DEPLOY / unit.name).read_text()
    unit.write_text(text.replace("/srv/todo-api/.venv", sys.prefix))
    checked = run(["systemd-analyze", *check.split(), unit])
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert unit.name not in checked.stderr


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


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("fly.toml", ["/health"]),
        ("render.yaml", ["/health"]),
        ("railway.json", ["/ready"]),
        ("cloudrun.yaml", ["/ready", "/health"]),
    ],
)
def test_only_a_probe_that_gates_a_release_uses_the_database(name: str, paths: list[str]) -> None:
    names = ("path", "healthCheckPath", "healthcheckPath")
    assert [value for key, value in walk(read(name)) if key in names] == paths


def test_platform_sends_no_more_requests_than_there_are_threads() -> None:
    fly, cloud_run = read("fly.toml"), read("cloudrun.yaml")["spec"]["template"]["spec"]
    limits = {fly["http_service"]["concurrency"]["hard_limit"], cloud_run["containerConcurrency"]}
    limits |= set(map(int, re.findall("maxconn ([0-9]+)", (DEPLOY / "haproxy.cfg").read_text())))
    assert limits == {2 * Config.pool_size}
    assert {processes(name) for name in ("fly.toml", "cloudrun.yaml")} == {1}


def test_machine_has_a_core_and_enough_memory_for_each_process() -> None:
    (machine,) = read("fly.toml")["vm"]
    (container,) = read("cloudrun.yaml")["spec"]["template"]["spec"]["containers"]
    limits = container["resources"]["limits"]
    for name, cores, memory in (
        ("fly.toml", machine["cpus"], machine["memory"]),
        ("cloudrun.yaml", limits["cpu"], limits["memory"]),
    ):
        assert processes(name) <= int(cores)
        assert processes(name) * LARGEST_PROCESS < int(re.sub(r"\D", "", memory))


def processes(name: str) -> int:
    (count,) = re.findall(r"WEB_CONCURRENCY\W+(?:value\W+)?(\d+)", (DEPLOY / name).read_text())
    return int(count)


@pytest.fixture(scope="module")
def composed(
    new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The service as compose.yaml migrates and serves it."""
    services = read("compose.yaml")["services"]
    assert 'CMD ["gunicorn"]' in (ROOT / "Dockerfile").read_text()
    url = new_database()
    given = {"DATABASE_URL": url, "BETTER_AUTH_SECRET": SECRET, "PATH": os.environ["PATH"]}
    release = {name: given.get(name, "") for name in services["migrate"]["environment"]}
    command = [
        str(Path(sys.executable).with_name("flask")),
        *services["migrate"]["command"][1:],
    ]
    migrated = run(command, cwd=ROOT, env=release)
    assert migrated.returncode == 0, migrated.stderr
    log = tmp_path_factory.mktemp("composed") / "log"
    with Server(log, url, WEB_CONCURRENCY="2") as server:
        wait_until(lambda: answers(server), "the service does not answer")
        yield server


@pytest.mark.parametrize(
    "proxy_class",
    [pytest.param(Nginx, marks=needs_nginx), pytest.param(Balancer, marks=needs_haproxy)],
)
def test_commands_of_compose_migrate_and_serve_behind_a_proxy(
    composed: Server, folder: Path, token: Token, user: str, proxy_class: type[Nginx | Balancer]
) -> None:
    with proxy_class(folder, [composed.port]) as proxy:
        connection, signed = proxy.connect(), token(user)
        body = b'{"title": "x"}'
        response, task = ask(connection, "POST", "/api/tasks", signed, body)
        assert response.status == 201
        assert ask(connection, "GET", location(response), signed)[1] == task
        large = b'{"title": "' + b"x" * 200_000 + b'"}'
        _, error = ask(connection, "POST", "/api/tasks", signed, large)
        assert error["error_type"] == "payload_too_large_error"
        query = "/api/tasks?q=x&tag=" + "x" * 6_000
        assert ask(connection, "GET", query, signed)[0].status == 400


@needs_nginx
@pytest.mark.parametrize("clients", CLIENTS, ids=["IPv4", "IPv6"])
def test_nginx_behind_a_proxy_limits_each_client(
    composed: Server, folder: Path, clients: list[str]
) -> None:
    lines = ("set_real_ip_from 10.0.0.0/8", "real_ip_header", "real_ip_recursive")
    changes = {f"#{line}": line for line in lines} | {"10.0.0.0/8": "127.0.0.1"}
    changes |= {"burst=100": "burst=5", "rate=50r/s": "rate=1r/m"}
    with Nginx(folder, [composed.port], changes) as proxy:
        assert_limits_each(proxy, clients)


@needs_nginx
def test_nginx_logs_no_search_whose_request_fails(config: Config, folder: Path) -> None:
    errors = folder / "errors"
    with (
        Server(folder / "log", config.database_url) as server,
        Nginx(
            folder, [server.port], {"error_log stderr emerg": f"error_log {errors} emerg"}
        ) as proxy,
    ):
        server.stop(server.process)
        response, _ = ask(proxy.connect(), "GET", "/api/tasks?q=private", "")
        assert response.status == 502
    assert "private" not in errors.read_text()


@needs_haproxy
@pytest.mark.parametrize("clients", CLIENTS, ids=["IPv4", "IPv6"])
def test_haproxy_behind_a_proxy_limits_each_client(
    composed: Server, folder: Path, clients: list[str]
) -> None:
    lines = ("http-request set-src", "http-request track-sc0")
    changes = {f"#{line}": line for line in lines} | {"tcp-request connection track-sc0": "#"}
    with Balancer(folder, [composed.port], changes | {"gt 500": "gt 5"}) as proxy:
        assert_limits_each(proxy, clients)


def assert_limits_each(proxy: Proxy, clients: list[str]) -> None:
    """Fail unless the last but one is refused, and the log has the address of each refusal."""
    statuses = [status(proxy, client) for client in clients]
    assert statuses[-2:] == [429, 200]
    # HAProxy counts by windows: where one ends, it refuses one request later.
    refused = {client for client, code in zip(clients, statuses, strict=True) if code == 429}
    wait_until(  # a line comes after its response
        lambda: {line["address"] for line in proxy.lines()} == refused,
        f"the log does not have {refused}",
    )


def status(proxy: Endpoint, client: str) -> int:
    """Return the status of a request that another proxy forwards for a client."""
    connection = proxy.connect()
    connection.request("GET", "/health", headers={"X-Forwarded-For": client})
    return connection.getresponse().status


@pytest.fixture
def roles(new_database: NewDatabase, folder: Path, user: str) -> Iterator[Callable[[str], str]]:
    """Run commands in a shell that has an admin of a database, with names of roles of their own.

    The admin may create roles and is no superuser.
    """
    suffix = user.replace("-", "_")
    admin, *others = (f"{name}_{suffix}" for name in ("admin", "todo_owner", "todo_service"))
    (folder / "roles.sql").write_text(with_suffix((DEPLOY / "roles.sql").read_text(), suffix))
    url = new_database()
    superuser = sa.make_url(url).set(drivername="postgresql")
    database = superuser.set(username=admin, password=suffix)
    place = database.render_as_string(hide_password=False).partition("@")[2]
    programs = f"{Path(sys.executable).parent}:{embedded.find_programs()}"
    environ = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "BETTER_AUTH_SECRET": SECRET,
        "SUPERUSER_URL": superuser.render_as_string(hide_password=False),
        "ADMIN_URL": database.render_as_string(hide_password=False),
        "DIRECT": place,
        "POOLED": place,
    }
    sql = f"CREATE ROLE {admin} LOGIN CREATEROLE PASSWORD '{suffix}'"
    own = f"ALTER DATABASE {superuser.database} OWNER TO {admin}"
    run_commands(as_superuser(sql, own), ROOT, environ)

    def run(commands: str) -> str:
        commands = commands.replace("deploy/roles.sql", f"{folder}/roles.sql")
        return run_commands(with_suffix(commands, suffix), ROOT, environ)

    try:
        yield run
    finally:
        drop = (
            f"REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}"
            for role in (*others[::-1], admin)
        )
        run_commands(as_superuser(*drop), ROOT, environ)


def with_suffix(text: str, suffix: str) -> str:
    return re.sub(r"todo_(owner|service)", rf"\g<0>_{suffix}", text)


def as_superuser(*statements: str) -> str:
    options = " ".join(f"--command={shlex.quote(each)}" for each in statements)
    return f'psql -X -q "$SUPERUSER_URL" --set=ON_ERROR_STOP=1 {options}'


RECORD = """psql() {
    printf '%s\\n' "$*" >>"$RECORDED"
    command psql "$@"
}"""


@pytest.mark.long
@needs("openssl")
def test_commands_create_roles_and_change_the_password_of_the_service(
    roles: Callable[[str], str], folder: Path
) -> None:
    """The second role may use the tables of later migrations too.

    No password is an argument of a program, which `ps` shows to every user.
    """
    recorded = folder / "arguments"
    table = 'psql "$DATABASE_URL_UNPOOLED" --command="CREATE TABLE later ()"'
    use = 'psql "$DATABASE_URL" --command="DELETE FROM later"'
    steps = [f"RECORDED={recorded}", RECORD]
    steps += [CREATE_ROLES, 'FIRST="$DATABASE_URL"; echo END', SECOND_ROLE, END_FIRST_PASSWORD]
    steps += ["unset -f psql"]
    refused = '! psql "$FIRST" --command="SELECT 1" 2>&1'
    printed = roles("\n".join([*steps, table, use, refused, "flask doctor"]))
    first, second = map(doctor_lines, printed.split("END\n"))
    assert first["rights"].endswith("SELECT, INSERT, UPDATE, DELETE; the role owns nothing")
    assert first["schema"].startswith("ok    schema      revision")
    assert "migrations" in first
    assert re.search("is not permitted to log in|password authentication failed", printed)
    assert "todo_service_user" in second["connection"]
    assert second["connection"].endswith("_2")
    lines = [*first.values(), *second.values()]
    assert [line for line in lines if not line.startswith("ok ")] == []
    roles(DROP_SECOND_ROLE)
    assert "REVOKE" in recorded.read_text()
    assert not re.search("[0-9a-f]{48}", recorded.read_text())


@needs("openssl")
def test_commands_create_a_database_and_its_owner(new_database: NewDatabase, user: str) -> None:
    suffix = user.replace("-", "_")
    commands = CREATE_DATABASE.replace("runuser -u postgres -- psql", 'psql "$SUPERUSER_URL"')
    own = re.sub(r"todo(_admin)?\b", rf"\g<0>_{suffix}", commands)
    created = (
        "SELECT rolname, rolcreaterole, rolsuper, pg_encoding_to_char(encoding), datctype"
        " FROM pg_database JOIN pg_roles ON pg_roles.oid = datdba WHERE rolname ~ '^todo_admin_'"
    )
    drop = (f"DROP DATABASE todo_{suffix}", f"DROP ROLE todo_admin_{suffix}")
    url = new_database()
    superuser = sa.make_url(url).set(drivername="postgresql")
    environ = {
        "PATH": f"{embedded.find_programs()}:{os.environ['PATH']}",
        "SUPERUSER_URL": superuser.render_as_string(hide_password=False),
    }
    printed = run_commands("\n".join([own, as_superuser(created, *drop)]), ROOT, environ)
    assert f"todo_admin_{suffix} | t             | f        | UTF8 " in printed
    assert "C.UTF-8" in printed


def doctor_lines(printed: str) -> dict[str, str]:
    """Return the lines of `flask doctor` by their names, the last where a name is there twice."""
    lines = (line for line in printed.splitlines() if line[4:6] == "  ")
    return {line[6:16].strip(): line for line in lines}
