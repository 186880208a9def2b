"""The log of ten thousand requests."""

import json
from pathlib import Path
from random import Random

from tests import SECRET
from tests.support.client import Token
from tests.support.postgres import Cluster
from tests.support.serving import Server, ask


def test_ten_thousand_requests_leave_a_clean_log(
    tmp_path: Path, cluster: Cluster, token: Token
) -> None:
    random = Random(42)
    users = [f"raw-user-{number}" for number in range(20)]
    tokens = [token(user) for user in users]
    title = "a-title-to-hide"
    bodies = [
        json.dumps({"title": title, "description": title}).encode(),
        json.dumps({"title": title, title: title}).encode(),
        f'{{"title": "{title}'.encode(),
        title.encode(),
        None,
    ]
    paths = ["/api/tasks", "/api/tasks/1", "/api/tasks/1/complete", f"/api/{title}", "/health"]
    paths += [f"/api/tasks?cursor={title}", f"/api/tasks?token={tokens[0]}", f"/{tokens[1]}"]
    methods = ["GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "TRACE"]
    statuses = set()
    with Server(tmp_path / "log", cluster.url) as server:
        connection = server.connect()
        for _ in range(10_000):
            signed = random.choice([*tokens, *tokens, "", f"{tokens[2]}x", title])
            method, path = random.choice(methods), random.choice(paths)
            response, _ = ask(connection, method, path, signed, random.choice(bodies))
            statuses.add(response.status)
        connection.close()
    lines = server.lines()
    assert sum(line["event"] == "request" for line in lines) == 10_000
    assert {200, 201, 400, 401, 404, 405} <= statuses
    assert max(statuses) < 500
    assert all(line["auth_failure"] for line in lines if line.get("status") == 401)
    text = server.log.read_text()
    for secret in (SECRET, title, *users, *tokens):
        assert secret not in text
