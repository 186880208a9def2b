"""The log of ten thousand requests."""

import json
import re
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import sqlalchemy as sa

from tests import ROOT, SECRET
from tests.support.client import Token
from tests.support.postgres import Cluster
from tests.support.serving import Server, ask

TITLE = "a-title-to-hide"


def test_ten_thousand_requests_leave_a_clean_log(
    tmp_path: Path, cluster: Cluster, token: Token
) -> None:
    users = [f"raw-user-{number}" for number in range(20)]
    tokens = [token(user) for user in users]
    with Server(tmp_path / "log", cluster.url) as server:
        statuses = send_anything(server, tokens)
    lines = server.lines()
    assert sum(line["event"] == "request" for line in lines) == 10_000
    assert {200, 201, 400, 401, 404, 405} <= statuses
    assert max(statuses) < 500
    assert all(line["auth_failure"] for line in lines if line.get("status") == 401)
    text = server.log.read_text()
    for secret in (SECRET, TITLE, *users, *tokens):
        assert secret not in text


def test_documented_settings_keep_tasks_out_of_the_log_of_postgresql(
    cluster: Cluster, served: Server, token: Token, slow: bytes
) -> None:
    server_log = cluster.home / "data/server.log"
    with closing(served.connect()) as connection:
        assert ask(connection, "POST", "/api/tasks", token("raw-user"), slow)[0].status == 503
        assert "'slow'" in server_log.read_text()
        told = len(server_log.read_text())
        text = (ROOT / "docs/operations.md").read_text()
        statements = re.findall(r"ALTER DATABASE todo (SET log_\w+ = '\w+');", text)
        assert len(statements) == 2
        for statement in statements:
            cluster.ask(f"ALTER DATABASE postgres {statement}")
        cluster.terminate_backends()  # the settings are for new connections
        assert ask(connection, "POST", "/api/tasks", token("raw-user"), slow)[0].status == 503
    with suppress(sa.exc.IntegrityError):
        cluster.ask("INSERT INTO tasks (user_id, title) VALUES ('raw-user', '')")
    log = server_log.read_text()[told:]
    assert "canceling statement due to statement timeout" in log
    assert 'violates check constraint "ck_tasks_title"' in log
    assert "slow" not in log
    assert "raw-user" not in log


def send_anything(server: Server, tokens: list[str]) -> set[int]:
    """Send 10,000 requests, good and bad, and return the status codes."""
    random = Random(42)
    bodies = [
        json.dumps({"title": TITLE, "description": TITLE}).encode(),
        json.dumps({"title": TITLE, TITLE: TITLE}).encode(),
        f'{{"title": "{TITLE}'.encode(),
        TITLE.encode(),
        None,
    ]
    paths = ["/api/tasks", "/api/tasks/1", "/api/tasks/1/complete", f"/api/{TITLE}", "/health"]
    paths += [f"/api/tasks?cursor={TITLE}", f"/api/tasks?token={tokens[0]}", f"/{tokens[1]}"]
    methods = ["GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "TRACE"]
    statuses = set()
    with closing(server.connect()) as connection:
        for _ in range(10_000):
            signed = random.choice([*tokens, *tokens, "", f"{tokens[2]}x", TITLE])
            method, path = random.choice(methods), random.choice(paths)
            response, _ = ask(connection, method, path, signed, random.choice(bodies))
            statuses.add(response.status)
    return statuses
