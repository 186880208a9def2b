"""Measures the service beside its peers on one PostgreSQL. Writes README.md and the charts.

The rounds of all services are interleaved, so that other load on the machine affects all of them.
Each figure is the median of its rounds.
"""

import argparse
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks.agreement import check_agreement
from benchmarks.database import FRESH, Database, explain, made_database
from benchmarks.operations import LISTS, OPERATIONS, Operation
from benchmarks.own import own_operations
from benchmarks.served import COMMANDS, HERE, NODE_PEER, Served, load, token
from benchmarks.tables import DISTANT_CLIENTS, OWN_CLIENTS, charts, machine, report
from tests.support.api import next_link
from tests.support.node import install_packages, missing_node
from tests.support.serving import ask
from tests.support.wire import Proxy

DISTANCE = 0.005  # seconds of a round trip to a database elsewhere
ROUNDS = 5
GROWTH_ROUNDS = 2
OWN_ROUNDS = 3
DISTANT_ROUNDS = 2
DISTANT_FRESH = 3_000
MARK = "<!-- Everything below is written by `make bench`. -->"


class Numbers:
    """The numbers of the next requests of an operation: ids of new tasks, or any that are new."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.unused = 0
        self.readable: dict[tuple[str, ...], int] = {}

    def reserve(self, operation: Operation, count: int = FRESH) -> int:
        if "#" not in operation.path:
            self.unused += count
            return self.unused
        if operation.method != "GET":
            return self.fresh_tasks(operation, count)
        if operation.users not in self.readable:  # a task can be read in every round
            self.readable[operation.users] = self.fresh_tasks(operation, 3 * FRESH)
        return self.readable[operation.users]

    def fresh_tasks(self, operation: Operation, count: int) -> int:
        return self.database.fresh_tasks(operation.users, count, trashed=operation.trashed)


def measure(
    services: list[Served],
    operations: Iterable[Operation],
    numbers: Numbers,
    rounds: int,
    fresh: int = FRESH,
    **how: int,
) -> None:
    for turn in range(rounds):
        for operation in operations:
            for served in services if turn % 2 else reversed(services):
                sample = load(served, operation, numbers.reserve(operation, fresh), **how)
                served.found.setdefault(operation.name, []).append(sample)


def count_round_trips(served: Served, proxy: Proxy, numbers: Numbers, operation: Operation) -> None:
    """Count the round trips that a request takes, by one client, once connections are open."""
    first = numbers.reserve(operation, 100)
    body = operation.body.encode() if operation.body else None
    with closing(served.connect()) as connection:
        for number in range(first, first + 100):
            if number == first + 50:
                before = proxy.round_trips
            path = operation.path.replace("#", str(number))
            headers = {
                name: value.replace("#", str(number)) for name, value in operation.headers.items()
            }
            user = operation.users[number % len(operation.users)]
            response, _ = ask(connection, operation.method, path, token(user), body, **headers)
            assert response.status < 400, response.status
    served.round_trips[operation.name] = (proxy.round_trips - before) / 50


def page_paths(served: Served) -> dict[str, tuple[str, str]]:
    """Return user and path of the first and of the hundredth page."""
    with closing(served.connect()) as connection:
        path = "/api/tasks?limit=20"
        for _ in range(99):
            path = next_link(ask(connection, "GET", path, token("many"))[0])
        second = next_link(ask(connection, "GET", "/api/tasks?limit=20", token("few"))[0])
    return {
        "first page of 100 tasks": ("few", "/api/tasks?limit=20"),
        "second page of 100 tasks": ("few", second),
        "first page of 100,000 tasks": ("many", "/api/tasks?limit=20"),
        "100th page of 100,000 tasks": ("many", path),
    }


def list_paths() -> dict[str, tuple[str, str]]:
    """Return user and path of each list, of the statistics and of the tags."""
    lists = {name: ("some", f"/api/tasks?limit=20{query}") for name, query in LISTS.items()}
    return lists | {name: ("some", f"/api/tasks/{name}") for name in ("stats", "tags")}


def measure_pages(
    served: Served, pages: dict[str, tuple[str, str]], rounds: int
) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, (user, path) in pages.items():
            page = Operation(name, "GET", path, users=(user,))
            found.setdefault(name, []).append(load(served, page, clients=1)["p50"])
    return {name: median(times) for name, times in found.items()}


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description="Measure the service and its peers for a quarter of an hour. Write the tables"
        " of benchmarks/README.md and two charts. Needs wrk. `make bench` installs the peers.",
    )
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help="fewer are faster and less exact (%(default)s)"
    )
    parser.add_argument(
        "--into", type=Path, default=HERE, help="write README.md and the charts to this folder"
    )
    arguments = parser.parse_args()
    if not shutil.which("wrk"):
        parser.error("wrk is needed: apt-get install wrk")
    return arguments


def find_services() -> tuple[list[str], str]:
    """Return the services that can run here, and what to say of one that cannot."""
    reason = missing_node()
    if not reason:
        install_packages(HERE / "peers/fastify")
        return list(COMMANDS), ""
    skipped = f"{NODE_PEER} was skipped: {reason}\n"
    print(skipped)
    return [name for name in COMMANDS if name != NODE_PEER], skipped


@contextmanager
def running(services: list[Served]) -> Iterator[list[Served]]:
    with ExitStack() as stack:
        yield [stack.enter_context(served.running()) for served in services]


def measure_far(
    database: Database, names: list[str], numbers: Numbers, rounds: int
) -> list[Served]:
    """Measure all services 5 ms away from the database, and count their round trips."""
    with ExitStack() as stack:
        proxies = [stack.enter_context(Proxy(database.url, delay=DISTANCE)) for _ in names]
        urls = [proxy.url for proxy in proxies]
        far = stack.enter_context(running(list(map(Served, names, urls))))
        for served, proxy in zip(far, proxies, strict=True):
            for operation in OPERATIONS:
                counted = replace(operation, users=("counted",))
                count_round_trips(served, proxy, numbers, counted)
        for operation in own_operations(far[0]):
            count_round_trips(far[0], proxies[0], numbers, operation)
        how = {"clients": DISTANT_CLIENTS, "seconds": 1}
        measure(far, OPERATIONS, numbers, min(rounds, DISTANT_ROUNDS), DISTANT_FRESH, **how)
    return far


def measure_all(database: Database, names: list[str], rounds: int) -> tuple[str, dict[str, str]]:
    """Measure all services, and return the tables and the charts."""
    near = [Served(name, database.url) for name in names]
    for served in near * rounds:
        with served.running():
            pass
    numbers = Numbers(database)
    far = measure_far(database, names, numbers, rounds)
    with running(near):
        ours = near[0]
        check_agreement(near)
        few = min(rounds, GROWTH_ROUNDS)
        growth = measure_pages(ours, page_paths(ours), few)
        lists = measure_pages(ours, list_paths(), few)
        plan = f"```\n{explain(database)}\n```\n"
        measure(near, OPERATIONS, numbers, 1, seconds=1)
        for served in near:
            served.found.clear()  # they are warm now
        measure(near, OPERATIONS, numbers, rounds)
        own = own_operations(ours)
        measure([ours], own, numbers, min(rounds, OWN_ROUNDS), clients=OWN_CLIENTS)
        for served in near:
            served.memory = served.worker_memory()
    tables = [machine(database, near, rounds), *report(near, far, own, growth, lists), plan]
    return "\n".join(tables), charts(near, far)


def main() -> None:
    arguments = read_arguments()
    names, skipped = find_services()
    with made_database() as database:
        text, drawn = measure_all(database, names, arguments.rounds)
    print(text)
    for name, chart in drawn.items():
        (arguments.into / name).write_text(chart)
    before, mark, _ = (HERE / "README.md").read_text().partition(MARK)
    tables = "\n".join(filter(None, (skipped, text)))
    (arguments.into / "README.md").write_text(f"{before}{mark}\n\n{tables}")


if __name__ == "__main__":
    main()
