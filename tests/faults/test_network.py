"""A network namespace that loses every packet between the service and the database. Needs root.

The silent proxy of test_database.py still acknowledges packets. Here nothing comes back.
"""

import ctypes
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.load import assert_silence_is_a_503_and_recovers
from tests.support.postgres import Cluster
from tests.support.serving import Server
from tests.support.wire import Proxy

CLONE_NEWNET = 0x4000_0000
NEAR, FAR = "10.213.213.1", "10.213.213.2"

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root and iproute2"
)


class Cable:
    """A virtual cable to its own network namespace, with `FAR` at the other end."""

    def __init__(self) -> None:
        self.name = f"t{uuid.uuid4().hex[:8]}"
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", self.name, "type", "veth", "peer", "far", "netns", self.name)
        run("ip", "addr", "add", f"{NEAR}/30", "dev", self.name)
        run("ip", "link", "set", self.name, "up")
        run("ip", "-n", self.name, "addr", "add", f"{FAR}/30", "dev", "far")
        run("ip", "-n", self.name, "link", "set", "far", "up")

    def listen(self) -> socket.socket:
        """Listen on `FAR`. A socket stays in the namespace of the thread that opened it."""

        def make() -> socket.socket:
            libc = ctypes.CDLL(None, use_errno=True)
            with Path("/run/netns", self.name).open() as namespace:
                assert libc.setns(namespace.fileno(), CLONE_NEWNET) == 0, ctypes.get_errno()
            return socket.create_server((FAR, 0))

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(make).result()

    def lose_packets(self) -> None:
        """Lose every packet: send to a hardware address that does not exist."""
        hole = ("lladdr", "02:00:00:00:00:01", "nud", "permanent")
        run("ip", "neigh", "replace", FAR, *hole, "dev", self.name)

    def restore(self) -> None:
        run("ip", "neigh", "del", FAR, "dev", self.name)

    def remove(self) -> None:
        run("ip", "link", "del", self.name)
        run("ip", "netns", "del", self.name)


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def cable() -> Iterator[Cable]:
    cable = Cable()
    yield cable
    cable.remove()


def test_lost_packets_end_in_a_timeout(
    cable: Cable, cluster: Cluster, tmp_path: Path, tokens: list[str]
) -> None:
    with (
        Proxy(cluster.url, cable.listen()) as proxy,
        Server(tmp_path / "log", proxy.url, WEB_CONCURRENCY="2") as server,
    ):
        assert_silence_is_a_503_and_recovers(
            cluster, server, tokens, cable.lose_packets, cable.restore
        )
