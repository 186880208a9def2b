"""PgBouncer with the file of deploy/, as on Neon: transaction pooling, no startup options."""

import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

from tests.support.balancer import changed
from tests.support.processes import end, start, wait_for
from tests.support.serving import free_port
from tests.support.waiting import LIMIT
from todo_api.database import embedded

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


class Pooler:
    """A PgBouncer in front of a server while a `with` lasts, with ``size`` connections."""

    def __init__(self, server: str, folder: Path, size: int = 20, more: str = "") -> None:
        url = sa.make_url(server)
        target = {"host": url.query.get("host") or url.host, "port": url.port or 5432}
        target |= {"user": url.username, "password": url.password}
        self.port = free_port()
        self.file = folder / "pgbouncer.ini"
        named = " ".join(f"{name}={value}" for name, value in target.items() if value)
        changes = {
            "todo = host=db.example.com port=5432": f"* = {named}",
            "listen_addr = *": "listen_addr = 127.0.0.1\nunix_socket_dir =",
            "listen_port = 6432": f"listen_port = {self.port}",
            "scram-sha-256": "any",
            "auth_file = /etc/pgbouncer/userlist.txt": f"logfile = {folder}/log",
            "default_pool_size = 60": f"default_pool_size = {size}",
        }
        self.file.write_text(f"{changed('pgbouncer.ini', changes)}{more}\n")
        for path in (*folder.iterdir(), folder):
            embedded.chown_to_server_user(path)

    def __enter__(self) -> "Pooler":
        assert PGBOUNCER
        user = embedded.as_server_user() | {"stdout": subprocess.DEVNULL}
        user |= {"stderr": subprocess.DEVNULL}
        self.process = start([PGBOUNCER, self.file], **user)
        wait_for(self.process, self.accepts, "PgBouncer does not accept connections")
        return self

    def __exit__(self, *_: object) -> None:
        end(self.process)

    def accepts(self) -> bool:
        assert self.process.poll() is None, self.log()
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT).close()
            return True
        return False

    def log(self) -> str:
        return (self.file.parent / "log").read_text()

    def url(self, direct: str) -> str:
        """Return the URL of a database through the pooler."""
        pooled = sa.make_url(direct).set(
            host="127.0.0.1", port=self.port, query={"sslmode": "disable"}
        )
        return pooled.render_as_string(hide_password=False)
