"""HAProxy in front of several instances: round-robin, with connections that it keeps open."""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.support.serving import Endpoint, answers
from tests.support.waiting import wait_until

HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")

SETTINGS = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    retries 3
    option redispatch 1
    http-reuse always

frontend clients
    bind 127.0.0.1:{port}
    default_backend instances

backend instances
    balance roundrobin
    option httpchk GET /ready
    http-response set-header X-Served-By %s
    default-server check inter 500ms fall 1 rise 1
{servers}
"""


class Balancer(Endpoint):
    """A balancer while a `with` lasts, in front of instances on these ports."""

    def __init__(self, folder: Path, ports: Iterable[int]) -> None:
        super().__init__()
        self.file = folder / "haproxy.cfg"
        servers = (f"    server instance-{port} 127.0.0.1:{port}" for port in ports)
        self.file.write_text(SETTINGS.format(port=self.port, servers="\n".join(servers)))

    def __enter__(self) -> "Balancer":
        assert HAPROXY
        self.process = subprocess.Popen([HAPROXY, "-q", "-f", str(self.file)])
        wait_until(lambda: answers(self), "the balancer does not answer")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(self.process)
