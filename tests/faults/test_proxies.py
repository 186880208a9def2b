"""What clients without a token can do to the service behind the proxies of deploy/."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from random import Random
from urllib.parse import urlencode

import psycopg2
import pytest

from tests.support.api import next_link
from tests.support.balancer import HAPROXY, NGINX, Balancer, Nginx
from tests.support.client import Token
from tests.support.raw_http import open_socket
from tests.support.serving import Endpoint, Server, answers, ask
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
    response, page = ask(connection, "GET", path, signed, None, **headers)
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
        statuses.append(ask(connection, "OPTIONS", "/api/tasks", "", None, **asked)[0].status)
        statuses.append(ask(connection, "GET", "/health", "")[0].status)
    assert statuses == [204, 200] * 4


@contextmanager
def table_locked(config: Config) -> Iterator[None]:
    """Let every request for tasks wait while a `with` lasts."""
    with psycopg2.connect(config.database_url.replace("+psycopg2", "")) as connection:
        connection.cursor().execute("LOCK TABLE tasks")
        yield


@pytest.mark.parametrize(
    ("proxy_class", "limit"),
    [
        pytest.param(Nginx, {"requests_of_token 20": "requests_of_token 2"}, marks=needs_nginx),
        pytest.param(Balancer, {"gt 20": "gt 2"}, marks=needs_haproxy),
    ],
)
def test_requests_at_once_with_one_token_are_limited(
    config: Config,
    service: Server,
    tmp_path: Path,
    token: Token,
    proxy_class: type[Nginx | Balancer],
    limit: dict[str, str],
) -> None:
    mine, other = (token(f"proxy-{name}", x="y" * 400) for name in ("mine", "other"))
    with proxy_class(tmp_path, [service.port], limit) as proxy, table_locked(config):
        wait_until(lambda: is_limited(proxy, mine), "a third request is served")
        assert status_of_health(proxy, other) == 200
        assert status_of_health(proxy, "") == 200


@needs_nginx
def test_nginx_limits_the_requests_at_once_of_an_address(
    config: Config, service: Server, tmp_path: Path, token: Token
) -> None:
    limit = {"requests_of_address 100": "requests_of_address 2"}
    with Nginx(tmp_path, [service.port], limit) as proxy, table_locked(config):
        tokens = (token(f"proxy-{number}") for number in count())
        wait_until(lambda: is_limited(proxy, next(tokens)), "a third request is served")


@needs_nginx
def test_nginx_has_room_beside_a_thousand_half_sent_heads(service: Server, tmp_path: Path) -> None:
    lasting = {"worker_processes auto": "worker_processes 1"}
    lasting |= {"client_header_timeout 10s": "client_header_timeout 600s"}
    with Nginx(tmp_path, [service.port], lasting) as proxy, ExitStack() as held:
        for _ in range(1000):
            held.enter_context(open_socket(proxy)).sendall(b"GET /health HTTP/1.1\r\nHo")
        assert status_of_health(proxy, "") == 200


@needs_haproxy
def test_haproxy_limits_the_connections_of_an_address(service: Server, tmp_path: Path) -> None:
    with Balancer(tmp_path, [service.port], {"gt 300": "gt 3"}) as proxy:

        def fourth_is_refused() -> bool:
            with ExitStack() as held:  # HAProxy closes them after a while
                for _ in range(3):
                    held.enter_context(open_socket(proxy)).sendall(b"GET /health HTTP/1.1\r\nHo")
                return not answers(proxy)

        wait_until(fourth_is_refused, "a fourth connection is served")
        wait_until(lambda: answers(proxy), "the connections still count")
        wait_until(lambda: counted(proxy), "no line counts the refused connection")


def counted(proxy: Balancer) -> bool:
    return any(line["refused_connections"] for line in proxy.lines())


def is_limited(proxy: Endpoint, token: str) -> bool:
    """Send a request that waits or is refused. Return whether another one is refused."""
    proxy.connect().request("GET", "/api/tasks", headers={"Authorization": f"Bearer {token}"})
    return status_of_health(proxy, token) == 429


def status_of_health(proxy: Endpoint, token: str) -> int:
    """Ask for /health on a new connection, with a token unless it is empty."""
    connection = proxy.connect()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection.request("GET", "/health", headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status
