"""nginx and HAProxy over TLS, and what they log, with the files of deploy/."""

import re
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import pytest

from tests import ROOT
from tests.docs.markdown import CODE, rows
from tests.support.balancer import HAPROXY, NGINX, Balancer, Nginx, make_certificate
from tests.support.client import Token
from tests.support.complete import assert_complete
from tests.support.processes import run
from tests.support.programs import needs
from tests.support.serving import Server, answers, ask
from tests.support.waiting import wait_until
from todo_api.config import Config

EACH_PROXY = [
    pytest.param(Nginx, marks=pytest.mark.skipif(NGINX is None, reason="nginx is not installed")),
    pytest.param(
        Balancer, marks=pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed")
    ),
]
HSTS = "max-age=63072000"
LONG = "expire 10m store http_req_rate(10m)"
# After some thirty requests, each proxy refuses those of an address.
LIMITS = {
    Nginx: {"burst=100": "burst=30", "rate=50r/s": "rate=1r/m"},
    Balancer: {"gt 500": "gt 30", "expire 10s store http_req_rate(10s)": LONG},
}
OLD_PROTOCOLS = """
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = old
[old]
MinProtocol = TLSv1
CipherString = DEFAULT@SECLEVEL=0
"""
pytestmark = needs("openssl", "curl")


@pytest.fixture(scope="module")
def service(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("service") / "log"
    with Server(log, config.database_url, TRUSTED_PROXIES="1") as server:
        wait_until(lambda: answers(server), "the service does not answer")
        yield server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def proxy(
    request: pytest.FixtureRequest, service: Server, certificate: Path, tmp_path: Path
) -> Iterator[Nginx | Balancer]:
    with request.param(tmp_path, [service.port], certificate=certificate) as proxy:
        yield proxy


@pytest.mark.parametrize("proxy", EACH_PROXY, indirect=True)
def test_plain_http_is_redirected_to_tls(proxy: Nginx | Balancer) -> None:
    plain = proxy.plain.connect()
    plain.request("GET", "/api/tasks?q=x", headers={"Host": "api.example.com"})
    response = plain.getresponse()
    plain.close()
    assert response.status == 301
    assert response.headers["Location"] == "https://api.example.com/api/tasks?q=x"
    assert response.headers["Strict-Transport-Security"] is None


@pytest.mark.parametrize("proxy", EACH_PROXY, indirect=True)
def test_tls_has_http_2_and_no_way_back_to_plain_http(proxy: Nginx | Balancer) -> None:
    url = f"https://127.0.0.1:{proxy.port}/health"
    response = run(["curl", "--silent", "--include", "--cacert", proxy.certificate, url]).stdout
    assert response.startswith("HTTP/2 200")
    assert f"strict-transport-security: {HSTS}\n" in response.replace("\r", "")


@pytest.mark.parametrize("proxy_class", EACH_PROXY)
def test_tls_1_1_is_refused(
    proxy_class: type[Nginx | Balancer],
    service: Server,
    certificate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not only because OpenSSL refuses it by default."""
    settings = tmp_path / "openssl.cnf"
    settings.write_text(OLD_PROTOCOLS)
    monkeypatch.setenv("OPENSSL_CONF", str(settings))
    with proxy_class(tmp_path, [service.port], certificate=certificate) as proxy:
        connect = ["openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}"]
        old, new = (run([*connect, f"-tls1_{minor}"], stdin=DEVNULL) for minor in (1, 2))
    assert (old.returncode, new.returncode) == (1, 0)
    assert "alert protocol version" in old.stderr


def refusals(proxy: Nginx | Balancer) -> list[dict[str, Any]]:
    return [line for line in proxy.lines() if line["status"] == 429]


@pytest.mark.parametrize("proxy_class", EACH_PROXY)
def test_log_has_accepted_and_refused_requests_and_no_text_of_users(
    proxy_class: type[Nginx | Balancer],
    service: Server,
    certificate: Path,
    tmp_path: Path,
    token: Token,
    user: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    signed = token(user)
    requests = [
        ("POST", "/api/tasks", b'{"title": "private"}'),
        ("GET", "/api/tasks?q=private", None),
        ("GET", '/absent%22\\"', None),
        ("BREW", "/api/tasks", None),
    ]
    with proxy_class(tmp_path, [service.port], LIMITS[proxy_class], certificate) as proxy:
        connection = proxy.connect()
        sent = [ask(connection, method, path, signed, body)[0] for method, path, body in requests]

        def is_refused() -> bool:
            response, _ = ask(connection, "GET", "/api/tasks?q=private", signed)
            assert response.headers["Strict-Transport-Security"] == HSTS
            return response.status == 429

        wait_until(is_refused, "no request is refused")
        wait_until(lambda: refusals(proxy), "the refusal has no line")
        refused = refusals(proxy)[0]
    by_id = {line["request_id"]: line for line in proxy.lines()}
    lines = [by_id[response.headers["X-Request-ID"]] for response in sent]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("POST", "/api/tasks", 201),
        ("GET", "/api/tasks", 200),
        ("GET", '/absent%22\\"', 404),
        ("BREW", "/api/tasks", 405),
    ]
    assert (refused["address"], refused["path"]) == ("127.0.0.1", "/api/tasks")
    assert re.fullmatch("[0-9a-f-]{32,36}", refused["request_id"])
    cells = (row[proxy_class is Balancer] for row in rows(ROOT / "docs/deploy.md", "nginx"))
    assert_complete(CODE.findall(" ".join(cells)), set(refused), "the table of docs/deploy.md")
    logged = "".join([proxy.access_log.read_text(), *capfd.readouterr()])
    assert "private" not in logged.lower()
    assert signed.rpartition(".")[2] not in logged


@pytest.mark.parametrize("proxy", EACH_PROXY, indirect=True)
def test_service_logs_the_address_that_the_proxy_saw(
    proxy: Nginx | Balancer, service: Server
) -> None:
    forged = {"X-Forwarded-For": "203.0.113.9"}
    response, _ = ask(proxy.connect(), "GET", "/api/tasks", "", None, **forged)
    (line,) = (
        line
        for line in service.lines()
        if line.get("request_id") == response.headers["X-Request-ID"]
    )
    assert (line["status"], line["client"]) == (401, "127.0.0.1")
