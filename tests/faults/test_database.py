"""Database faults: each is a 503, never a 500, a hang or a lost write."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

from tests.support.client import Token
from tests.support.load import (
    SHORT_PAUSE,
    Load,
    assert_kept,
    assert_silence_is_a_503_and_recovers,
)
from tests.support.postgres import Cluster
from tests.support.raw_http import seconds_of_health, usual_seconds
from tests.support.serving import Server, ask
from tests.support.waiting import LIMIT, wait_until
from tests.support.wire import Proxy
from todo_api.config import Config


def test_terminated_idle_connections_are_replaced_without_an_error(
    cluster: Cluster, served: Server, tokens: list[str]
) -> None:
    with Load(served, tokens) as load:
        load.wait_for_responses()
    assert cluster.terminate_backends() > 0
    connection = served.connect()
    for _ in range(20):
        assert ask(connection, "GET", "/api/tasks", tokens[0])[0].status == 200
        body = b'{"title": "x"}'
        assert ask(connection, "POST", "/api/tasks", tokens[0], body)[0].status == 201
    connection.close()


def test_requests_succeed_within_two_seconds_of_a_fast_restart(
    cluster: Cluster, served: Server, tokens: list[str]
) -> None:
    with Load(served, tokens) as load:
        load.wait_for_responses()
        cluster.control("restart", "-m", "fast", "-l", str(cluster.home / "data/server.log"))
        limit = load.outlast(time.monotonic(), 2)
    assert set(load.statuses()) <= {200, 201, 503}
    assert load.last_failure() < limit
    assert max(sent.seconds for sent in load.requests) < load.allow(8)
    assert_kept(cluster, load)


def test_stopped_server_is_a_503_at_once(
    cluster: Cluster, served: Server, tokens: list[str]
) -> None:
    with Load(served, tokens) as load:
        load.wait_for_responses()
        cluster.stop("immediate")
        down = time.monotonic()
        time.sleep(10)
        starting = time.monotonic()
        cluster.start()
        limit = load.outlast(time.monotonic(), 2)
    meanwhile = load.answered(down, starting)
    assert {sent.status for sent in meanwhile} == {503}
    assert max(sent.seconds for sent in meanwhile) < load.allow(1)
    assert set(load.statuses()) <= {200, 201, 503}
    assert load.last_failure() < limit
    assert_kept(cluster, load)


def test_cold_start_of_five_seconds_fails_no_request(
    cluster: Cluster, tmp_path: Path, tokens: list[str]
) -> None:
    with Proxy(cluster.url) as proxy:
        proxy.flowing.clear()
        with Server(tmp_path / "log", proxy.url, WEB_CONCURRENCY="2") as server:
            # Each gets a connection of its own, also if all come to one worker.
            with Load(server, tokens[: Config.pool_size]) as load:
                time.sleep(5)
                proxy.flowing.set()
                load.wait_for_responses()
            assert set(load.statuses()) == {200, 201}
    assert_kept(cluster, load)


def test_silent_network_ends_in_a_timeout(
    cluster: Cluster, tmp_path: Path, tokens: list[str]
) -> None:
    with (
        Proxy(cluster.url) as proxy,
        Server(tmp_path / "log", proxy.url, WEB_CONCURRENCY="2") as server,
    ):
        flowing = proxy.flowing
        assert_silence_is_a_503_and_recovers(cluster, server, tokens, flowing.clear, flowing.set)


def test_silent_server_ends_in_a_timeout_for_a_new_worker(
    cluster: Cluster, tmp_path: Path, tokens: list[str]
) -> None:
    with (
        Proxy(cluster.url) as proxy,
        Server(tmp_path / "log", proxy.url, WEB_CONCURRENCY="2") as server,
    ):
        proxy.asking.clear()
        with Load(server, tokens) as load:
            wait_until(lambda: load.statuses()[503] >= len(tokens), "no request times out")
            proxy.asking.set()
            limit = load.outlast(time.monotonic(), 2)
        assert set(load.statuses()) == {200, 201, 503}
        assert load.last_failure() < limit
        assert max(sent.seconds for sent in load.requests) < load.allow(15)


def test_wait_for_a_locked_row_times_out_and_the_next_request_succeeds(
    cluster: Cluster, served: Server, tokens: list[str]
) -> None:
    connection = served.connect()
    _, task = ask(connection, "POST", "/api/tasks", tokens[0], b'{"title": "x"}')
    path = f"/api/tasks/{task['id']}"
    engine = cluster.engine.execution_options(isolation_level="READ COMMITTED")
    with engine.connect() as holder:
        holder.execute(sa.text("SELECT 1 FROM tasks WHERE id = :id FOR UPDATE"), {"id": task["id"]})
        started = time.monotonic()
        response, body = ask(connection, "PATCH", path, tokens[0], b'{"title": "y"}')
        assert time.monotonic() - started > 4
        assert (response.status, response.headers["Retry-After"]) == (503, "30")
        assert body["error_type"] == "service_unavailable_error"
        assert ask(connection, "GET", path, tokens[0])[1] == task
    assert ask(connection, "PATCH", path, tokens[0], b'{"title": "z"}')[1]["title"] == "z"
    connection.close()


def test_slow_statement_times_out_and_is_rolled_back(
    served: Server, tokens: list[str], slow: bytes
) -> None:
    connection = served.connect()
    ask(connection, "GET", "/health", "")  # waits until its worker has started
    started = time.monotonic()
    assert ask(connection, "POST", "/api/tasks", tokens[0], slow)[0].status == 503
    assert time.monotonic() - started > 4
    assert ask(connection, "GET", "/api/tasks", tokens[0])[1] == []
    connection.close()


def test_health_responds_while_all_connections_are_busy(
    cluster: Cluster, tmp_path: Path, tokens: list[str]
) -> None:
    with Server(tmp_path / "log", cluster.url) as server:
        connection = server.connect()
        tasks = [ask(connection, "POST", "/api/tasks", t, b'{"title": "x"}')[1] for t in tokens]
        connection.close()
        usual = usual_seconds(server)

        def change(number: int) -> tuple[int, float]:
            own = server.connect()
            started = time.monotonic()
            path = f"/api/tasks/{tasks[number]['id']}"
            status = ask(own, "PATCH", path, tokens[number], b'{"title": "y"}')[0].status
            own.close()
            return status, time.monotonic() - started

        engine = cluster.engine.execution_options(isolation_level="READ COMMITTED")
        with engine.connect() as holder, ThreadPoolExecutor(16) as pool:
            holder.execute(
                sa.text("SELECT 1 FROM tasks WHERE id = ANY(:ids) FOR UPDATE"),
                {"ids": [task["id"] for task in tasks]},
            )
            waiting = [pool.submit(change, number) for number in range(16)]
            cluster.wait_for_blocked(Config.pool_size)
            assert seconds_of_health(server) < 3 + 20 * usual
            outcomes = [future.result(LIMIT) for future in waiting]
        assert {status for status, _ in outcomes} == {503}
        assert max(seconds for _, seconds in outcomes) < 12 + 20 * usual


def test_killed_backends_lose_no_acknowledged_write(
    cluster: Cluster, served: Server, tokens: list[str]
) -> None:
    with Load(served, tokens, SHORT_PAUSE) as load:
        for _ in range(20):
            time.sleep(0.2)
            cluster.terminate_backends()
    assert set(load.statuses()) <= {200, 201, 503}
    assert_kept(cluster, load)


def test_exhausted_server_connections_are_a_503_until_some_are_free(
    cluster: Cluster, served: Server, tokens: list[str]
) -> None:
    held: list[sa.Connection] = []
    with suppress(sa.exc.OperationalError):
        while len(held) < 100:
            held.append(cluster.engine.connect())
    connection = served.connect()
    assert ask(connection, "GET", "/api/tasks", tokens[0])[0].status == 503
    assert ask(connection, "GET", "/health", "")[0].status == 200
    assert ask(connection, "GET", "/ready", "")[0].status == 503
    for open_connection in held:
        open_connection.close()

    def is_served() -> bool:
        return ask(connection, "GET", "/api/tasks", tokens[0])[0].status == 200

    wait_until(is_served, "the service does not recover")
    connection.close()


def test_read_only_database_still_serves_reads(
    cluster: Cluster, served: Server, tokens: list[str]
) -> None:
    cluster.ask("ALTER DATABASE postgres SET default_transaction_read_only = on")
    try:
        connection = served.connect()
        assert ask(connection, "GET", "/api/tasks", tokens[0])[0].status == 200
        body = b'{"title": "x"}'
        assert ask(connection, "POST", "/api/tasks", tokens[0], body)[0].status == 503
        connection.close()
    finally:
        with cluster.engine.connect() as writer:
            writer.exec_driver_sql("SET default_transaction_read_only = off")
            writer.exec_driver_sql("ALTER DATABASE postgres RESET default_transaction_read_only")


def test_service_starts_without_a_database_and_finds_it_later(
    cluster: Cluster, tmp_path: Path, token: Token
) -> None:
    cluster.stop("fast")
    try:
        with Server(tmp_path / "log", cluster.url) as server:
            connection = server.connect()
            assert ask(connection, "GET", "/health", "")[0].status == 200
            assert ask(connection, "GET", "/ready", "")[0].status == 503
            cluster.start()
            assert ask(connection, "GET", "/ready", "")[0].status == 200
            assert ask(connection, "GET", "/api/tasks", token("ann"))[0].status == 200
            connection.close()
    finally:
        cluster.start()
