"""The tables of README.md."""

import os
import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks.database import ROWS, Database
from benchmarks.operations import OPERATIONS, Operation
from benchmarks.served import CLIENTS, PROCESSES, SECONDS, Served

ROUNDS = 9
DISTANT_CLIENTS = 4

Columns = tuple[list[str], list[str], list[str]]


def middle(served: Served, operation: str, figure: str) -> float:
    return median(sample[figure] for sample in served.found[operation])


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
    near: list[Served],
    far: list[Served],
    own: Sequence[Operation],
    growth: dict[str, float],
    lists: dict[str, float],
) -> Iterator[str]:
    yield from comparison(near, far)
    yield table(
        ("request of this service", [operation.name for operation in own]),
        ("round trips", [f"{far[0].round_trips[each.name]:g}" for each in own]),
        ("CPU per request", [f"{middle(near[0], each.name, 'cpu'):.0f} us" for each in own]),
        ("p50", [f"{middle(near[0], each.name, 'p50'):.1f} ms" for each in own]),
        ("requests/s", [f"{middle(near[0], each.name, 'rate'):.0f}" for each in own]),
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


def comparison(near: list[Served], far: list[Served]) -> Iterator[str]:
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
