"""Measures the service beside its peer on one PostgreSQL, and writes the tables of README.md.

The rounds of the two are interleaved, so that what else the machine does meets both; each figure is
the median of its rounds.
"""

import argparse
import shutil
from collections.abc import Iterable
from contextlib import ExitStack, closing
from dataclasses import replace
from statistics import median

from benchmarks.database import FRESH, Database, explain, made_database
from benchmarks.operations import LISTS, OPERATIONS, Operation
from benchmarks.own import own_operations
from benchmarks.served import HERE, Served, load, token
from benchmarks.tables import DISTANT_CLIENTS, ROUNDS, machine, report
from tests.support.api import next_link
from tests.support.serving import ask
from tests.support.wire import Proxy

NAMES = ("todo_api", "peer")
DISTANCE = 0.005  # seconds of a round trip to a database elsewhere
GROWTH_ROUNDS = 3
OWN_ROUNDS = 5
DISTANT_ROUNDS = 2
MARK = "<!-- Everything below is written by `make bench`. -->"


class Numbers:
    """The numbers of the next requests of an operation: ids of new tasks, or any that are new."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.unused = 0

    def reserve(self, operation: Operation, count: int = FRESH) -> int:
        if "#" in operation.path:
            (user,) = operation.users
            return self.database.fresh_tasks(user, count, trashed=operation.trashed)
        self.unused += count
        return self.unused


def measure(
    services: list[Served],
    operations: Iterable[Operation],
    numbers: Numbers,
    rounds: int,
    **how: int,
) -> None:
    for turn in range(rounds):
        for operation in operations:
            for served in services if turn % 2 else reversed(services):
                sample = load(served, operation, numbers.reserve(operation), **how)
                served.found.setdefault(operation.name, []).append(sample)


def count_round_trips(served: Served, proxy: Proxy, numbers: Numbers, operation: Operation) -> None:
    """Count the round trips that a request takes, by one client, once connections are open."""
    first = numbers.reserve(operation, 100)
    body = operation.body.encode() if operation.body else None
    with closing(served.connect()) as connection:
        for number in range(100):
            if number == 50:
                before = proxy.round_trips
            path = operation.path.replace("#", str(first + number))
            headers = {
                name: value.replace("#", str(first + number))
                for name, value in operation.headers.items()
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
    """Return user and path of each list, and of the statistics."""
    lists = {name: ("some", f"/api/tasks?limit=20{query}") for name, query in LISTS.items()}
    return lists | {"stats": ("some", "/api/tasks/stats")}


def measure_pages(
    served: Served, pages: dict[str, tuple[str, str]], rounds: int
) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, (user, path) in pages.items():
            page = Operation(name, "GET", path, users=(user,))
            found.setdefault(name, []).append(load(served, page, clients=1)["p50"])
    return {name: median(times) for name, times in found.items()}


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
    numbers = Numbers(database)
    ours = near[0]
    own = own_operations(ours)
    for served, proxy in zip(far, proxies, strict=True):
        for operation in OPERATIONS:
            counted = replace(operation, users=("counted",))
            count_round_trips(served, proxy, numbers, counted)
    for operation in own:
        count_round_trips(far[0], proxies[0], numbers, operation)
    growth = measure_pages(ours, page_paths(ours), GROWTH_ROUNDS)
    lists = measure_pages(ours, list_paths(), GROWTH_ROUNDS)
    plan = f"```\n{explain(database)}\n```\n"
    measure(near, OPERATIONS, numbers, 1, seconds=1)
    for served in near:
        served.found.clear()  # they are warm now
    measure(near, OPERATIONS, numbers, ROUNDS)
    measure([ours], own, numbers, OWN_ROUNDS)
    for served in near:
        served.memory = served.worker_memory()
    measure(far, OPERATIONS, numbers, DISTANT_ROUNDS, clients=DISTANT_CLIENTS)
    return "\n".join([machine(database), *report(near, far, own, growth, lists), plan])


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
