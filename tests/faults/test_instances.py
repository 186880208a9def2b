"""Three instances behind a balancer: killed, replaced, reloaded and upgraded under load."""

import io
import os
import signal
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from urllib.parse import urljoin

import flask_migrate
import pytest

from tests import ROOT, SECRET
from tests.faults.test_retries import assert_each_create_happened_once
from tests.support.balancer import HAPROXY, NGINX, Balancer, Nginx
from tests.support.client import Token
from tests.support.load import PAUSE, SHORT_PAUSE, Load, assert_kept
from tests.support.log import assert_no_bug
from tests.support.postgres import Cluster
from tests.support.raw_http import usual_seconds
from tests.support.serving import Server, answers, ask, free_port, workers
from tests.support.sync import Person, Replica, Reply
from tests.support.waiting import LIMIT, wait_until
from todo_api import create_app
from todo_api.commands.cli import support_migrations
from todo_api.config import Config

COUNT = 3

pytestmark = pytest.mark.skipif(HAPROXY is None, reason="there is no haproxy here")


class Instances:
    """Instances of the service on one database. Each keeps its port when it is replaced."""

    def __init__(
        self, stack: ExitStack, url: str, folder: Path, code: Path, environ: dict[str, str]
    ) -> None:
        self.stack, self.url, self.folder, self.environ = stack, url, folder, environ
        self.ports = [free_port() for _ in range(COUNT)]
        self.running = [self.start(port, code) for port in self.ports]
        self.balancer: Balancer

    def start(self, port: int, code: Path = ROOT) -> Server:
        log = self.folder / f"{port}-{time.monotonic_ns()}.log"
        server = Server(log, self.url, 0, port, code, **self.environ)
        self.stack.enter_context(server)
        wait_until(lambda: answers(server), "an instance does not answer")
        return server

    def replace(self, number: int) -> None:
        """Stop an instance as a deploy does, and start another in its place."""
        self.stop(number)
        self.restart(number)

    def stop(self, number: int) -> None:
        self.running[number].process.terminate()
        assert self.running[number].process.wait(LIMIT) == 0

    def restart(self, number: int) -> None:
        """Start an instance, and return when the balancer sends requests to it."""
        port = self.ports[number]
        self.running[number] = self.start(port)
        wait_until(lambda: self.balancer.reaches(port), "the balancer does not use an instance")

    def rotate(self, **secrets: str) -> None:
        """Replace each instance by one with other secrets."""
        self.environ = secrets
        for number in range(COUNT):
            self.replace(number)

    def kill(self, number: int) -> None:
        """End an instance and its workers at once, and start another in its place."""
        server = self.running[number]
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait(LIMIT)
        time.sleep(2)
        self.restart(number)


@pytest.fixture
def code() -> Path:
    """The folder of the code that the instances run at first."""
    return ROOT


@pytest.fixture
def environ() -> dict[str, str]:
    """The settings of the instances beside the secret and the database."""
    return {}


two_workers_each = pytest.mark.parametrize("environ", [{"WEB_CONCURRENCY": "2"}], ids=[""])


@pytest.fixture
def instances(
    cluster: Cluster, tmp_path: Path, code: Path, environ: dict[str, str]
) -> Iterator[Instances]:
    with ExitStack() as stack:
        yield Instances(stack, cluster.url, tmp_path, code, environ)
    for log in tmp_path.glob("*.log"):
        assert_no_bug(log)


@pytest.fixture
def balancer(instances: Instances, tmp_path: Path) -> Iterator[Balancer]:
    with Balancer(tmp_path, instances.ports, {"gt 500": "gt 1000000"}) as balancer:
        instances.balancer = balancer
        yield balancer


def next_page(reply: Reply) -> str:
    """Return the path of the next page, or nothing after the last one."""
    link = reply.headers["Link"]
    return urljoin("/api/tasks", link[1 : link.index(">")]) if link else ""


def page_through(person: Person, ending: threading.Event) -> None:
    """Read the list page by page, again and again."""
    path = ""
    while not ending.is_set():
        reply = person.send("GET", path or "/api/tasks?limit=1")
        assert reply.status == 200, reply.json
        path = next_page(reply)
        time.sleep(PAUSE)
    person.close()


