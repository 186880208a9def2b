"""The tables of README.md."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks.charts import bar_chart
from benchmarks.database import ROWS, Database
from benchmarks.operations import OPERATIONS, Operation
from benchmarks.served import CLIENTS, NODE_PEER, OURS, PROCESSES, SECONDS, Served

DISTANT_CLIENTS = 4
OWN_CLIENTS = 8  # of one user, who may have 12 requests at once in a process

NAMES = [operation.name for operation in OPERATIONS]


def middle(served: Served, operation: str, figure: str) -> float:
    return median(sample[figure] for sample in served.found[operation])


def compare(
    heading: str,
    services: Sequence[Served],
    figure: str,
    show: str,
    *,
    more_is_better: bool = False,
) -> str:
    """Return the table of a figure. A peer's cells add how many times better ours is.

    That is the median of the rounds' ratios: each round measured all services, one after another.
    """
    ours, *peers = services
    columns = [
        (heading, NAMES),
        (OURS, [show.format(middle(ours, name, figure)) for name in NAMES]),
    ]
    for peer in peers:
        cells = []
        for name in NAMES:
            rounds = zip(ours.found[name], peer.found[name], strict=True)
            ratios = [theirs[figure] / mine[figure] for mine, theirs in rounds]
            better = median(1 / ratio if more_is_better else ratio for ratio in ratios)
            cells.append(f"{show.format(middle(peer, name, figure))} ({better:.2f})")
        columns.append((peer.name, cells))
    return table(*columns)


def table(*columns: tuple[str, Iterable[str]]) -> str:
    """Return a Markdown table of columns: a heading and the cells of each."""
    headings, cells = zip(*columns, strict=True)
    rows = [headings, ["---"] * len(headings), *zip(*cells, strict=True)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def machine(database: Database, services: Sequence[Served], rounds: int) -> str:
    with database.engine.connect() as connection:
        postgres = connection.exec_driver_sql("SHOW server_version").scalar_one()
    models = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    programs = f"Python {platform.python_version()}, PostgreSQL {postgres}"
    if services[-1].name == NODE_PEER:
        node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
        programs += f", Node {node.stdout.strip().lstrip('v')}"
    return (
        f"{os.cpu_count()} cores of {models[0] if models else platform.machine()}, {programs}.\n"
        f"Each service has {PROCESSES} processes. The load is {CLIENTS} clients in {rounds} rounds "
        f"of {SECONDS} s. At 5 ms it is {DISTANT_CLIENTS} clients, and {OWN_CLIENTS} for what only "
        "this service has.\n"
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
    yield table(
        ("round trips", NAMES),
        *((each.name, [f"{each.round_trips[name]:g}" for name in NAMES]) for each in far),
    )
    yield compare("p50 at 5 ms", far, "p50", "{:.1f} ms")
    yield compare("CPU per request", near, "cpu", "{:.0f} us")
    yield compare("requests/s", near, "rate", "{:.0f}", more_is_better=True)
    yield compare("p50", near, "p50", "{:.1f} ms")
    yield compare("p99", near, "p99", "{:.1f} ms")


def charts(near: list[Served], far: list[Served]) -> dict[str, str]:
    """Return the charts by the names of their files."""
    return {
        "cpu.svg": chart(
            "Processor time per request in microseconds (less is better)", near, "cpu", "{:.0f}"
        ),
        "latency.svg": chart(
            "Median response time in milliseconds, database 5 ms away (less is better)",
            far,
            "p50",
            "{:.1f}",
        ),
    }


def chart(title: str, services: Sequence[Served], figure: str, show: str) -> str:
    values = {each.name: [middle(each, name, figure) for name in NAMES] for each in services}
    return bar_chart(title, show, values, NAMES)
