"""Measures the service beside its peer on one PostgreSQL, and writes the tables of README.md.

The rounds of the two are interleaved, so that what else the machine does meets both; each figure is
the median of its rounds.
"""

import json
import os
import platform
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

from benchmarks.proxy import Proxy
from config import Config
from tests.serving import ask, free_port
from todo_api import create_app, embedded, tasks

HERE = Path(__file__).parent
ROOT = HERE.parent
SECRET = "only-for-the-benchmark-" + "0" * 16
PROCESSES = 2
CLIENTS = 16
ROUNDS = 1
SECONDS = 3
DISTANCE = 0.005  # seconds of a round trip to a database elsewhere
DISTANT_CLIENTS = 4
ROWS = 2_000_000
FRESH = 40_000  # more than one round can use up

BODY = '{"title": "Buy milk and bread", "description": "Two litres, whole; rye if there is any"}'

FILL = f"""
INSERT INTO tasks (user_id, title, description, completed, created_at)
SELECT CASE WHEN n % 20 = 0 THEN 'many' WHEN n % 19000 = 1 THEN 'few' ELSE 'user-' || n % 19000 END,
    'Task number ' || n, 'What there is to say about it', n % 3 = 0, now() - n * interval '1 second'
FROM generate_series(1, {ROWS}) n
"""


@dataclass(frozen=True)
class Operation:
    """A request; a # in its path is a task of its own for each."""

    name: str
    kind: str
    method: str
    path: str
    body: str | None = None


OPERATIONS = (
    Operation("GET one", "one", "GET", "/api/tasks/#"),
    Operation("GET a page of 20", "page", "GET", "/api/tasks?limit=20"),
    Operation("GET a page of 100", "page", "GET", "/api/tasks?limit=100"),
    Operation("POST", "write", "POST", "/api/tasks", BODY),
    Operation("PATCH", "write", "PATCH", "/api/tasks/#", '{"title": "Buy oat milk"}'),
    Operation("toggle", "write", "PATCH", "/api/tasks/#/complete"),
    Operation("DELETE", "write", "DELETE", "/api/tasks/#"),
)


@dataclass
class Database:
    """A database of 2,000,000 tasks: 100,000 of one user, 100 of each of the others, mixed."""

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
    started_in: float = 0
    proxy: Proxy | None = None
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
            env=os.environ | settings | {"WEB_CONCURRENCY": str(PROCESSES)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self.tree = psutil.Process(process.pid)
            self.wait()
            self.started_in = time.monotonic() - started
            yield self
        finally:
            process.terminate()
            process.wait(20)

    def wait(self) -> None:
        while True:
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


def load(served: Served, user: str, method: str, path: str, body: str | None = None, **how: int) -> dict[str, float]:
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


def count_round_trips(served: Served, database: Database, operation: Operation) -> float:
    connection = HTTPConnection("127.0.0.1", served.port)
    proxy = served.proxy
    assert proxy
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
    last = few.headers["Link"].partition("<")[2].partition(">")[0]
    connection.close()
    return {
        "first page of 100 tasks": ("few", "/api/tasks?limit=20"),
        "second page of 100 tasks": ("few", last),
        "first page of 100,000 tasks": ("many", "/api/tasks?limit=20"),
        "100th page of 100,000 tasks": ("many", path),
    }


def measure_growth(served: Served, rounds: int) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    pages = page_paths(served)
    for _ in range(rounds):
        for name, (user, path) in pages.items():
            found.setdefault(name, []).append(load(served, user, "GET", path, clients=1)["p50"])
    return {name: median(times) for name, times in found.items()}


def explain(database: Database) -> str:
    """Return the plan of the hundredth page, and see that it walks the index and sorts nothing."""
    with database.engine.connect() as connection:
        place = connection.exec_driver_sql(
            "SELECT created_at, id FROM tasks WHERE user_id = 'many'"
            " ORDER BY created_at DESC, id DESC OFFSET 1980 LIMIT 1"
        ).one()
        values = {"owner": "many", "is_completed": None, "at_most": 21}
        values |= {"after_created_at": place.created_at, "after_id": place.id}
        compiled = tasks.LIST.compile(connection)
        plan = connection.exec_driver_sql(
            f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) {compiled}",
            compiled.construct_params(values),
        )
        told = "\n".join(plan.scalars())
    assert "Index Scan using ix_tasks_user_id_created_at_id" in told, told
    assert "Sort" not in told, told
    return told