def poll(person: Person, ending: threading.Event) -> None:
    """Ask for changes again and again."""
    replica = Replica(person)
    while not ending.is_set():
        replica.poll(1)
        time.sleep(PAUSE)
    assert replica.restarts == 0
    person.close()


@contextmanager
def readers(balancer: Balancer, signed: str) -> Iterator[None]:
    """While a `with` lasts, use cursors and sync tokens. No request may fail."""
    ending = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(read, Person(balancer, signed), ending) for read in [page_through, poll] * 2
        ]
        try:
            yield
        finally:
            ending.set()
        for job in jobs:
            job.result(LIMIT)


@two_workers_each
def test_replaced_instances_fail_no_request(
    cluster: Cluster, instances: Instances, balancer: Balancer, tokens: list[str]
) -> None:
    with Load(balancer, tokens, SHORT_PAUSE) as load:
        for number in range(COUNT):
            load.wait_for_responses()
            instances.replace(number)
        load.wait_for_responses()
    assert set(load.statuses()) == {200, 201}
    assert_kept(cluster, load)


@two_workers_each
def test_reloaded_instances_fail_no_request(
    cluster: Cluster, instances: Instances, balancer: Balancer, tokens: list[str]
) -> None:
    with Load(balancer, tokens, SHORT_PAUSE) as load:
        for server in instances.running:
            before = workers(server)
            load.wait_for_responses()
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: not before & workers(server), "an old worker still runs")  # noqa: B023
        load.wait_for_responses()
    assert set(load.statuses()) == {200, 201}
    assert_kept(cluster, load)


def test_rotation_of_the_secret_fails_no_request(
    instances: Instances, balancer: Balancer, tokens: list[str], token: Token, user: str
) -> None:
    """The steps of docs/auth.md. Tokens of both secrets are sent throughout."""
    new = "another-secret-for-tests-0123456789abcdef"
    person = Person(balancer, token(user))
    for _ in range(12):
        assert person.send("POST", "/api/tasks", {"title": "x"}).status == 201
    person.close()
    with Load(balancer, tokens) as load, readers(balancer, token(user)):
        instances.rotate(BETTER_AUTH_SECRET=SECRET, BETTER_AUTH_SECRET_PREVIOUS=new)
        instances.rotate(BETTER_AUTH_SECRET=new, BETTER_AUTH_SECRET_PREVIOUS=SECRET)
        load.wait_for_responses()
        with Load(balancer, [token(user, key=new)]) as renewed:
            renewed.wait_for_responses(20)
    signed = token(user, key=new)
    with Load(balancer, [signed]) as renewed, readers(balancer, signed):
        renewed.wait_for_responses(20)
        instances.rotate(BETTER_AUTH_SECRET=new)
        renewed.wait_for_responses(20)
    assert set(load.statuses()) == {200, 201}
    assert set(renewed.statuses()) == {200, 201}
    with Load(balancer, tokens) as old:
        old.wait_for_responses()
    assert set(old.statuses()) == {401}


@two_workers_each
@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_instances_behind_nginx_are_replaced_without_a_failed_request(
    cluster: Cluster, instances: Instances, tmp_path: Path, tokens: list[str]
) -> None:
    """nginx does not ask whether an instance is ready."""
    without_limit = {"rate=50r/s": "rate=100000r/s"}
    with (
        Nginx(tmp_path, instances.ports, without_limit) as proxy,
        Load(proxy, tokens, SHORT_PAUSE) as load,
    ):
        for number, port in enumerate(instances.ports):
            load.wait_for_responses()
            instances.stop(number)
            instances.running[number] = instances.start(port)
        load.wait_for_responses()
    assert set(load.statuses()) == {200, 201}
    assert_kept(cluster, load)


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_nginx_soon_uses_instances_that_were_all_away(instances: Instances, tmp_path: Path) -> None:
    with Nginx(tmp_path, instances.ports) as proxy:
        usual = usual_seconds(proxy)
        for number in range(COUNT):
            instances.stop(number)
        # Each process of nginx must find out that no instance answers.
        wait_until(lambda: not any(answers(proxy) for _ in range(20)), "an instance still answers")
        for port in instances.ports:
            instances.start(port)
        back = time.monotonic()
        wait_until(lambda: answers(proxy), "nginx does not use the instances")
        assert time.monotonic() - back < 6 + 20 * usual


