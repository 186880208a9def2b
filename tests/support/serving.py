"""gunicorn as in production, for tests that send HTTP requests."""

import json
import os
import re
import socket
import sys
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

import psutil

from tests import ROOT, SECRET
from tests.support.processes import Process, end, start, wait_for
from tests.support.waiting import LIMIT

GUNICORN = [str(Path(sys.executable).with_name("gunicorn"))]


class Endpoint:
    """A port that answers HTTP requests, and the connections to it."""

    def __init__(self, port: int = 0) -> None:
        self.port = port or free_port()
        self.connections: list[HTTPConnection] = []

    def connect(self) -> HTTPConnection:
        """Return a connection that closes with the server, if not before."""
        self.connections.append(HTTPConnection("127.0.0.1", self.port, timeout=LIMIT))
        return self.connections[-1]

    def stop(self, process: Process) -> None:
        """Close the connections and stop the process."""
        for connection in self.connections:
            connection.close()
        end(process)


class Server(Endpoint):
    """A running gunicorn with its port and its log."""

    def __init__(
        self,
        log: Path,
        database_url: str,
        descriptors: int = 0,
        port: int = 0,
        code: Path = ROOT,
        /,
        **environ: str,
    ) -> None:
        super().__init__(port)
        self.log = log
        settings = {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": database_url}
        # No request may get a 429, and no statement a line, because the machine is slow.
        settings |= {"PATH": os.environ["PATH"], "USER_TIMEOUT": "60", "SLOW_STATEMENT": "60"}
        limit = f"ulimit -n {descriptors}; " if descriptors else ""
        command = [*GUNICORN, "--bind", f"127.0.0.1:{self.port}"]
        with log.open("w") as stderr:
            self.process = start(
                ["sh", "-c", f'{limit}exec "$@"', "sh", *command],
                cwd=code,
                env=settings | environ,
                stderr=stderr,
            )

    def __enter__(self) -> "Server":
        wait_for(self.process, self.is_booting, "no worker boots")
        return self

    def is_booting(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return "Booting worker" in self.log.read_text()

    def __exit__(self, *_: object) -> None:
        self.stop(self.process)

    def status(self) -> int:
        """Return the exit status of a gunicorn that ends by itself."""
        try:
            return self.process.wait(LIMIT)
        finally:
            end(self.process)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def answers(endpoint: Endpoint) -> bool:
    """Return whether the service is ready there."""
    connection = endpoint.connect()
    try:
        return ask(connection, "GET", "/ready", "")[0].status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def workers(server: Server) -> set[int]:
    """Return the process ids of the running workers."""
    booted = re.findall(r"Booting worker with pid: (\d+)", server.log.read_text())
    return {int(pid) for pid in booted if psutil.pid_exists(int(pid))}


def free_port() -> int:
    """Return a port that the system gives nobody else for a minute: a connection just ended there.

    A server can listen on it, as servers set SO_REUSEADDR.
    """
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0],  # closes first, so that this end waits in TIME_WAIT
    ):
        port: int = listener.getsockname()[1]
        return port


def ask(
    connection: HTTPConnection,
    method: str,
    path: str,
    token: str,
    body: bytes | None = None,
    **headers: str,
) -> tuple[HTTPResponse, Any]:
    headers |= {"Authorization": f"Bearer {token}"}
    if body is not None:
        headers |= {"Content-Type": "application/json"}
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    return response, read_json(response)


def read_json(response: HTTPResponse) -> Any:
    """Return the JSON of a response; nothing for another body, such as a balancer's error."""
    text = response.read()
    is_json = response.headers.get_content_type() == "application/json"
    return json.loads(text) if text and is_json else None
