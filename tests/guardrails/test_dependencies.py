"""Every package that is imported is named where its environment is installed from."""

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RUNTIME = PROJECT["dependencies"]
DEVELOPMENT = sum(PROJECT["optional-dependencies"].values(), RUNTIME)
OUR_PINS = ["requirements.txt", "requirements-run.txt", "requirements-dev.txt"]
OBSERVED_PINS = "tests/observability/requirements.txt"
OTHER_PINS = ["benchmarks/requirements.txt", "tests/openapi/requirements.txt", OBSERVED_PINS]
PEERS = (ROOT / "benchmarks/requirements.in").read_text().splitlines()
OUR_OWN = {file.parent.name for file in ROOT.glob("*/*.py")}
OUR_OWN |= {file.stem for file in ROOT.glob("*.py")}
DISTRIBUTIONS = {"ninja": ["django-ninja"], **packages_distributions()}


def names(requirements: Iterable[str]) -> set[str]:
    """Return the names of requirements, as the package index compares them."""
    return {re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", each)[0]).lower() for each in requirements}


def imported(file: Path) -> Iterator[str]:
    """Return the packages of others that a file imports, by the name of their distribution."""
    modules = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module)
    for package in {module.partition(".")[0] for module in modules} - OUR_OWN:
        if package not in sys.stdlib_module_names:
            yield DISTRIBUTIONS.get(package, [package])[0]


def unnamed(files: Iterable[Path], requirements: Iterable[str]) -> list[str]:
    """Return a line for each package that a file imports and the requirements do not name."""
    known = names(requirements)
    return sorted(
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files
        for name in names(imported(file)) - known
    )


def python_files(*patterns: str) -> list[Path]:
    found = [file for pattern in patterns for file in ROOT.glob(pattern)]
    return [file for file in found if ".venv" not in file.parts]


SERVICE = python_files("*.py", "todo_api/**/*.py", "http_server/**/*.py", "migrations/**/*.py")
TOOLS = python_files("tests/**/*.py", "benchmarks/*.py", "examples/*/*.py", "tools/*.py")
PEER_FILES = python_files("benchmarks/peers/**/*.py")


@pytest.mark.parametrize(
    ("files", "requirements", "place"),
    [
        (SERVICE, RUNTIME, "dependencies of pyproject.toml"),
        (TOOLS, DEVELOPMENT, "the optional dependencies of pyproject.toml"),
        (PEER_FILES, PEERS, "benchmarks/requirements.in"),
    ],
    ids=["service", "tools", "peers"],
)
def test_imported_packages_are_named(
    files: list[Path], requirements: list[str], place: str
) -> None:
    assert files
    missing = unnamed(files, requirements)
    assert not missing, f"add to {place}, then run make lock: {'; '.join(missing)}"


@pytest.mark.parametrize("file", [*OUR_PINS, *OTHER_PINS])
def test_pinned_packages_name_no_package_index(file: str) -> None:
    text = (ROOT / file).read_text()
    assert text.count("--hash=") > 20
    found = re.findall(r"^.*(?:://|--index|--extra-index|--find-links|-i ).*$", text, re.MULTILINE)
    assert not found, f"remove the package index from {file}: {found}"


def test_packages_of_a_file_are_pinned_alike_in_the_next() -> None:
    serving, running, developing, observed = (
        set(re.findall(r"^\S+==\S+", (ROOT / file).read_text(), re.MULTILINE))
        for file in (*OUR_PINS, OBSERVED_PINS)
    )
    wrong = (serving - running) | (running - developing) | (serving - observed)
    assert not wrong, f"run make lock: requirements files pin {sorted(wrong)} in other versions"


@pytest.mark.parametrize("folder", ["examples/nextjs", "benchmarks/peers/fastify", "tests/openapi"])
def test_locked_packages_of_node_name_no_registry(folder: str) -> None:
    packages = json.loads((ROOT / folder / "package-lock.json").read_text())["packages"]
    assert len(packages) > 20
    found = [name for name, package in packages.items() if "resolved" in package]
    assert not found, f"npm install in {folder} again, with its .npmrc: {found}"
