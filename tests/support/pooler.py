"""PgBouncer configured as on Neon: transaction pooling, no startup options."""

import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

from tests.support.serving import free_port
from tests.support.waiting import wait_until
from todo_api import embedded

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")

SETTINGS = """
[databases]
* = {target}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 500
logfile = {folder}/log
{more}
"""


class Pooler:
    """A PgBouncer in front of a server while a `with` lasts, with ``size`` connections."""

    def __init__(self, server: str, folder: Path, size: int = 20, more: str = "") -> None:
        url = sa.make_url(server)
        target = {"host": url.query.get("host") or url.host, "port": url.port or 5432}
        target |= {"user": url.username, "password": url.password}
        self.port = free_port()
        self.file = folder / "pgbouncer.ini"
        self.file.write_text(
            SETTINGS.format(
                target=" ".join(f"{name}={value}" for name, value in target.items() if value),
                port=self.port,
                size=size,
                folder=folder,
                more=more,
            )
        )
        embedded.chown_to_server_user(folder)

    def __enter__(self) -> "Pooler":
        assert PGBOUNCER
        user = embedded.as_server_user() | {"stdout": subprocess.DEVNULL}
        user |= {"stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen([PGBOUNCER, str(self.file)], **user)
        wait_until(self.accepts, "PgBouncer does not accept connections")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)

    def accepts(self) -> bool:
        assert self.process.poll() is None, self.log()
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
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
