"""The image as a careful host runs it: read-only, without a capability, not as root.

`make image` builds it first, and says which engine runs it.
"""

import os
import shlex
import subprocess

import pytest

from tests import SECRET
from tests.support.api import location
from tests.support.client import Token
from tests.support.postgres import Cluster, lasting_cluster
from tests.support.serving import Endpoint, answers, ask
from tests.support.waiting import wait_until

ENGINE = shlex.split(os.environ.get("IMAGE_ENGINE", ""))
OPTIONS = shlex.split(os.environ.get("IMAGE_RUN_OPTIONS", ""))
STRICT = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")
IMAGE = "todo-api"
SOURCES = {"gunicorn.conf.py", "http_server", "migrations", "todo_api", "wsgi.py"}
COMPILERS = ("cc", "gcc", "g++", "clang", "make", "ld")

pytestmark = pytest.mark.skipif(not ENGINE, reason="run it with `make image`")


def engine(*arguments: str) -> str:
    """Run the engine and return what it prints."""
    done = subprocess.run([*ENGINE, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class Container(Endpoint):
    """A container of the image, on the network and the database of this machine."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        socket = cluster.ask("SHOW unix_socket_directories")[0]
        self.options = [
            *(*OPTIONS, *STRICT, "--network=host", f"--volume={socket}:{socket}"),
            *("-e", f"BETTER_AUTH_SECRET={SECRET}", "-e", f"DATABASE_URL={cluster.url}"),
            *("-e", f"PORT={self.port}", "-e", "WEB_CONCURRENCY=2"),
        ]

    def run(self, *command: str) -> str:
        """Return what a command prints in a container of its own."""
        return engine("run", "--rm", *self.options, IMAGE, *command)

    def __enter__(self) -> "Container":
        self.id = engine("run", "--detach", *self.options, IMAGE)
        wait_until(lambda: answers(self), "the container does not answer")
        return self

    def __exit__(self, *_: object) -> None:
        engine("rm", "--force", self.id)

    def execute(self, command: str) -> str:
        return engine("exec", self.id, "sh", "-c", command)


@pytest.fixture
def empty() -> Cluster:
    """A database without tables, whose socket other users may reach, as the container's is one."""
    cluster = lasting_cluster()
    (cluster.home / "socket").readlink().chmod(0o755)
    cluster.ask("DROP TABLE tasks, accounts, alembic_version")
    return cluster


def test_image_migrates_serves_and_stops(empty: Cluster, token: Token, user: str) -> None:
    container = Container(empty)
    container.run("flask", "db", "upgrade")
    with container:
        connection = container.connect()
        signed = token(user)
        response, task = ask(connection, "POST", "/api/tasks", signed, b'{"title": "x"}')
        assert response.status == 201
        path = location(response)
        assert ask(connection, "GET", path, signed)[1] == task
        connection.close()
        assert container.execute("id -u") == "10001"
        assert container.execute("touch /srv/file 2>/dev/null || echo refused") == "refused"
        granted = "grep CapEff /proc/1/status | cut -f2"
        assert int(container.execute(granted), 16) == 0
        assert set(container.execute("ls -A /srv").split()) == SOURCES
        assert (
            container.execute("find / -xdev -path '*/.cache/*' -print -quit 2>/dev/null || true")
            == ""
        )
        assert container.execute(f"command -v {' '.join(COMPILERS)} || true") == ""
        engine("stop", "--time=20", container.id)
        assert engine("inspect", "--format={{.State.ExitCode}}", container.id) == "0"
