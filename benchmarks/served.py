"""The services under measure, and their load."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import jwt
import psutil
import sqlalchemy as sa

from benchmarks.operations import Operation
from tests import ROOT, SECRET
from tests.support.serving import ask, free_port

HERE = Path(__file__).parent
OURS = "todo_api"
NODE_PEER = "Fastify"
COMMANDS = {
    OURS: "benchmarks/service/.venv/bin/gunicorn --bind 127.0.0.1:{port}",
    "FastAPI": "benchmarks/.venv/bin/uvicorn benchmarks.peers.fastapi.app:app"
    " --port {port} --workers {workers}",
    "Django Ninja": "benchmarks/.venv/bin/gunicorn --bind 127.0.0.1:{port}"
    " --config benchmarks/peers/ninja/gunicorn.conf.py",
    NODE_PEER: "node benchmarks/peers/fastify/server.js",
}
"""How each service starts, in the folder of the checkout."""
PROCESSES = 2
CLIENTS = 16
SECONDS = 2
FIRST_PAGE = 60  # seconds that it may take

Sample = dict[str, float]


@dataclass
class Served:
    """One of the services under measure, on a URL of the database."""

    name: str
    url: str
    workers: int = PROCESSES
    memory: float = 0
    starts: list[float] = field(default_factory=list)
    round_trips: dict[str, float] = field(default_factory=dict)
    found: dict[str, list[Sample]] = field(default_factory=dict)
    port: int = field(default_factory=free_port)

    @contextmanager
    def running(self) -> Iterator["Served"]:
        driver = "postgresql+asyncpg" if self.name == "FastAPI" else "postgresql"
        address = sa.make_url(self.url).set(drivername=driver)
        settings = {"DATABASE_URL": address.render_as_string(False), "BETTER_AUTH_SECRET": SECRET}
        settings |= {"WEB_CONCURRENCY": str(self.workers), "PORT": str(self.port)}
        settings |= {"MAX_TASKS_PER_USER": str(10**9)}
        started = time.monotonic()
        process = subprocess.Popen(
            COMMANDS[self.name].format(port=self.port, workers=self.workers).split(),
            cwd=ROOT,
            env=settings | {"PATH": os.environ["PATH"]},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self.tree = psutil.Process(process.pid)
            self.wait(process)
            self.starts.append(time.monotonic() - started)
            yield self
        finally:
            process.terminate()
            process.wait(40)

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + FIRST_PAGE
        while True:
            assert time.monotonic() < deadline, f"{self.name} does not answer"
            assert process.poll() is None, f"{self.name} ended at its start"
            connection = self.connect()
            try:
                assert ask(connection, "GET", "/api/tasks", token("nobody"))[0].status == 200
            except ConnectionError:
                time.sleep(0.01)
            else:
                return
            finally:
                connection.close()

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=30)

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


def load(served: Served, operation: Operation, number: int = 0, **how: int) -> Sample:
    """Send a request over and over with wrk; return what it measured, times in milliseconds."""
    clients = how.get("clients", CLIENTS)
    before = served.cpu()
    ran = subprocess.run(
        [
            *("wrk", "-t1", f"-c{clients}", f"-d{how.get('seconds', SECONDS)}s", "--latency"),
            "--timeout=10s",  # a request that waits for a checkpoint is slow, and no failure
            *("-s", HERE / "load.lua", f"http://127.0.0.1:{served.port}", "--"),
            *(operation.method, operation.path, operation.body or "-", str(number)),
            ",".join(token(user) for user in operation.users),
            *(part for header in operation.headers.items() for part in header),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    sample: Sample = json.loads(ran.stdout.splitlines()[-1])
    assert sample["failed"] == 0, (served.name, operation, sample)
    sample["cpu"] = (served.cpu() - before) / sample["requests"] * 1e6
    sample["rate"] = sample["requests"] / sample["seconds"]
    return sample
