"""How pytest runs and reports: order, workers, time limits, short failures, what it skipped."""

import gc
import os
from collections import Counter
from collections.abc import Generator
from itertools import chain
from pathlib import Path

import pytest

MAX_LINES = 40
"""Lines that are shown of a failure, and of each part of what it wrote."""
ERROR_LINES = 5
"""Lines that are shown of the error in the middle of a failure."""
SLOW_FOLDERS = {"docs", "faults", "fuzz", "image", "observability", "openapi"}
SLOW_TIMEOUT = 900  # seconds


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use one worker more than there are CPUs, as many tests wait for a server.

    Use none for the tests of one file: workers take longer to start than most tests to run.
    """
    files = {argument.partition("::")[0] for argument in config.getoption("file_or_dir")}
    return 0 if len(files) == 1 and Path(*files).is_file() else 1 + (os.cpu_count() or 1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--uses", metavar="FIXTURE", help="run only the tests that use this fixture")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `--uses` does not ask for. Give slow folders more time than the rest.

    Each worker begins with its part of the long tests, so that none begins at the end.
    """
    if fixture := config.getoption("uses"):
        others = [item for item in items if fixture not in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]
    for item in items:
        if item.path.parent.name in SLOW_FOLDERS:
            item.add_marker(pytest.mark.timeout(SLOW_TIMEOUT))
    workers = getattr(config, "workerinput", {"workercount": 1})["workercount"]
    long = [item for item in items if item.get_closest_marker("long")]
    others = [item for item in items if item not in long]
    ends = [len(others) * number // workers for number in range(workers + 1)]
    shares = [long[n::workers] + others[ends[n] : ends[n + 1]] for n in range(workers)]
    items[:] = chain.from_iterable(shares)


def pytest_collection_finish() -> None:
    """Leave what lasts as long as the tests out of each garbage collection: a tenth of the time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shorten what a failure prints; with CI set, pytest prints the whole of a long comparison."""
    report = yield
    text = str(report.longrepr) if report.failed else ""
    if text.count("\n") > MAX_LINES:
        report.longrepr = shorten(text)
    report.sections = [(title, shorten(written)) for title, written in report.sections]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List why tests were skipped, such as a program that is not installed."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        terminalreporter.section(f"skipped tests: {len(skipped)}")
        for reason, count in reasons.most_common():
            terminalreporter.line(f"{count:4}  {reason}")


def shorten(text: str) -> str:
    """Return the first and last lines of a text, and from its middle what the error says."""
    lines = text.splitlines(keepends=True)
    if len(lines) <= MAX_LINES:
        return text
    half = MAX_LINES // 2
    middle = slice(half - ERROR_LINES, -half)
    error = [line for line in lines[middle] if line.startswith("E ")][:ERROR_LINES]
    left_out = f"... {len(lines[middle]) - len(error)} lines left out ...\n"
    lines[middle] = [left_out, *error]
    return "".join(lines)
