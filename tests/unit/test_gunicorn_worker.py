"""gunicorn still has the internals that `todo_api.gunicorn_worker` relies on."""

import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import gunicorn
import pytest
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn, ThreadWorker

from tests import ROOT


def test_gunicorn_is_the_version_the_worker_was_checked_on() -> None:
    assert gunicorn.__version__ == "27.0.1"


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (ThreadWorker.handle, ["self", "conn"]),
        (TConn.close, ["self", "graceful"]),
        (Logger.setup, ["self", "cfg"]),
        (Logger.warning, ["self", "msg", "args", "kwargs"]),
        (Logger.exception, ["self", "msg", "args", "kwargs"]),
    ],
)
def test_overridden_method_has_the_expected_parameters(
    method: Callable[..., Any], parameters: list[str]
) -> None:
    assert list(inspect.signature(method).parameters) == parameters


@pytest.mark.parametrize("name", ["alive", "nr_conns", "cfg"])
def test_worker_has_the_expected_attribute(name: str) -> None:
    assert f"self.{name} " in inspect.getsource(ThreadWorker) + inspect.getsource(
        ThreadWorker.__mro__[1]
    )


def test_worker_module_does_not_load_the_application() -> None:
    """gunicorn's arbiter imports it; workers must load new code after SIGHUP."""
    program = "import sys, todo_api.gunicorn_worker; print('flask' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert found.stdout == "False\n"
