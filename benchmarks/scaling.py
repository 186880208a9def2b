"""Measures what grows: processes, the tasks of one user, the table. Writes scaling.md."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPResponse
from statistics import median
from typing import Any

import psutil
import sqlalchemy as sa

from benchmarks.database import Database, empty_database
from benchmarks.operations import BODY, CHANGED, MANY, READERS, Operation
from benchmarks.run import Numbers
from benchmarks.served import HERE, Served, load, token
from benchmarks.tables import table
from tests import ROOT
from tests.support.postgres import lasting_cluster
from tests.support.serving import ask

PROCESSES = (1, 2, 4)
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
ROUNDS = 3
STARTS = 5
FILE = HERE / "scaling.md"
HEADING = "# What grows\n\nWritten by `make bench-scaling` on "

FILL = sa.text(
    "INSERT INTO tasks (user_id, title, description, completed, priority, due_date, tags,"
    " created_at) SELECT :user, 'Task number ' || n::bigint * 7919 % 100003,"
    " 'What there is to say about it', n % 3 = 0, (ARRAY['low', 'medium', 'high'])[1 + n % 3],"
    " CASE WHEN n % 5 < 3 THEN DATE '2026-01-01' + n % 700 END,"
    " (ARRAY['home', 'work', 'urgent', 'errand'])[1 + n % 4 : 1 + n % 3],"
    " now() - n * interval '1 second' FROM generate_series(1, :count) n"
)
SIZE = (
    "SELECT count(*), pg_table_size('tasks'), pg_indexes_size('tasks'),"
    " (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'todo_api') FROM tasks"
)


def user(size: int) -> str:
    return f"user-of-{size}"


def throughput(database: Database) -> str:
    """Measure 1, 2 and 4 processes, with 8 clients for each."""
    operations = (
        Operation("GET one task", "GET", "/api/tasks/#"),
        Operation("GET a page of 20", "GET", "/api/tasks?limit=20"),
        Operation("POST", "POST", "/api/tasks", BODY, users=MANY),
    )
    rows: list[list[str]] = []
    numbers = Numbers(database)
    for count in PROCESSES:
        with Served("todo_api", database.url, count).running() as served:
            for operation in operations:
                reserved = numbers.reserve(operation)
                before = database_processor_time(database)
                found = [
                    load(served, operation, reserved, clients=8 * count) for _ in range(ROUNDS)
                ]
                spent = database_processor_time(database) - before
                keys = ("rate", "p50", "p99", "cpu")
                rate, p50, p99, cpu = (median(each[key] for each in found) for key in keys)
                rows.append(
                    [
                        f"{count}, {operation.name}",
                        *(f"{figure:,.1f}" for figure in (rate, p50, p99)),
                        f"{cpu:,.0f}",
                        f"{spent / sum(each['requests'] for each in found) * 1e6:,.0f}",
                        str(size(database)[3]),
                    ]
                )
    headings = (
        *("processes", "requests/s", "p50 ms", "p99 ms"),
        *("us of the service", "us of PostgreSQL", "connections"),
    )
    return table(*zip(headings, zip(*rows, strict=True), strict=True))


def database_processor_time(database: Database) -> float:
    """Return the seconds of processor time of all processes of PostgreSQL so far."""
    with database.engine.connect() as connection:
        backend = psutil.Process(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
        server = backend.parent()
        assert server is not None
        return sum(map(processor_time, server.children()))


def processor_time(process: psutil.Process) -> float:
    with suppress(psutil.NoSuchProcess):  # an autovacuum that has ended
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def growth(database: Database) -> str:
    """Measure one client, for users with ever more tasks. Times are p50 in milliseconds."""
    rows: list[list[str]] = []
    with Served("todo_api", database.url).running() as served:
        for count in SIZES:
            paths = {
                "page of 20": "/api/tasks?limit=20",
                "sort=title": "/api/tasks?limit=20&sort=title",
                "q without a match": "/api/tasks?q=nothing",
                "stats": "/api/tasks/stats",
                "changes": "/api/tasks/changes?limit=20",
            }
            own = (user(count),)
            reads = [Operation(name, "GET", path, None, own) for name, path in paths.items()]
            writes = [
                Operation("POST", "POST", "/api/tasks", BODY, own),
                Operation("PATCH", "PATCH", "/api/tasks/#", CHANGED, own),
            ]
            rows.append([f"{count:,}"])
            for operation in (*reads, *writes):
                first = database.fresh_tasks(own) if "#" in operation.path else 0
                sample = load(served, operation, first, clients=1, seconds=3)
                rows[-1].append(f"{sample['p50']:.2f}")
    headings = ("tasks of the user", *paths, "POST", "PATCH")
    return table(*zip(headings, zip(*rows, strict=True), strict=True))


def fill(database: Database) -> str:
    """Fill the table, and measure what a task takes on disk."""
    with database.engine.connect() as connection:
        for count in SIZES:
            connection.execute(FILL, {"user": user(count), "count": count})
        for reader in READERS:
            connection.execute(FILL, {"user": reader, "count": 100})
        connection.exec_driver_sql("VACUUM ANALYZE tasks")
    total, rows, indexes, _ = size(database)
    return (
        f"{total:,} tasks take {rows / total:.0f} bytes each in the table, and"
        f" {indexes / total:.0f} bytes each in {index_count(database)} indexes."
    )


def size(database: Database) -> tuple[int, int, int, int]:
    """Return the number of tasks, the bytes of the table and its indexes, and our connections."""
    with database.engine.connect() as connection:
        return tuple(connection.exec_driver_sql(SIZE).one())


def index_count(database: Database) -> int:
    with database.engine.connect() as connection:
        return len(sa.inspect(connection).get_indexes("tasks")) + 1


def whole_account(database: Database) -> str:
    """Measure the batches of the largest account, and one that creates tasks of it meanwhile."""
    rows: list[list[str]] = []
    with (
        Served("todo_api", database.url, 1).running() as served,
        ThreadPoolExecutor() as pool,
        closing(served.connect()) as connection,
    ):
        for path in ("/api/tasks?status=completed", "/api/tasks?status=deleted", "/api/account"):
            times: list[float] = []
            waits: list[float] = []
            deleting = pool.submit(delete_all, served, path, times)
            while not deleting.done():
                timed(waits, connection, "POST", "/api/tasks", BODY)
            deleting.result()
            figures = (median(times), max(times), median(waits), max(waits))
            rows.append([f"DELETE {path}", str(len(times)), *(f"{each:.0f}" for each in figures)])
    headings = ("request", "requests", "median ms", "slowest ms", "POST meanwhile", "slowest POST")
    return table(*zip(headings, zip(*rows, strict=True), strict=True))


def delete_all(served: Served, path: str, times: list[float]) -> None:
    """Repeat the request until nothing is left to delete."""
    with closing(served.connect()) as connection:
        more = True
        while more:
            response, body = timed(times, connection, "DELETE", path)
            more = response.status == 202 or bool(body and body["has_more"])


def timed(
    times: list[float], connection: HTTPConnection, method: str, path: str, body: str = ""
) -> tuple[HTTPResponse, Any]:
    """Send a request of the largest account, and add its time in milliseconds."""
    own = token(user(SIZES[-1]))
    started = time.monotonic()
    response, found = ask(connection, method, path, own, body.encode() or None)
    assert response.status < 300, response.status
    times.append((time.monotonic() - started) * 1000)
    return response, found


def cold_start(database: Database) -> str:
    """Measure the start of the service, and its first request after the database has stopped."""
    imports = [imported() for _ in range(STARTS)]
    served = Served("todo_api", database.url, 1)
    for _ in range(STARTS):
        with served.running():
            pass
    return table(
        ("what", ("import of the service", "from the start of gunicorn to its first response")),
        ("median of five, s", (f"{median(imports):.2f}", f"{median(served.starts):.2f}")),
    )


def imported() -> float:
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", "import todo_api"], check=True, cwd=ROOT)
    return time.monotonic() - started


def after_sleep() -> str:
    """Stop and start the database as a compute that sleeps does; return the first responses."""
    cluster = lasting_cluster()
    page = Operation("page", "GET", "/api/tasks?limit=20", None, ("nobody",))
    found: list[float] = []
    with Served("todo_api", cluster.url, 1).running() as served:
        load(served, page, clients=1, seconds=1)
        for _ in range(STARTS):
            cluster.stop("fast")
            cluster.start()
            started = time.monotonic()
            with closing(served.connect()) as connection:
                response, _ = ask(connection, "GET", page.path, token("nobody"))
            assert response.status == 200, response.status
            found.append((time.monotonic() - started) * 1000)
    return f"The first response after a stop and start took {median(found):.1f} ms."


def main() -> None:
    with empty_database() as database:
        filled = fill(database)
        parts = {
            "One user's tasks": growth(database),
            "Processes": throughput(database),
            "On disk": filled + "\n",
            "Cold start": cold_start(database),
            "Whole accounts": whole_account(database),  # last: it deletes what was filled
        }
    parts["After the database slept"] = after_sleep() + "\n"
    cores = f"{os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB.\n"
    text = "\n".join(f"## {heading}\n\n{body}" for heading, body in parts.items())
    FILE.write_text(f"{HEADING}{cores}\n{text}")


if __name__ == "__main__":
    main()
