"""The project, installed with pip from its repository, serves and migrates from any folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT, SECRET
from tests.support.postgres import Cluster
from tests.support.processes import running
from tests.support.serving import Endpoint, answers
from tests.support.waiting import wait_until

HOST = """
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client
from todo_api import create_app
from todo_api.config import Config

service = create_app(Config("0123456789abcdefghijklmnopqrstuv", "postgresql://host/db"))
mount = DispatcherMiddleware(Flask("host"), {"/todo": service})
assert Client(mount).get("/todo/health").json["status"] == "ok"
"""


def install(folder: Path) -> Path:
    """Return the programs of a new environment with the project in it."""
    python = folder / "venv/bin/python"
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    fetch = [str(python), "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    if subprocess.run([*fetch, "hatchling"], check=False).returncode:
        pytest.skip("no package index can be reached")
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-compile", clone], check=True)
    return python.parent


def test_installed_package_works(tmp_path: Path, cluster: Cluster) -> None:
    """It has types, can be mounted, migrates and serves. One test, as installing takes long."""
    installed = install(tmp_path)
    (package,) = installed.parent.glob("lib/python*/site-packages/todo_api")
    assert (package / "py.typed").exists()
    subprocess.run([str(installed / "python"), "-c", HOST], cwd=tmp_path, check=True)
    assert_migrates_and_serves(installed, tmp_path, cluster)


def assert_migrates_and_serves(installed: Path, folder: Path, cluster: Cluster) -> None:
    environ = {
        "BETTER_AUTH_SECRET": SECRET,
        "DATABASE_URL": cluster.url,
        "PATH": os.environ["PATH"],
    }
    for name in ("config.py", "wsgi.py"):  # of the project that depends on this one
        (folder / name).write_text("raise SystemExit('the wrong module')")
    flask = [str(installed / "flask"), "--app", "todo_api.wsgi"]
    for command in (["db", "downgrade"], ["db", "upgrade"], ["doctor"]):
        subprocess.run([*flask, *command], cwd=folder, env=environ, check=True)
    endpoint = Endpoint()
    configured = ["--config", "python:http_server.gunicorn_conf"]
    bound = ["--bind", f"127.0.0.1:{endpoint.port}"]
    command = [str(installed / "gunicorn"), *configured, *bound]
    with running(command, cwd=folder, env=environ) as gunicorn:
        wait_until(lambda: answers(endpoint), "the installed package does not serve")
    assert gunicorn.returncode == 0
