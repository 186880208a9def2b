"""gunicorn as in production, for tests that send HTTP requests."""

import json
import os
import re
import socket
import subprocess
import sys
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from tests import ROOT, SECRET
from tests.support.waiting import wait_until

GUNICORN = [str(Path(sys.executable).with_name("gunicorn"))]


class Endpoint:
    """A port that answers HTTP requests, and the connections to it."""

    def __init__(self, port: int = 0) -> None:
        self.port = port or free_port()
        self.connections: list[HTTPConnection] = []

    def connect(self) -> HTTPConnection:
        """Return a connection that closes with the server, if not before."""
        self.connections.append(HTTPConnection("127.0.0.1", self.port, timeout=30))
        return self.connections[-1]

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Close the connections and stop the process, for good if it does not stop by itself."""
        for connection in self.connections:
            connection.close()
        process.terminate()
        try:
            process.wait(40)  # longer than gunicorn's graceful timeout
        finally:
            process.kill()
            process.wait(10)


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
        settings |= {"PATH": os.environ["PATH"]}
        settings |= {name: os.environ[name] for name in os.environ if name.startswith("COVERAGE_")}
        limit = f"ulimit -n {descriptors}; " if descriptors else ""
        command = [*GUNICORN, "--bind", f"127.0.0.1:{self.port}"]
        with log.open("w") as stderr:
            self.process = subprocess.Popen(
                ["sh", "-c", f'{limit}exec "$@"', "sh", *command],
                cwd=code,
                env=settings | environ,
                stderr=stderr,
            )

    def __enter__(self) -> "Server":
        try:
            wait_until(self.is_booting, "no worker boots")
        except AssertionError:
            self.process.kill()
            raise
        return self

    def is_booting(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return "Booting worker" in self.log.read_text()

    def __exit__(self, *_: object) -> None:
        self.stop(self.process)

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
    return {int(pid) for pid in booted if Path(f"/proc/{pid}").exists()}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
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
