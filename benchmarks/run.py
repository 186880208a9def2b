"""Measures the service beside its peer on one PostgreSQL, and writes the tables of README.md.

The rounds of the two are interleaved, so that what else the machine does meets both; each figure is
the median of its rounds.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

import flask_migrate
import jwt
import psutil
import sqlalchemy as sa

from config import Config
from tests.support.serving import ask, free_port
from tests.support.wire import Proxy
from todo_api import create_app, embedded, queries

HERE = Path(__file__).parent
ROOT = HERE.parent
SECRET = "only-for-the-benchmark-" + "0" * 16
NAMES = ("todo_api", "peer")
PROCESSES = 2
CLIENTS = 16
ROUNDS = 9
SECONDS = 2
DISTANCE = 0.005  # seconds of a round trip to a database elsewhere
DISTANT_CLIENTS = 4
GROWTH_ROUNDS = 3
DISTANT_ROUNDS = 2
ROWS = 2_000_000
FIRST_PAGE = 60  # seconds that it may take
FRESH = 15_000  # more than one round can use up

MARK = "<!-- Everything below is written by `make bench`. -->"

Columns = tuple[list[str], list[str], list[str]]

BODY = '{"title": "Buy milk and bread", "description": "Two litres, whole; rye if there is any"}'

FILL = f"""
INSERT INTO tasks
    (user_id, title, description, completed, created_at, updated_at, priority, due_date, tags)
SELECT CASE WHEN n % 20 = 0 THEN 'many' WHEN n % 200 = 1 THEN 'some' WHEN n % 19000 = 2 THEN 'few'
        ELSE 'user-' || n % 19000 END,
    'Task number ' || n::bigint * 7919 % 100003, 'What there is to say about it', n / 200 % 3 = 0,
    now() - n * interval '1 second', now() - n::bigint * 7919 % 2000003 * interval '1 second',
    (ARRAY['low', 'medium', 'high'])[1 + n / 600 % 3],
    CASE WHEN n / 200 % 5 < 3 THEN DATE '2026-01-01' + n % 700 END,
    (ARRAY['home', 'work', 'urgent', 'errand'])[1 + n / 200 % 4 : 1 + n / 200 % 3]
FROM generate_series(1, {ROWS}) n
"""

# Each compared to the first page of the same 10,000 tasks.
LISTS = {
    "first page": "",
    **{f"sort={sort}": f"&sort={sort}" for sort in ("title", "updated_at", "-priority")},
    **{f"sort={sort}": f"&sort={sort}" for sort in ("due_date", "-due_date")},
    "status=active, priority=high, sort=due_date": "&status=active&priority=high&sort=due_date",
    "tag=work and tag=urgent, sort=title": "&tag=work&tag=urgent&sort=title",
    "due within six months, sort=-priority": (
        "&due_after=2026-06-01&due_before=2026-11-30&sort=-priority"
    ),
    "q=NUMBER 77, sort=-updated_at": "&q=NUMBER+77&sort=-updated_at",
    "q without a match": "&q=nothing",
}


@dataclass(frozen=True)
class Operation:
    """A request; a # in its path is a task of its own for each."""

    name: str
    method: str
    path: str
    body: str | None = None


OPERATIONS = (
    Operation("GET one task", "GET", "/api/tasks/#"),
    Operation("GET a page of 20", "GET", "/api/tasks?limit=20"),
    Operation("GET a page of 100", "GET", "/api/tasks?limit=100"),
    Operation("POST", "POST", "/api/tasks", BODY),
    Operation("PATCH", "PATCH", "/api/tasks/#", '{"title": "Buy oat milk"}'),
    Operation("toggle", "PATCH", "/api/tasks/#/complete"),
    Operation("DELETE", "DELETE", "/api/tasks/#"),
)


@dataclass
class Database:
    """A database of 2,000,000 tasks: 100,000 of one user, 10,000 of one, 100 of each other."""

    url: str
    engine: sa.Engine

    def fresh_tasks(self, user: str, count: int = FRESH) -> int:
        """Make tasks with ids in a row; return the first id."""
        statement = (
            "WITH made AS (INSERT INTO tasks (user_id, title, description)"
            " SELECT :user, 'Buy milk and bread', 'Two litres, whole; rye if there is any'"
            " FROM generate_series(1, :count) RETURNING id) SELECT min(id) FROM made"
        )
        with self.engine.connect() as connection:
            first: int = connection.execute(
                sa.text(statement), {"user": user, "count": count}
            ).scalar_one()
        return first


