"""Random writes to one account, and what each response must be."""

import threading
import uuid
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.support.sync import Person, Reply

PRIORITIES = ["low", "medium", "high"]


@dataclass
class Account:
    """What the writers of one account know together."""

    ids: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    created: set[str] = field(default_factory=set)
    forgets_keys: bool = False
    """Whether tasks were removed for good, and their keys with them."""
    done: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def assert_each_key_made_one_task(self, person: Person) -> None:
        everything = person.list("all") | person.list("deleted")
        made = Counter(task["description"] for task in everything.values() if task["description"])
        assert not made or max(made.values()) == 1
        if not self.forgets_keys:
            assert made.keys() == self.created


@dataclass
class Writer:
    """Sends random writes, one after the other."""

    person: Person
    account: Account
    chance: Random
    seen: dict[int, Any] = field(default_factory=dict)

    def run(self, count: int) -> None:
        weights = {
            self.create: 3,
            self.create_with_key: 4,
            self.retry: 3,
            self.change: 4,
            self.change_if_match: 4,
            self.toggle: 3,
            self.move: 4,
            self.change_many: 3,
            self.delete: 4,
            self.delete_if_match: 1,
            self.restore: 4,
            self.delete_completed: 1,
            self.move_many: 3,
            self.empty_trash: 0.5,
            self.erase: 0.1,
        }
        for operation in self.chance.choices(list(weights), list(weights.values()), k=count):
            operation()

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        reply = self.person.send(method, path, body, **headers)
        if isinstance(reply.json, dict) and "version" in reply.json:
            self.see(reply.json)
        with self.account.lock:
            self.account.done[f"{method} {reply.status}"] += 1
        return reply

    def see(self, task: dict[str, Any]) -> None:
        known = self.seen.get(task["id"])
        assert known is None or task["version"] >= known["version"], "a task went back in time"
        self.seen[task["id"]] = task

    def on_some_task(
        self, method: str, rest: str, body: Any, *expected: int, **headers: str
    ) -> None:
        if self.account.ids:
            path = f"/api/tasks/{self.chance.choice(self.account.ids)}{rest}"
            reply = self.send(method, path, body, **headers)
            assert reply.status in expected, (path, reply.status, reply.json)

    def title(self) -> str:
        return f"task {self.chance.randrange(10**6)}"

    def create(self) -> None:
        reply = self.send("POST", "/api/tasks", {"title": self.title()})
        assert reply.status == 201, reply.json
        self.account.ids.append(reply.json["id"])

    def create_with_key(self) -> None:
        key = uuid.UUID(int=self.chance.getrandbits(128)).hex
        self.account.keys.append(key)  # from now on another writer may send it first
        self.send_key(key)
        if self.chance.random() < 0.3:
            self.send_key(key)

    def retry(self) -> None:
        if self.account.keys:
            self.send_key(self.chance.choice(self.account.keys))

    def send_key(self, key: str) -> None:
        body = {"title": f"once {key}", "description": key}
        reply = self.send("POST", "/api/tasks", body, Idempotency_Key=key)
        assert reply.status in (200, 201), reply.json
        assert reply.json["description"] == key
        is_replay = reply.headers["Idempotency-Replayed"] == "true"
        assert is_replay == (reply.status == 200)
        with self.account.lock:
            self.account.done["replay"] += is_replay
            if not is_replay:
                assert key not in self.account.created or self.account.forgets_keys
                self.account.created.add(key)
        self.account.ids.append(reply.json["id"])

    def change(self) -> None:
        method = self.chance.choice(["PATCH", "PUT"])
        change = self.chance.choice([{"title": self.title()}, {"tags": [self.title()]}])
        self.on_some_task(method, "", change, 200, 404)

    def toggle(self) -> None:
        body = self.chance.choice([None, {"completed": True}, {"completed": False}])
        self.on_some_task("PATCH", "/complete", body, 200, 404)

    def move(self) -> None:
        place: dict[str, Any] = {"to": self.chance.choice(["first", "last"])}
        if self.account.ids and self.chance.random() < 0.7:
            place = {self.chance.choice(["after", "before"]): self.chance.choice(self.account.ids)}
        # The neighbour may be the task itself, in the trash or erased.
        self.on_some_task("PATCH", "/position", place, 200, 404, *([] if "to" in place else [400]))

    def change_if_match(self) -> None:
        if not self.seen:
            return
        task = self.chance.choice(list(self.seen.values()))
        sent, path = task["version"], f"/api/tasks/{task['id']}"
        reply = self.send("PATCH", path, {"title": self.title()}, If_Match=f'"{sent}"')
        assert reply.status in (200, 404, 412), reply.json
        if reply.status == 200:
            assert reply.json["version"] > sent
        elif reply.status == 412:
            assert reply.json["error_type"] == "precondition_failed_error"
            assert reply.json["current"]["version"] > sent
            assert reply.headers["ETag"] == f'"{reply.json["current"]["version"]}"'
            self.account.done["stale"] += 1

    def change_many(self) -> None:
        ids = [self.chance.choice(self.account.ids) for _ in range(8) if self.account.ids]
        if ids:
            change: dict[str, Any] = {"priority": self.chance.choice(PRIORITIES)}
            change |= self.chance.choice([{}, {"completed": True}])
            reply = self.send("PATCH", "/api/tasks", {"ids": ids, "changes": change})
            assert reply.status == 200, reply.json
            for task in reply.json:
                assert change.items() <= task.items()
                self.see(task)

    def delete(self) -> None:
        self.on_some_task("DELETE", "", None, 204, 404)

    def delete_if_match(self) -> None:
        version = self.chance.choice([task["version"] for task in self.seen.values()] or [1])
        self.on_some_task("DELETE", "", None, 204, 404, 412, If_Match=f'"{version}"')

    def restore(self) -> None:
        self.on_some_task("POST", "/restore", None, 200, 404)
        self.account.done["restore"] += 1

    def delete_completed(self) -> None:
        reply = self.send("DELETE", "/api/tasks?status=completed")
        assert reply.status == 200, reply.json

    def move_many(self) -> None:
        path = self.chance.choice(["trash", "restore"])
        ids = [self.chance.choice(self.account.ids) for _ in range(8) if self.account.ids]
        if ids:
            reply = self.send("POST", f"/api/tasks/{path}", {"ids": ids})
            assert reply.status == 200, reply.json
            assert set(reply.json["ids"]) <= set(ids)

    def empty_trash(self) -> None:
        self.account.forgets_keys = True
        reply = self.send("DELETE", "/api/tasks?status=deleted")
        assert reply.status == 200, reply.json
        self.account.done["emptied"] += reply.json["deleted"]

    def erase(self) -> None:
        self.account.forgets_keys = True
        assert self.send("DELETE", "/api/account").status == 204
