"""A primary that dies under load: its standby takes over, and nobody restarts the service."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from tests.support.load import Load, assert_kept
from tests.support.postgres import Cluster, reachable_folder
from tests.support.serving import Server
from tests.support.sync import CHANGES, Person
from tests.support.waiting import wait_until
from todo_api.database import embedded


class Standby:
    """A synchronous copy of a cluster, by streaming replication."""

    def __init__(self, primary: Cluster, folder: Path) -> None:
        self.primary = primary
        self.folder = folder
        embedded.chown_to_server_user(folder)
        primary.ask("ALTER SYSTEM SET wal_keep_size = '256MB'")  # what pg_rewind reads
        source = f"{address(primary_socket(primary))} application_name=standby"
        embedded.run(
            primary.programs / "pg_basebackup",
            *("-D", folder / "data", "-d", source, "-R", "-X", "stream", "-c", "fast"),
        )
        self.control("start", "-o", server_options(folder))
        primary.ask("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        primary.ask("SELECT pg_reload_conf()")
        count = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        wait_until(lambda: primary.ask(count) == [1], "the standby is not synchronous")

    def control(self, command: str, *options: str | Path) -> None:
        program = self.primary.programs / "pg_ctl"
        log = self.folder / "server.log"
        embedded.run(program, command, "-D", self.folder / "data", "-w", "-l", log, *options)

    def promote(self) -> None:
        embedded.run(self.primary.programs / "pg_ctl", "promote", "-D", self.folder / "data", "-w")

    def take_back(self) -> None:
        """Make the old primary a standby of this server, without what only it had written."""
        embedded.run(
            self.primary.programs / "pg_rewind",
            *("-D", self.primary.home / "data", "-R"),
            f"--source-server={address(self.folder)} dbname=postgres",
        )
        options = server_options(primary_socket(self.primary))
        self.primary.control("start", "-o", options, "-l", str(self.primary.home / "data/log"))


def primary_socket(cluster: Cluster) -> Path:
    return (cluster.home / "socket").readlink()


def address(socket_folder: Path) -> str:
    return f"host={socket_folder} user=postgres"


def server_options(socket_folder: Path) -> str:
    settings = ("listen_addresses=", f"unix_socket_directories={socket_folder}")
    return " ".join(f"-c {setting}" for setting in (*settings, "max_connections=60"))


@pytest.fixture
def standby(cluster: Cluster) -> Iterator[Standby]:
    with reachable_folder() as folder:
        standby = Standby(cluster, folder)
        yield standby
        standby.control("stop", "-m", "immediate")


def test_standby_takes_over_from_a_killed_primary(
    cluster: Cluster, standby: Standby, tmp_path: Path, tokens: list[str]
) -> None:
    folders = (primary_socket(cluster), standby.folder)
    hosts = ",".join(quote(str(folder), safe="") for folder in folders)
    url = f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"
    with (
        Server(tmp_path / "log", url, WEB_CONCURRENCY="2") as server,
        Load(server, tokens) as load,
    ):
        load.wait_for_responses()
        with closing(Person(server, tokens[0])) as person:
            position = urlencode({"since": person.send("GET", CHANGES).json["next"]})
            assert person.send("GET", f"{CHANGES}?{position}").status == 200
        cluster.stop("immediate")
        killed = time.monotonic()
        time.sleep(2)
        load.wait_for_responses()
        promoting = time.monotonic()
        standby.promote()
        limit = load.outlast(time.monotonic(), 3)
        standby.take_back()
        load.wait_for_responses()
        time.sleep(3)
        with closing(Person(server, tokens[0])) as person:
            assert person.send("GET", f"{CHANGES}?{position}").status == 410
            assert person.send("GET", CHANGES).status == 200
    assert {sent.status for sent in load.answered(killed, promoting)} == {503}
    assert set(load.statuses()) == {200, 201, 503}
    assert load.last_failure() < limit
    caught_up = "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'"
    wait_until(lambda: cluster.ask(caught_up) == [1], "the old primary does not follow")
    assert cluster.ask("SELECT pg_is_in_recovery()") == [True]
    wait_until(lambda: holds(cluster, load.acknowledged), "the old primary lacks tasks")
    assert_kept(cluster, load)


def holds(cluster: Cluster, ids: list[int]) -> bool:
    (found,) = cluster.ask("SELECT count(*) FROM tasks WHERE id = ANY(:ids)", ids=ids)
    return bool(found == len(ids))
