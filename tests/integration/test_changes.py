"""`GET /api/tasks/changes`: what a client has missed."""

import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests import ROOT
from tests.support.api import add_tasks, create, next_link, run_before
from tests.support.client import Client, MakeClient
from todo_api.http.signing import sign
from todo_api.tasks import queries, sync

CHANGES = "/api/tasks/changes"
FORGED = "WyJ4Il0.kUo3vT0sYxWq4mHc8dRz1nLbE5g"


def get_changes(client: Client, since: str = "", limit: int = 100) -> dict[str, Any]:
    query = {"limit": limit} | ({"since": since} if since else {})
    response = client.get(CHANGES, query_string=query)
    assert response.status_code == 200, response.json
    page: dict[str, Any] = response.json
    return page


def test_each_change_since_a_token_is_returned_once_in_its_latest_state(client: Client) -> None:
    first, second, third = (create(client, title=title) for title in ("1", "2", "3"))
    start = get_changes(client)
    assert (start["tasks"], start["deleted"]) == ([first, second, third], [])
    assert start["has_more"] is False
    client.patch(f"/api/tasks/{first['id']}", json={"title": "one"})
    changed = client.patch(f"/api/tasks/{first['id']}/complete").json
    client.delete(f"/api/tasks/{second['id']}")
    client.delete(f"/api/tasks/{third['id']}")
    restored = client.post(f"/api/tasks/{third['id']}/restore").json
    page = get_changes(client, start["next"])
    assert page["tasks"] == [changed, restored]
    assert page["deleted"] == [second["id"]]
    nothing = get_changes(client, page["next"])
    assert (nothing["tasks"], nothing["deleted"], nothing["has_more"]) == ([], [], False)


def test_pages_together_are_the_whole_state(client: Client) -> None:
    tasks = [create(client, title=str(number)) for number in range(7)]
    client.delete(f"/api/tasks/{tasks[3]['id']}")
    found, deleted, token, sizes = [], [], "", []
    while True:
        page = get_changes(client, token, limit=3)
        found += page["tasks"]
        deleted += page["deleted"]
        sizes.append(len(page["tasks"]) + len(page["deleted"]))
        token = page["next"]
        if not page["has_more"]:
            break
    assert found == tasks[:3] + tasks[4:]
    assert (deleted, sizes) == ([tasks[3]["id"]], [3, 3, 1])


def test_one_version_may_span_pages(client: Client) -> None:
    ids = [create(client)["id"] for _ in range(5)]
    start = get_changes(client)["next"]
    client.patch("/api/tasks", json={"ids": ids, "changes": {"title": "all"}})
    page = get_changes(client, start, limit=2)
    rest = get_changes(client, page["next"], limit=500)
    assert [task["id"] for task in page["tasks"] + rest["tasks"]] == ids
    assert (page["has_more"], rest["has_more"]) == (True, False)


def test_tasks_from_before_the_accounts_are_in_the_whole_state(client: Client, user: str) -> None:
    add_tasks(client.application, user, 3)
    page = get_changes(client, limit=2)
    assert [task["version"] for task in page["tasks"]] == [0, 0]
    rest = get_changes(client, page["next"])
    assert len(rest["tasks"]) == 1
    new = create(client)
    assert get_changes(client, rest["next"])["tasks"] == [new]


@pytest.mark.parametrize("since", ["", "x", FORGED, "\x00"])
def test_forged_token_is_named_in_the_error(client: Client, since: str) -> None:
    response = client.get(CHANGES, query_string={"since": since})
    assert response.status_code == 400
    assert response.json["errors"][0]["loc"] == ["query", "since"]


def test_token_of_another_form_of_an_earlier_release_is_a_400(client: Client, user: str) -> None:
    with client.application.app_context():
        since = sign("sync", [sync.short_hash(user), "epoch", 1])
    assert client.get(CHANGES, query_string={"since": since}).status_code == 400


def test_foreign_token_and_cursor_are_a_400(
    client: Client, client_of: MakeClient, user: str
) -> None:
    for _ in range(2):
        create(client)
    mine = get_changes(client)["next"]
    other = client_of(f"other-{user}")
    assert other.get(CHANGES, query_string={"since": mine}).status_code == 400
    link = client.get("/api/tasks?limit=1").headers["Link"]
    cursor = link.partition("cursor=")[2].partition(">")[0]
    assert client.get(f"{CHANGES}?since={cursor}").status_code == 400
    assert client.get("/api/tasks", query_string={"cursor": mine}).status_code == 400


def test_token_from_before_an_erasure_has_expired(client: Client) -> None:
    create(client)
    old = get_changes(client)["next"]
    client.delete("/api/account")
    for _ in range(2):
        response = client.get(CHANGES, query_string={"since": old})
        assert (response.status_code, response.json) == (
            410,
            {
                "detail": "This sync token has expired. Start again without `since`.",
                "status_code": 410,
                "error_type": "sync_token_expired_error",
            },
        )
        create(client)


@pytest.mark.parametrize("limit", ["0", "501", "x", "1.5", ""])
def test_limit_is_1_to_500(client: Client, limit: str) -> None:
    response = client.get(f"{CHANGES}?limit={limit}")
    assert response.status_code == 400
    assert response.json["errors"][0]["loc"] == ["query", "limit"]


