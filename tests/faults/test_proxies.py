"""What clients without a token can do to the service behind the proxies of deploy/."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from urllib.parse import urlencode

import pytest

from tests.support.api import next_link
from tests.support.balancer import HAPROXY, NGINX, Balancer, Nginx
from tests.support.client import Token
from tests.support.serving import Server, answers, ask
from tests.support.waiting import wait_until
from todo_api.config import Config
from todo_api.limits import MAX_QUERY_BYTES

needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
needs_haproxy = pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed")
EACH_PROXY = [pytest.param(Nginx, marks=needs_nginx), pytest.param(Balancer, marks=needs_haproxy)]

ORIGIN = "http://localhost:3000"


@pytest.fixture
def service(config: Config, tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "log", config.database_url) as server:
        wait_until(lambda: answers(server), "the service does not answer")
        yield server


@pytest.fixture
def proxy(
    request: pytest.FixtureRequest, service: Server, tmp_path: Path
) -> Iterator[Nginx | Balancer]:
    with request.param(tmp_path, [service.port]) as proxy:
        yield proxy


@pytest.mark.parametrize("proxy", EACH_PROXY, indirect=True)
def test_largest_head_of_a_response_passes(
    proxy: Nginx | Balancer, token: Token, user: str
) -> None:
    """That of a page with the longest query, the longest cursor and the longest request id."""
    connection, signed = proxy.connect(), token(user)
    title = "".join(map(chr, Random(0).sample(range(0x20000, 0x2A000), 200)))  # compresses badly
    tags = [chr(0x4E00 + n) * 50 for n in range(10)]
    body = json.dumps({"title": title, "tags": tags}).encode()
    for _ in range(2):
        assert ask(connection, "POST", "/api/tasks", signed, body)[0].status == 201
    query = urlencode({"q": title[:145], "tag": tags, "sort": "-title", "limit": 1}, doseq=True)
    path = f"/api/tasks?{query}{'&priority=medium' * 10}"
    headers = {"Origin": ORIGIN, "X-Request-ID": "x" * 64}
    response, page = ask(connection, "GET", path, signed, **headers)
    assert (response.status, len(page)) == (200, 1)
    assert len(str(response.headers["Link"])) > MAX_QUERY_BYTES + 800
    assert ask(connection, "GET", next_link(response), signed)[0].status == 200


@pytest.mark.parametrize("proxy", EACH_PROXY, indirect=True)
def test_preflight_that_asks_for_much_leaves_the_instance_in_use(proxy: Nginx | Balancer) -> None:
    """After a response that it cannot take, nginx would leave the instance out."""
    connection = proxy.connect()
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    asked["Access-Control-Request-Headers"] = "authorization, " * 500
    statuses = []
    for _ in range(4):
        statuses.append(ask(connection, "OPTIONS", "/api/tasks", "", **asked)[0].status)
        statuses.append(ask(connection, "GET", "/health", "")[0].status)
    assert statuses == [204, 200] * 4