def middle(served: Served, operation: str, figure: str) -> float:
    return median(told[figure] for told in served.found[operation])


def table(header: str, rows: Iterable[Iterable[object]]) -> str:
    lines = [header, "|" + "---|" * header.count("| ")]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def machine(database: Database) -> str:
    with database.engine.connect() as connection:
        postgres = connection.exec_driver_sql("SHOW server_version").scalar_one()
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    processor = names[0].partition(": ")[2] if names else platform.machine()
    return (
        f"{os.cpu_count()} cores of {processor}, Python {platform.python_version()}, "
        f"PostgreSQL {postgres}; {PROCESSES} processes each, {CLIENTS} clients, "
        f"{ROUNDS} rounds of {SECONDS} s."
    )


def main() -> None:
    assert shutil.which("wrk"), "wrk is needed: apt-get install wrk"
    with made_database() as database, ExitStack() as stack:
        near = [Served("todo_api", database.url), Served("peer", database.url)]
        far = []
        for each in near:
            proxy = Proxy(database.url, DISTANCE)
            far.append(Served(each.name, proxy.url, proxy=proxy))
        for served in near + far:
            stack.enter_context(served.running())
        trips = {
            (served.name, operation.name): count_round_trips(served, database, operation)
            for served in far
            for operation in OPERATIONS
        }
        measure(near, database, 1, seconds=1)
        for served in near:
            served.found.clear()
        measure(near, database, ROUNDS)
        measure(far, database, 3, clients=DISTANT_CLIENTS)
        memory = {served.name: served.worker_memory() for served in near}
        starts: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for each in near:
                again = Served(each.name, database.url)
                with again.running():
                    starts.setdefault(each.name, []).append(again.started_in)
        growth = measure_growth(near[0], 3)
        plan = explain(database)
        ours, peer = near
        far_ours, far_peer = far
        report = [machine(database), ""]
        report.append(
            table(
                "| request | round trips | peer | p50 at 5 ms | peer | peer / ours |",
                (
                    (
                        name,
                        f"{trips['todo_api', name]:g}",
                        f"{trips['peer', name]:g}",
                        f"{middle(far_ours, name, 'p50'):.1f} ms",
                        f"{middle(far_peer, name, 'p50'):.1f} ms",
                        f"{middle(far_peer, name, 'p50') / middle(far_ours, name, 'p50'):.1f}",
                    )
                    for name in ours.found
                ),
            )
        )
        report.append(
            table(
                "| request | CPU a request | peer | peer / ours | requests/s | peer | ours / peer |",
                (
                    (
                        name,
                        f"{middle(ours, name, 'cpu'):.0f} us",
                        f"{middle(peer, name, 'cpu'):.0f} us",
                        f"{middle(peer, name, 'cpu') / middle(ours, name, 'cpu'):.2f}",
                        f"{middle(ours, name, 'rate'):.0f}",
                        f"{middle(peer, name, 'rate'):.0f}",
                        f"{middle(ours, name, 'rate') / middle(peer, name, 'rate'):.2f}",
                    )
                    for name in ours.found
                ),
            )
        )
        report.append(
            table(
                "| request | p50 | peer | p99 | peer |",
                (
                    (
                        name,
                        *(
                            f"{middle(served, name, figure):.1f} ms"
                            for figure in ("p50", "p99")
                            for served in (ours, peer)
                        ),
                    )
                    for name in ours.found
                ),
            )
        )
        report.append(
            table(
                "| of a worker | ours | peer |",
                (
                    ("memory of its own", *(f"{memory[s.name]:.0f} MiB" for s in near)),
                    ("from start to first answer", *(f"{median(starts[s.name]):.2f} s" for s in near)),
                ),
            )
        )
        base = growth["first page of 100 tasks"]
        report.append(
            table(
                "| 20 tasks, one client, among 2,000,000 rows | p50 | to the first |",
                (
                    (name, f"{time:.2f} ms", f"{time / base:.2f}")
                    for name, time in growth.items()
                ),
            )
        )
        report.append(f"```\n{plan}\n```")
    text = "\n".join(report)
    print(text)


if __name__ == "__main__":
    main()