def test_only_what_a_client_has_not_seen_expires_with_a_purge(
    own_app: Flask, client_in: MakeClient
) -> None:
    client = client_in("one")
    deleted = create(client)
    before = get_changes(client)["next"]
    client.delete(f"/api/tasks/{deleted['id']}")
    for _ in range(3):
        create(client)
    seen = get_changes(client)["next"]
    result = own_app.test_cli_runner().invoke(args=["tasks", "purge", "--older-than", "0d"])
    assert result.output == "purged 1 tasks\n"
    assert client.get(CHANGES, query_string={"since": before}).status_code == 410
    assert get_changes(client, seen)["tasks"] == []


def test_whole_state_can_be_read_in_pages_after_a_purge(
    own_app: Flask, client_in: MakeClient
) -> None:
    client = client_in("two")
    kept = [create(client) for _ in range(3)]
    client.delete(f"/api/tasks/{create(client)['id']}")
    own_app.test_cli_runner().invoke(args=["tasks", "purge", "--older-than", "0d"])
    page = get_changes(client, limit=1)
    found = page["tasks"]
    while page["has_more"]:
        page = get_changes(client, page["next"], limit=1)
        found += page["tasks"]
    assert found == kept


def test_account_erased_during_the_first_sync_still_has_a_token_that_works(client: Client) -> None:
    create(client)
    client.delete("/api/account")
    other = Client(client.application, client.token)

    def open_and_erase() -> None:
        create(other)
        other.delete("/api/account")

    with run_before(sync.CHANGES, lambda: None, open_and_erase):
        token = get_changes(client)["next"]
    task = create(client)
    assert get_changes(client, token)["tasks"] == [task]


def test_statement_of_the_documentation_makes_old_tokens_invalid(
    own_app: Flask, client_in: MakeClient
) -> None:
    client = client_in("one")
    create(client)
    before = get_changes(client)["next"]
    statement = re.search(r"UPDATE accounts .*;", (ROOT / "docs/operations.md").read_text())
    assert statement
    with own_app.extensions["engine"].connect() as connection:
        connection.execute(sa.text(statement[0]))
    assert client.get(CHANGES, query_string={"since": before}).status_code == 410


def test_list_has_a_token_for_what_changes_after_its_snapshot(client: Client) -> None:
    first, added = create(client), []
    page = queries.PAGE_BY_SORT["-created_at"]
    with run_before(page, lambda: added.append(create(client))):
        listed = client.get("/api/tasks")
    assert listed.json == [*added, first]
    token = listed.headers["Sync-Token"]
    nothing = get_changes(client, token)
    assert (nothing["tasks"], nothing["deleted"], nothing["next"]) == ([], [], token)
    changed = client.patch(f"/api/tasks/{first['id']}", json={"title": "later"}).json
    client.delete(f"/api/tasks/{added[0]['id']}")
    changes = get_changes(client, token)
    assert (changes["tasks"], changes["deleted"]) == ([changed], [added[0]["id"]])


@pytest.mark.parametrize("query", ["?sort=title", "?status=deleted", "?q=nothing&limit=1"])
def test_token_of_any_list_is_for_all_changes(client: Client, query: str) -> None:
    create(client)
    token = client.get(f"/api/tasks{query}").headers["Sync-Token"]
    assert get_changes(client, token)["tasks"] == []
    later = create(client)
    assert get_changes(client, token)["tasks"] == [later]


def test_only_the_first_page_has_a_token(client: Client) -> None:
    for _ in range(2):
        create(client)
    first = client.get("/api/tasks?limit=1")
    second = client.get(next_link(first))
    tag = {"If-None-Match": first.headers["ETag"]}
    unchanged = client.get("/api/tasks?limit=1", headers=tag)
    assert (second.status_code, unchanged.status_code) == (200, 304)
    found = ["Sync-Token" in each.headers for each in (first, second, unchanged)]
    assert found == [True, False, False]


def test_list_without_an_account_has_no_token(client: Client, user: str) -> None:
    assert "Sync-Token" not in client.get("/api/tasks").headers
    add_tasks(client.application, user, 1)
    assert "Sync-Token" not in client.get("/api/tasks").headers
    create(client)
    assert "Sync-Token" in client.get("/api/tasks").headers


def test_token_of_a_list_expires_with_an_erasure(client: Client) -> None:
    create(client)
    token = client.get("/api/tasks").headers["Sync-Token"]
    client.delete("/api/account")
    for _ in range(2):
        assert client.get(CHANGES, query_string={"since": token}).status_code == 410
        create(client)


def test_first_list_of_a_process_reads_which_database_it_is(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(client)
    monkeypatch.delitem(client.application.extensions, "database", raising=False)
    token = client.get("/api/tasks").headers["Sync-Token"]
    assert get_changes(client, token)["tasks"] == []


def test_token_with_an_outdated_database_expires_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(client)
    monkeypatch.setitem(client.application.extensions, "database", "1.2.{table}.00000001")
    outdated = client.get("/api/tasks").headers["Sync-Token"]
    assert client.get(CHANGES, query_string={"since": outdated}).status_code == 410
    token = client.get("/api/tasks").headers["Sync-Token"]
    assert get_changes(client, token)["tasks"] == []