def test_killed_instance_fails_only_what_it_was_serving(
    cluster: Cluster, instances: Instances, balancer: Balancer, tokens: list[str]
) -> None:
    with Load(balancer, tokens, SHORT_PAUSE) as load:
        load.wait_for_responses()
        killed = time.monotonic()
        instances.kill(0)
        limit = load.outlast(killed, 1)
    failed = [sent for sent in load.requests if sent.status not in (200, 201)]
    assert len(failed) <= len(tokens)
    assert load.last_failure() < limit
    assert_kept(cluster, load)


def test_creates_retried_over_killed_instances_happen_once(
    cluster: Cluster, instances: Instances, balancer: Balancer, token: Token, user: str
) -> None:
    def kill_each() -> None:
        for number in range(COUNT):
            instances.kill(number)

    assert_each_create_happened_once(cluster, balancer, token(user), kill_each)


def test_balancer_passes_on_the_responses_of_instances_while_the_database_is_away(
    cluster: Cluster, balancer: Balancer, token: Token, user: str
) -> None:
    connection = balancer.connect()
    cluster.stop("immediate")
    try:
        wait_until(
            lambda: ask(connection, "GET", "/health", "")[0].headers["X-Served-By"] is None,
            "an instance still counts as ready",
        )
        assert ask(connection, "GET", "/health", "")[1]["status"] == "ok"
        response, error = ask(connection, "GET", "/api/tasks", token(user))
    finally:
        cluster.start()
    assert (response.status, error["error_type"]) == (503, "service_unavailable_error")
    assert response.headers["Retry-After"] == "1"
    assert response.headers["X-Request-ID"]
    wait_until(lambda: answers(balancer), "the service is not ready again")


def test_cursor_and_sync_token_of_one_instance_are_good_on_the_others(
    balancer: Balancer, token: Token, user: str
) -> None:
    person = Person(balancer, token(user))
    created = [person.send("POST", "/api/tasks", {"title": "x"}).json["id"] for _ in range(12)]
    served, seen = set(), []
    path = "/api/tasks?limit=1"
    while path:
        page = person.send("GET", path)
        assert page.status == 200
        served.add(page.headers["X-Served-By"])
        seen += [task["id"] for task in page.json]
        path = next_page(page)
    assert seen == created[::-1]
    assert len(served) == COUNT
    replica = Replica(person)
    replica.catch_up(Random())
    assert replica.tasks.keys() == set(created)
    assert replica.restarts == 0


class TestRollout:
    """The newest migration, with the code before it and the code after it at once."""

    @pytest.fixture
    def code(self, tmp_path: Path) -> Path:
        """The code before the newest migration."""
        newest = max((ROOT / "migrations/versions").glob("*.py"))
        commit = git("log", "--diff-filter=A", "-1", "--format=%H", "--", str(newest)).strip()
        archive = git("archive", f"{commit.decode()}^") if commit else b""
        if not archive:
            pytest.skip("the history of this checkout does not reach behind the newest migration")
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(tmp_path / "before", filter="data")
        assert not list((tmp_path / "before").glob(f"migrations/versions/{newest.name}"))
        return tmp_path / "before"

    @pytest.fixture
    def cluster(self, code: Path, cluster: Cluster) -> Iterator[Cluster]:  # noqa: ARG002 it may skip
        """The cluster of all tests, without the newest migration until the test upgrades it."""
        app = support_migrations(create_app(Config(SECRET, cluster.url)))
        with app.app_context():
            flask_migrate.downgrade()
        yield cluster
        with app.app_context():
            flask_migrate.upgrade()
        app.extensions["engine"].dispose()

    def test_rollout_fails_no_request(
        self, cluster: Cluster, instances: Instances, balancer: Balancer, tokens: list[str]
    ) -> None:
        app = support_migrations(create_app(Config(SECRET, cluster.url)))
        with Load(balancer, tokens) as load:
            load.wait_for_responses()
            with app.app_context():
                flask_migrate.upgrade()
            for number in range(COUNT):
                load.wait_for_responses()
                instances.replace(number)
            load.wait_for_responses()
        app.extensions["engine"].dispose()
        assert set(load.statuses()) == {200, 201}
        assert_kept(cluster, load)


def git(*arguments: str) -> bytes:
    """Return what git prints, or nothing where it fails."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False).stdout
