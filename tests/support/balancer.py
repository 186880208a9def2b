"""HAProxy and nginx in front of instances, with the files of deploy/."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from tests import ROOT
from tests.support.processes import run, start, wait_for
from tests.support.serving import Endpoint, answers, ask

DEPLOY = ROOT / "deploy"
PATH = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
HAPROXY = shutil.which("haproxy", path=PATH)
NGINX = shutil.which("nginx", path=PATH)
SERVED_BY = "http-response set-header X-Served-By %s"


def changed(name: str, changes: dict[str, str]) -> str:
    """Return a file of deploy/ with some texts replaced. The file must have each of them once."""
    text = (DEPLOY / name).read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, f"{name} must have once: {old}"
        text = text.replace(old, new)
    return text


class Balancer(Endpoint):
    """A balancer while a `with` lasts, in front of instances on these ports.

    Its responses name the instance in `X-Served-By`.
    """

    def __init__(self, folder: Path, ports: Iterable[int], changes: dict[str, str] | None = None):
        super().__init__()
        self.file = folder / "haproxy.cfg"
        own = {
            "bind :80": f"bind 127.0.0.1:{self.port}",
            "\nbackend instances": f"\nbackend instances\n    {SERVED_BY}",
        }
        text = changed("haproxy.cfg", own | (changes or {}))
        servers = "".join(f"    server instance-{port} 127.0.0.1:{port}\n" for port in ports)
        self.file.write_text(re.sub(r"(^ +server .*\n)+", servers, text, flags=re.MULTILINE))

    def __enter__(self) -> "Balancer":
        assert HAPROXY
        self.process = start([HAPROXY, "-q", "-f", self.file])
        wait_for(self.process, lambda: answers(self), "the balancer does not answer")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(self.process)

    def reaches(self, port: int) -> bool:
        """Return whether a request is served by the instance on a port."""
        connection = self.connect()
        response, _ = ask(connection, "GET", "/health", "")
        connection.close()
        return response.headers["X-Served-By"] == f"instance-{port}"


class Nginx(Endpoint):
    """nginx while a `with` lasts, in front of instances on these ports."""

    def __init__(self, folder: Path, ports: Iterable[int], changes: dict[str, str] | None = None):
        super().__init__()
        self.folder = folder
        temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "".join(f"{name}_temp_path {folder}/{name};" for name in temporary)
        own = {
            "http {": f"http {{ {paths}",
            "listen 80": f"listen 127.0.0.1:{self.port}",
        }
        options = f"daemon off; error_log stderr; pid {folder}/nginx.pid;\n"
        text = changed("nginx.conf", own | (changes or {}))
        servers = "".join(rf"server 127.0.0.1:{port}\g<1>;" for port in ports)
        text, count = re.subn(r"server api:8000(.*);", servers, text)
        assert count == 1
        (folder / "nginx.conf").write_text(options + text)

    def command(self, *options: str) -> list[str]:
        file = self.folder / "nginx.conf"
        return [str(NGINX), "-p", str(self.folder), "-c", str(file), "-e", "stderr", *options]

    def __enter__(self) -> "Nginx":
        tried = run(self.command("-t"))
        assert tried.returncode == 0, tried.stderr
        self.process = start(self.command())
        wait_for(self.process, lambda: answers(self), "nginx does not answer")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(self.process)
