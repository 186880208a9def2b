"""Reload, recycle, stop and kill the service while requests are in flight."""

import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.support.client import Token
from tests.support.load import SHORT_PAUSE, Load, assert_kept
from tests.support.postgres import Cluster
from tests.support.raw_http import BUNDLE, open_socket
from tests.support.serving import Server, answers, ask, workers
from tests.support.waiting import LIMIT, wait_until


def test_reloads_fail_no_request(cluster: Cluster, served: Server, tokens: list[str]) -> None:
    before = workers(served)
    with Load(served, tokens, SHORT_PAUSE) as load:
        for _ in range(3):
            load.wait_for_responses()
            served.process.send_signal(signal.SIGHUP)
            time.sleep(2)
        wait_until(lambda: not before & workers(served), "an old worker still runs")
        load.wait_for_responses()
    assert set(load.statuses()) == {200, 201}
    assert_kept(cluster, load)


def test_recycled_workers_fail_no_request(
    cluster: Cluster, tmp_path: Path, tokens: list[str]
) -> None:
    options = "--max-requests 200 --max-requests-jitter 50"
    environ = {"WEB_CONCURRENCY": "2", "GUNICORN_CMD_ARGS": options}
    with (
        Server(tmp_path / "log", cluster.url, **environ) as server,
        Load(server, tokens, SHORT_PAUSE) as load,
    ):
        wait_until(
            lambda: server.log.read_text().count("Autorestarting worker") >= 4,
            "the workers are not recycled",
        )
    assert set(load.statuses()) == {200, 201}
    assert_kept(cluster, load)


def test_shutdown_finishes_requests_in_flight(
    cluster: Cluster, tmp_path: Path, tokens: list[str]
) -> None:
    engine = cluster.engine.execution_options(isolation_level="READ COMMITTED")
    patient = Server(tmp_path / "log", cluster.url, STATEMENT_TIMEOUT="60")
    with patient as server, ThreadPoolExecutor(8) as pool:
        connection = server.connect()
        sent = ("POST", "/api/tasks")
        tasks = [ask(connection, *sent, signed, b'{"title": "x"}')[1] for signed in tokens[:8]]
        connection.close()

        def change(number: int) -> int:
            own = server.connect()
            path = f"/api/tasks/{tasks[number]['id']}"
            response, _ = ask(own, "PATCH", path, tokens[number], b'{"title": "y"}')
            own.close()
            return response.status

        with engine.connect() as holder:
            holder.execute(
                sa.text("SELECT 1 FROM tasks WHERE id = ANY(:ids) FOR UPDATE"),
                {"ids": [task["id"] for task in tasks]},
            )
            in_flight = [pool.submit(change, number) for number in range(8)]
            cluster.wait_for_blocked(8)
            server.process.terminate()
            time.sleep(1)  # time to drop the requests, which must not happen
        assert [future.result(LIMIT) for future in in_flight] == [200] * 8
        assert server.process.wait(LIMIT) == 0


def test_killed_worker_closes_only_its_own_connections(
    cluster: Cluster, served: Server, tokens: list[str]
) -> None:
    with Load(served, tokens, SHORT_PAUSE) as load:
        load.wait_for_responses()
        os.kill(min(workers(served)), signal.SIGKILL)
        limit = load.outlast(time.monotonic(), 2)
    failed = [sent for sent in load.requests if sent.status == 0]
    assert len(failed) <= len(tokens)
    assert load.last_failure() < limit
    assert set(load.statuses()) <= {0, 200, 201}
    assert_kept(cluster, load)


def test_workers_of_a_killed_arbiter_leave_the_port_at_once(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Not only after their last response, which a slow client can delay."""
    with Server(tmp_path / "log", cluster.url) as server:
        wait_until(lambda: answers(server), "the service does not answer")
        with open_socket(server, 4096) as connection:
            connection.sendall(BUNDLE * 4)
            assert connection.recv(1)
            server.process.kill()
            server.process.wait(LIMIT)
            wait_until(lambda: connection.recv(1024) and is_free(server.port), "the port is in use")
        wait_until(lambda: not workers(server), "a worker still runs")


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def send_concurrently(server: Server, requests: list[tuple[Any, ...]]) -> list[tuple[int, Any]]:
    """Send requests over as many connections as one user may use. Return each status and body."""

    def send(request: tuple[Any, ...]) -> tuple[int, Any]:
        connection = server.connect()
        response, body = ask(connection, *request)
        connection.close()
        return response.status, body

    with ThreadPoolExecutor(12) as pool:
        return list(pool.map(send, requests))


def test_concurrent_changes_are_all_kept(served: Server, token: Token, user: str) -> None:
    signed = token(user)
    _, task = send_concurrently(served, [("POST", "/api/tasks", signed, b'{"title": "x"}')])[0]
    path = f"/api/tasks/{task['id']}"
    bodies = [b'{"title": "t%d"}', b'{"description": "d%d"}']
    changes = [("PATCH", path, signed, bodies[n % 2] % n) for n in range(200)]
    responses = send_concurrently(served, changes)
    assert {status for status, _ in responses} == {200}
    _, kept = send_concurrently(served, [("GET", path, signed)])[0]
    assert kept["title"] in {f"t{n}" for n in range(0, 200, 2)}
    assert kept["description"] in {f"d{n}" for n in range(1, 200, 2)}
    last = max((body for _, body in responses), key=lambda body: body["updated_at"])
    assert kept == last

    toggles = send_concurrently(served, [("PATCH", f"{path}/complete", signed)] * 201)
    assert {status for status, _ in toggles} == {200}
    assert sum(body["completed"] for _, body in toggles) == 101
    assert send_concurrently(served, [("GET", path, signed)])[0][1]["completed"] is True

    deletes = [status for status, _ in send_concurrently(served, [("DELETE", path, signed)] * 20)]
    assert sorted(deletes) == [204] + [404] * 19
