"""One user's connection over HTTP, and clients that keep a copy of the user's tasks up to date."""

import json
from dataclasses import dataclass, field
from http.client import HTTPMessage
from random import Random
from typing import Any
from urllib.parse import urlencode

from tests.support.serving import Endpoint, read_json

CHANGES = "/api/tasks/changes"
MOST_PAGES = 3_000  # more than any account of these tests has changes


@dataclass
class Reply:
    status: int
    headers: HTTPMessage
    json: Any


class Person:
    """A connection of one user. One thread at a time may use it."""

    def __init__(self, server: Endpoint, token: str) -> None:
        self.token = token
        self.connection = server.connect()

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Send a request. `If_Match="x"` is the header `If-Match: x`."""
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = None if body is None else json.dumps(body)
        self.connection.request(method, path, content, sent)
        response = self.connection.getresponse()
        reply = Reply(response.status, response.headers, read_json(response))
        if reply.status in (200, 201) and isinstance(reply.json, dict) and "version" in reply.json:
            assert reply.headers["ETag"] == f'"{reply.json["version"]}"'
        return reply

    def list(self, status: str) -> dict[int, Any]:
        """Return the tasks of a list by their ids."""
        reply = self.send("GET", f"/api/tasks?status={status}&limit=500")
        assert reply.status == 200, reply.json
        assert reply.headers["Link"] is None, "the list has another page"
        assert len({task["position"] for task in reply.json}) == len(reply.json)
        return {task["id"]: task for task in reply.json}

    def close(self) -> None:
        """Close the connection. The next request opens another."""
        self.connection.close()


@dataclass
class Replica:
    """A copy of the user's tasks that asks what changed, and starts over when it is told to."""

    person: Person
    is_patient: bool = False
    """Whether it lives with a 429, 502 or 503, and asks again later."""
    starts_from_list: bool = False
    """Whether it starts with the pages of a list, then asks what changed after the first one."""
    token: str | None = None
    tasks: dict[int, Any] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)
    restarts: int = 0

    def poll(self, limit: int) -> bool:
        """Apply one page of changes. Return whether there are more."""
        if self.starts_from_list and self.token is None and self.read_list(limit):
            return True
        since = {"since": self.token} if self.token else {}
        reply = self.person.send("GET", f"{CHANGES}?{urlencode({'limit': limit} | since)}")
        if reply.status in (429, 502, 503) and self.is_patient:
            return True
        if reply.status == 410:
            assert reply.json["error_type"] == "sync_token_expired_error"
            assert self.token, "the whole state was refused"
            self.token, self.tasks = None, {}
            self.restarts += 1
            return True
        assert reply.status == 200, reply.json
        self.apply(reply.json, limit)
        return bool(reply.json["has_more"])

    def read_list(self, limit: int) -> bool:
        """Read the pages of a list. Return whether the first one has a token."""
        self.tasks, query = {}, f"?limit={limit}"
        while query:
            reply = self.person.send("GET", f"/api/tasks{query}")
            assert reply.status == 200, reply.json
            assert "cursor" not in query or "Sync-Token" not in reply.headers
            self.token = self.token or reply.headers["Sync-Token"]
            self.tasks |= {task["id"]: task for task in reply.json}
            query = (reply.headers["Link"] or "")[1:].partition(">")[0]
        return self.token is not None

    def apply(self, page: dict[str, Any], limit: int) -> None:
        assert set(page) == {"tasks", "deleted", "next", "has_more"}
        assert len(page["tasks"]) + len(page["deleted"]) <= limit
        changed = {task["id"]: task for task in page["tasks"]}
        assert not changed.keys() & set(page["deleted"])
        assert not page["has_more"] or page["next"] != self.token, "the page does not move on"
        for id_, task in changed.items():
            assert task["deleted_at"] is None
            assert task["version"] >= self.versions.get(id_, 0), "a task went back in time"
            self.versions[id_] = task["version"]
        self.tasks |= changed
        for id_ in page["deleted"]:
            self.tasks.pop(id_, None)
        self.token = page["next"]

    def catch_up(self, random: Random) -> None:
        """Read pages of 1 to 7 changes until there are no more."""
        for _ in range(MOST_PAGES):
            if not self.poll(random.randint(1, 7)):
                return
        raise AssertionError(f"there is no end after {MOST_PAGES} pages")


@dataclass
class CachedList:
    """A list that is read again only if its ETag has changed."""

    person: Person
    status: str
    etag: str = ""
    tasks: dict[int, Any] = field(default_factory=dict)
    kept: int = 0

    def read(self) -> None:
        path = f"/api/tasks?status={self.status}&limit=500"
        known = {"If_None_Match": self.etag} if self.etag else {}
        reply = self.person.send("GET", path, **known)
        if reply.status == 304:
            assert self.etag
            assert reply.json is None
            self.kept += 1
            return
        assert reply.status == 200, reply.json
        self.etag = reply.headers["ETag"]
        self.tasks = {task["id"]: task for task in reply.json}


def assert_replicas_equal_the_truth(replicas: list[Replica], random: Random) -> None:
    """After a last poll, each copy is the list, and so is a full read without a token.

    Call it when nothing writes.
    """
    person = replicas[0].person
    live = person.list("all")
    trash = person.list("deleted")
    assert not live.keys() & trash.keys()
    assert all(task["deleted_at"] is None for task in live.values())
    assert all(task["deleted_at"] for task in trash.values())
    export = Replica(person)
    while export.poll(500):
        pass
    assert export.tasks == live
    for replica in replicas:
        replica.catch_up(random)
        assert replica.tasks == live