@dataclass
class Served:
    """One of the two under measure, on a URL of the database."""

    name: str
    url: str
    memory: float = 0
    starts: list[float] = field(default_factory=list)
    round_trips: dict[str, float] = field(default_factory=dict)
    found: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    port: int = field(default_factory=free_port)

    def command(self) -> list[str | Path]:
        if self.name == "todo_api":
            return [Path(sys.executable).with_name("gunicorn"), "--bind", f"127.0.0.1:{self.port}"]
        served = ["peer:app", "--port", str(self.port), "--workers", str(PROCESSES)]
        return [HERE / ".venv/bin/uvicorn", "--app-dir", HERE, *served]

    @contextmanager
    def running(self) -> Iterator["Served"]:
        address = sa.make_url(self.url)
        if self.name == "peer":
            address = address.set(drivername="postgresql+asyncpg")
        settings = {"DATABASE_URL": address.render_as_string(False), "BETTER_AUTH_SECRET": SECRET}
        started = time.monotonic()
        process = subprocess.Popen(
            self.command(),
            cwd=ROOT,
            env=settings | {"PATH": os.environ["PATH"], "WEB_CONCURRENCY": str(PROCESSES)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self.tree = psutil.Process(process.pid)
            self.wait(process)
            self.starts.append(time.monotonic() - started)
            yield self
        finally:
            process.terminate()
            process.wait(40)

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + FIRST_PAGE
        while True:
            assert time.monotonic() < deadline, f"{self.name} does not answer"
            assert process.poll() is None, f"{self.name} ended at its start"
            connection = HTTPConnection("127.0.0.1", self.port)
            try:
                assert ask(connection, "GET", "/api/tasks", token("nobody"))[0].status == 200
            except ConnectionError:
                time.sleep(0.01)
            else:
                return
            finally:
                connection.close()

    def processes(self) -> list[psutil.Process]:
        return [self.tree, *self.tree.children(recursive=True)]

    def cpu(self) -> float:
        """Seconds of processor time of all processes so far."""
        times = [process.cpu_times() for process in self.processes()]
        return sum(each.user + each.system for each in times)

    def worker_memory(self) -> float:
        """MiB that a worker has for itself."""
        return max(process.memory_full_info().uss for process in self.processes()) / 2**20


def token(user: str) -> str:
    now = int(time.time())
    return jwt.encode({"sub": user, "iat": now, "exp": now + 86_400}, SECRET, algorithm="HS256")


def load(
    served: Served, user: str, method: str, path: str, body: str | None = None, **how: int
) -> dict[str, float]:
    """Send a request over and over with wrk; return what it measured, times in milliseconds."""
    clients = how.get("clients", CLIENTS)
    before = served.cpu()
    ran = subprocess.run(
        [
            *("wrk", "-t1", f"-c{clients}", f"-d{how.get('seconds', SECONDS)}s", "--latency"),
            *("-s", HERE / "load.lua", f"http://127.0.0.1:{served.port}", "--"),
            *(token(user), method, path, *([body] if body else [])),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    assert told["failed"] == 0, (served.name, method, path, told)
    told["cpu"] = (served.cpu() - before) / told["requests"] * 1e6
    told["rate"] = told["requests"] / told["seconds"]
    return told


def measure(pair: list[Served], database: Database, rounds: int, **how: int) -> None:
    for turn in range(rounds):
        for operation in OPERATIONS:
            for served in pair if turn % 2 else reversed(pair):
                user = "writer" if "#" in operation.path or operation.body else "many"
                path = operation.path
                if "#" in path:
                    path = path.replace("#", f"#{database.fresh_tasks(user)}")
                told = load(served, user, operation.method, path, operation.body, **how)
                served.found.setdefault(operation.name, []).append(told)


def count_round_trips(
    served: Served, proxy: Proxy, database: Database, operation: Operation
) -> float:
    """Return the round trips that a request takes, by one client, once connections are open."""
    connection = HTTPConnection("127.0.0.1", served.port)
    first = database.fresh_tasks("counted", 100)
    for number in range(100):
        if number == 50:
            before = proxy.round_trips
        path = operation.path.replace("#", str(first + number))
        body = operation.body.encode() if operation.body else None
        response, _ = ask(connection, operation.method, path, token("counted"), body)
        assert response.status < 300, response.status
    connection.close()
    return (proxy.round_trips - before) / 50


@contextmanager
def made_database() -> Iterator[Database]:
    """Start PostgreSQL with its defaults and fill a new database."""
    server = sa.make_url(embedded.start(ROOT / "instance/bench-postgres", "max_wal_size=4GB"))
    server = server.set(drivername="postgresql+psycopg2")
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE IF EXISTS bench WITH (FORCE)")
        connection.exec_driver_sql("CREATE DATABASE bench")
    url = server.set(database="bench").render_as_string(hide_password=False)
    app = create_app(Config(SECRET, url))
    with app.app_context():
        flask_migrate.upgrade()
    app.extensions["engine"].dispose()
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(FILL))
        connection.exec_driver_sql("VACUUM ANALYZE tasks")
        connection.exec_driver_sql("CHECKPOINT")
    yield Database(url, engine)
    with admin.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE bench WITH (FORCE)")


def page_paths(served: Served) -> dict[str, tuple[str, str]]:
    """Return user and path of the first and of the hundredth page."""
    connection = HTTPConnection("127.0.0.1", served.port)
    path = "/api/tasks?limit=20"
    for _ in range(99):
        response, _ = ask(connection, "GET", path, token("many"))
        path = response.headers["Link"].partition("<")[2].partition(">")[0]
    few, _ = ask(connection, "GET", "/api/tasks?limit=20", token("few"))
    second = few.headers["Link"].partition("<")[2].partition(">")[0]
    connection.close()
    return {
        "first page of 100 tasks": ("few", "/api/tasks?limit=20"),
        "second page of 100 tasks": ("few", second),
        "first page of 100,000 tasks": ("many", "/api/tasks?limit=20"),
        "100th page of 100,000 tasks": ("many", path),
    }


def measure_pages(
    served: Served, pages: dict[str, tuple[str, str]], rounds: int
) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, (user, path) in pages.items():
            found.setdefault(name, []).append(load(served, user, "GET", path, clients=1)["p50"])
    return {name: median(times) for name, times in found.items()}


def explain(database: Database) -> str:
    """Return the plan of the hundredth page, and see that none sorts, in whatever order."""
    with database.engine.connect() as connection:
        for sort in queries.PAGE_BY_SORT:
            plan(connection, sort, owner="some")
        place = connection.exec_driver_sql(
            "SELECT created_at, id FROM tasks WHERE user_id = 'many'"
            " ORDER BY created_at DESC, id DESC OFFSET 1980 LIMIT 1"
        ).one()
        found = {"position_value": place.created_at, "position_id": place.id}
        return plan(connection, "-created_at", owner="many", **found)


def plan(connection: sa.Connection, sort: str, **values: object) -> str:
    compiled = queries.PAGE_BY_SORT[sort].compile(connection)
    lines = connection.exec_driver_sql(
        f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) {compiled}",
        dict.fromkeys(compiled.params) | {"row_limit": 21} | values,
    )
    told = "\n".join(lines.scalars())
    assert "Index Scan" in told, told
    assert "Sort" not in told, told
    return told


def middle(served: Served, operation: str, figure: str) -> float:
    return median(told[figure] for told in served.found[operation])


def compare(pair: list[Served], figure: str, show: str, *, more_is_better: bool = False) -> Columns:
    """Return the columns of a figure: ours, the peer's, and how many times better ours is.

    That is the median of the rounds, of which each measured the two one after the other.
    """
    ours, peer = ([middle(served, each.name, figure) for each in OPERATIONS] for served in pair)
    better = []
    for operation in OPERATIONS:
        rounds = zip(*(served.found[operation.name] for served in pair), strict=True)
        ratios = [peers[figure] / mine[figure] for mine, peers in rounds]
        better.append(median(1 / ratio if more_is_better else ratio for ratio in ratios))
    return (
        [show.format(value) for value in ours],
        [show.format(value) for value in peer],
        [f"{value:.2f}" for value in better],
    )


def table(*columns: tuple[str, Iterable[str]]) -> str:
    """Return a Markdown table of columns: a heading and the cells of each."""
    headings, cells = zip(*columns, strict=True)
    rows = [headings, ["---"] * len(headings), *zip(*cells, strict=True)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def machine(database: Database) -> str:
    with database.engine.connect() as connection:
        postgres = connection.exec_driver_sql("SHOW server_version").scalar_one()
    models = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return (
        f"{os.cpu_count()} cores of {models[0] if models else platform.machine()}, Python "
        f"{platform.python_version()}, PostgreSQL {postgres}.\n"
        f"Each service has {PROCESSES} processes. The load is {CLIENTS} clients in {ROUNDS} rounds "
        f"of {SECONDS} s. At 5 ms it is {DISTANT_CLIENTS} clients.\n"
    )


def report(
    near: list[Served], far: list[Served], growth: dict[str, float], lists: dict[str, float]
) -> Iterator[str]:
    names = "request", [operation.name for operation in OPERATIONS]
    counted = [[f"{served.round_trips[name]:g}" for name in names[1]] for served in far]
    latency = compare(far, "p50", "{:.1f} ms")
    yield table(
        names,
        ("round trips", counted[0]),
        ("peer", counted[1]),
        ("p50 at 5 ms", latency[0]),
        ("peer", latency[1]),
        ("peer / ours", latency[2]),
    )
    cpu = compare(near, "cpu", "{:.0f} us")
    rate = compare(near, "rate", "{:.0f}", more_is_better=True)
    yield table(
        names,
        ("CPU per request", cpu[0]),
        ("peer", cpu[1]),
        ("peer / ours", cpu[2]),
        ("requests/s", rate[0]),
        ("peer", rate[1]),
        ("ours / peer", rate[2]),
    )
    typical = compare(near, "p50", "{:.1f} ms")
    worst = compare(near, "p99", "{:.1f} ms")
    yield table(
        names, ("p50", typical[0]), ("peer", typical[1]), ("p99", worst[0]), ("peer", worst[1])
    )
    yield table(
        ("worker", ["memory", "start to first response"]),
        *(
            (served.name, [f"{served.memory:.0f} MiB", f"{median(served.starts):.2f} s"])
            for served in near
        ),
    )
    headings = f"20 tasks, one client, {ROWS:,} rows", "20 tasks of 10,000, one client"
    for heading, pages in zip(headings, (growth, lists), strict=True):
        first, *_ = pages.values()
        yield table(
            (heading, pages),
            ("p50", [f"{value:.2f} ms" for value in pages.values()]),
            ("ratio to first row", [f"{value / first:.2f}" for value in pages.values()]),
        )


def read_arguments() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description="Measure the service and its peer for several minutes, and write the tables"
        " of benchmarks/README.md. Needs wrk; `make bench` installs the peer.",
    )
    parser.parse_args()
    if not shutil.which("wrk"):
        parser.error("wrk is needed: apt-get install wrk")


def measure_all(database: Database, stack: ExitStack) -> str:
    """Measure both, each in front of the database and 5 ms away from it; return the tables."""
    proxies = [stack.enter_context(Proxy(database.url, delay=DISTANCE)) for _ in range(2)]
    near = [Served(name, database.url) for name in NAMES]
    far = [Served(name, proxy.url) for name, proxy in zip(NAMES, proxies, strict=True)]
    for served in near * ROUNDS:
        with served.running():
            pass
    for served in near + far:
        stack.enter_context(served.running())
    for served, proxy in zip(far, proxies, strict=True):
        for operation in OPERATIONS:
            trips = count_round_trips(served, proxy, database, operation)
            served.round_trips[operation.name] = trips
    growth = measure_pages(near[0], page_paths(near[0]), GROWTH_ROUNDS)
    listed = {name: ("some", f"/api/tasks?limit=20{query}") for name, query in LISTS.items()}
    listed["stats"] = "some", "/api/tasks/stats"
    lists = measure_pages(near[0], listed, GROWTH_ROUNDS)
    plan = f"```\n{explain(database)}\n```\n"
    measure(near, database, 1, seconds=1)
    for served in near:
        served.found.clear()  # they are warm now
    measure(near, database, ROUNDS)
    for served in near:
        served.memory = served.worker_memory()
    measure(far, database, DISTANT_ROUNDS, clients=DISTANT_CLIENTS)
    return "\n".join([machine(database), *report(near, far, growth, lists), plan])


def main() -> None:
    read_arguments()
    with made_database() as database, ExitStack() as stack:
        text = measure_all(database, stack)
    print(text)
    readme = HERE / "README.md"
    before, mark, _ = readme.read_text().partition(MARK)
    readme.write_text(f"{before}{mark}\n\n{text}")


if __name__ == "__main__":
    main()
