"""HAProxy and nginx in front of instances, with the files of deploy/."""

import json
import re
import shutil
import ssl
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any

from tests import ROOT
from tests.support.processes import run, start, wait_for
from tests.support.serving import Endpoint, answers, ask
from tests.support.waiting import LIMIT

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


class Proxy(Endpoint):
    """A proxy with a file of deploy/, and its log. With a certificate it serves TLS."""

    def __init__(self, folder: Path, certificate: Path | None):
        super().__init__()
        self.folder = folder
        self.access_log = folder / "access.log"
        self.certificate = certificate
        self.plain = Endpoint() if certificate else self  # its port without TLS

    def connect(self) -> HTTPConnection:
        if self.certificate is None:
            return super().connect()
        trusting = ssl.create_default_context(cafile=str(self.certificate))
        self.connections.append(
            HTTPSConnection("127.0.0.1", self.port, timeout=LIMIT, context=trusting)
        )
        return self.connections[-1]

    def changed(self, name: str, changes: dict[str, str]) -> str:
        text = changed(name, changes)
        return re.sub("^( *)#tls ", r"\1", text, flags=re.M) if self.certificate else text

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines of its log about requests."""
        lines = self.access_log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def make_certificate(folder: Path) -> Path:
    """Return a file with the certificate of this machine, and its key."""
    file = folder / "certificate.pem"
    options = "-x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=test"
    name = ["-addext", "subjectAltName=IP:127.0.0.1"]
    made = run(["openssl", "req", *options.split(), *name, "-keyout", file, "-out", file])
    assert made.returncode == 0, made.stderr
    return file


class Balancer(Proxy):
    """A balancer while a `with` lasts, in front of instances on these ports.

    Its responses name the instance in `X-Served-By`.
    """

    def __init__(
        self,
        folder: Path,
        ports: Iterable[int],
        changes: dict[str, str] | None = None,
        certificate: Path | None = None,
    ):
        super().__init__(folder, certificate)
        self.file = folder / "haproxy.cfg"
        own = {
            "bind :80": f"bind 127.0.0.1:{self.plain.port}",
            "bind :443": f"bind 127.0.0.1:{self.port}",
            "/etc/haproxy/todo.pem": str(certificate),
            "\nbackend instances": f"\nbackend instances\n    {SERVED_BY}",
        }
        text = self.changed("haproxy.cfg", own | (changes or {}))
        servers = "".join(f"    server instance-{port} 127.0.0.1:{port}\n" for port in ports)
        self.file.write_text(re.sub(r"(^ +server .*\n)+", servers, text, flags=re.MULTILINE))

    def __enter__(self) -> "Balancer":
        assert HAPROXY
        with self.access_log.open("w") as log:
            self.process = start([HAPROXY, "-f", self.file], stdout=log)
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


class Nginx(Proxy):
    """nginx while a `with` lasts, in front of instances on these ports."""

    def __init__(
        self,
        folder: Path,
        ports: Iterable[int],
        changes: dict[str, str] | None = None,
        certificate: Path | None = None,
    ):
        super().__init__(folder, certificate)
        temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "".join(f"{name}_temp_path {folder}/{name};" for name in temporary)
        own = {
            "http {": f"http {{ {paths}",
            "listen 80": f"listen 127.0.0.1:{self.plain.port}",
            "listen 443": f"listen 127.0.0.1:{self.port}",
            "/etc/nginx/tls/fullchain.pem": str(certificate),
            "/etc/nginx/tls/privkey.pem": str(certificate),
            "/var/log/nginx/access.log": str(self.access_log),
        }
        options = f"daemon off; pid {folder}/nginx.pid;\n"
        text = self.changed("nginx.conf", own | (changes or {}))
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
