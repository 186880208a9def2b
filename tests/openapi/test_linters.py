"""Programs in Node accept openapi.json: linters with their strictest rules, and a generator."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.node import install_packages, missing_node

HERE = Path(__file__).parent
NODE_OF_REDOCLY = (20, 19)


@pytest.fixture(scope="module")
def installed() -> None:
    if reason := missing_node(NODE_OF_REDOCLY):
        pytest.skip(reason)
    install_packages(HERE)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("linter", ["redocly", "spectral"])
def test_document_has_no_problem(linter: str) -> None:
    npm_run(linter)


@pytest.mark.usefixtures("installed")
def test_generated_typescript_with_zod_compiles() -> None:
    npm_run("generate")
    npm_run("compile")


def npm_run(script: str) -> None:
    environ = os.environ | {"REDOCLY_TELEMETRY": "off"}
    subprocess.run(["npm", "run", "--silent", script], cwd=HERE, env=environ, check=True)
