"""The requests that only this service has, and writes of one busy user."""

from contextlib import closing
from urllib.parse import urlencode

from benchmarks.operations import BODY, CHANGED, MANY, Operation
from benchmarks.served import Served, token
from tests.support.serving import ask

FIRST_VERSION = {"If-Match": '"0"'}  # of tasks that no request has made


def own_operations(served: Served) -> tuple[Operation, ...]:
    page = "/api/tasks?limit=100"
    with closing(served.connect()) as connection:
        _, changes = ask(connection, "GET", "/api/tasks/changes?limit=500", token("few"))
        response, _ = ask(connection, "GET", page, token("few"))
    caught_up = urlencode({"since": changes["next"]})
    current = {"If-None-Match": response.headers["ETag"]}
    new_key, used_key = {"Idempotency-Key": "#"}, {"Idempotency-Key": "used"}
    return (
        Operation("GET one task, unchanged", "GET", "/api/tasks/#", headers={"If-None-Match": "*"}),
        Operation("GET a page of 100, unchanged", "GET", page, users=("few",), headers=current),
        Operation("POST with a new key", "POST", "/api/tasks", BODY, MANY, new_key),
        Operation("POST with a used key", "POST", "/api/tasks", BODY, headers=used_key),
        Operation("PATCH with If-Match", "PATCH", "/api/tasks/#", CHANGED, MANY, FIRST_VERSION),
        Operation("move to the first place", "PATCH", "/api/tasks/#/position", '{"to": "first"}'),
        Operation("restore", "POST", "/api/tasks/#/restore", users=MANY, trashed=True),
        Operation("changes: a page of 100", "GET", "/api/tasks/changes", users=("few",)),
        Operation("changes: nothing new", "GET", f"/api/tasks/changes?{caught_up}", users=("few",)),
        Operation("POST by one user", "POST", "/api/tasks", BODY, MANY[:1]),
    )
