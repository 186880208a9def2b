"""`If-Match` and `If-None-Match` as in RFC 9110, section 13."""

from collections.abc import Callable

import pytest

from tests.support.api import add_tasks, create, input_error, location, run_before
from tests.support.client import Client, MakeClient
from todo_api.tasks import collection, queries

WRITES = [
    ("PUT", "", {"title": "new"}),
    ("PATCH", "", {"title": "new"}),
    ("PATCH", "", {"completed": True}),
    ("PATCH", "", {}),
    ("PATCH", "/complete", None),
    ("PATCH", "/complete", {"completed": True}),
    ("PATCH", "/position", {"to": "first"}),
    ("DELETE", "", None),
]


def test_every_response_with_one_task_has_its_version_as_etag(client: Client) -> None:
    created = client.post("/api/tasks", json={"title": "x"})
    path = location(created)
    responses = [
        created,
        client.get(path),
        client.patch(path, json={"title": "y"}),
        client.put(path, json={"title": "z"}),
        client.patch(f"{path}/complete"),
        client.post(f"{path}/restore"),
        client.patch(f"{path}/position", json={"to": "last"}),
    ]
    assert [response.json["version"] for response in responses] == [1, 1, 2, 3, 4, 4, 5]
    for response in responses:
        assert response.headers["ETag"] == f'"{response.json["version"]}"'


@pytest.mark.parametrize(("method", "suffix", "body"), WRITES)
def test_stale_write_is_a_412_that_writes_nothing(
    client: Client, method: str, suffix: str, body: object
) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    task = client.patch(path, json={"title": "changed"}).json
    response = client.open(path + suffix, method=method, json=body, headers={"If-Match": '"1"'})
    assert (response.status_code, response.json) == (
        412,
        {
            "detail": "The task has changed. See `current`. Retry with the ETag of this response.",
            "status_code": 412,
            "error_type": "precondition_failed_error",
            "current": task,
        },
    )
    assert response.headers["ETag"] == f'"{task["version"]}"'
    assert client.get(path).json == task


@pytest.mark.parametrize(("method", "suffix", "body"), WRITES)
@pytest.mark.parametrize("tags", ['"1"', "*", ' "7" , ,"1"', '"old", W/"2", "1"'])
def test_write_with_a_current_tag_succeeds(
    client: Client, method: str, suffix: str, body: object, tags: str
) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    response = client.open(path + suffix, method=method, json=body, headers={"If-Match": tags})
    assert response.status_code in (200, 204), response.json


@pytest.mark.parametrize(
    "tags", ['W/"1"', '"01"', '"+1"', f'"{2**63}"', f'"{"9" * 40}"', '"a", W/"1"', '"*"']
)
def test_tag_that_is_not_strongly_equal_is_a_412(client: Client, tags: str) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    response = client.patch(path, json={"title": "y"}, headers={"If-Match": tags})
    assert response.status_code == 412


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize("tags", ["1", "", '"1 "', '"1', '"1" "2"', 'w/"1"', '*, "1"'])
def test_malformed_tag_is_named_in_the_error(client: Client, header: str, tags: str) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    method = "GET" if header == "If-None-Match" else "DELETE"
    response = client.open(path, method=method, headers={header: tags})
    assert response.status_code == 400
    assert response.json["errors"][0]["loc"] == ["header", header]


@pytest.mark.parametrize(("method", "header"), [("PATCH", "If-Match"), ("GET", "If-None-Match")])
def test_more_than_100_tags_are_a_400(client: Client, method: str, header: str) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    most = ", ".join(['"1"', *['W/"0,0"'] * 99])
    allowed = client.open(path, method=method, json={}, headers={header: most})
    assert allowed.status_code == (304 if method == "GET" else 200)
    response = client.open(path, method=method, json={}, headers={header: f'{most}, "1"'})
    assert response.status_code == 400
    assert response.json == input_error(["header", header], "Must have at most 100 entity tags.")


@pytest.mark.parametrize(("method", "suffix", "body"), WRITES)
@pytest.mark.parametrize("tags", ['"1"', "*"])
def test_absent_task_is_a_404_whatever_the_tag(
    client: Client, method: str, suffix: str, body: object, tags: str
) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    assert client.delete(path).status_code == 204
    response = client.open(path + suffix, method=method, json=body, headers={"If-Match": tags})
    assert response.status_code == 404


@pytest.mark.parametrize("tags", ['"1"', 'W/"1"', '"0", "1"', "*"])
def test_current_task_is_a_304_without_a_body(client: Client, tags: str) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    response = client.get(path, headers={"If-None-Match": tags})
    assert (response.status_code, response.data) == (304, b"")
    assert response.headers["ETag"] == '"1"'
    assert client.get(path, headers={"If-None-Match": '"0", W/"2"'}).status_code == 200


def test_etag_of_a_list_changes_with_every_change(client: Client) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    changes: list[Callable[[], object]] = [
        lambda: client.patch(path, json={"title": "y"}),
        lambda: client.patch(f"{path}/complete"),
        lambda: client.delete(path),
        lambda: client.post(f"{path}/restore"),
        lambda: client.patch("/api/tasks", json={"ids": [1], "changes": {"title": "z"}}),
        lambda: client.delete("/api/tasks?status=completed"),
        lambda: client.delete("/api/account"),
        lambda: create(client),
    ]
    seen = [client.get("/api/tasks").headers["ETag"]]
    for change in changes:
        change()
        response = client.get("/api/tasks", headers={"If-None-Match": ", ".join(seen)})
        if change is changes[4]:  # it names no task of this user
            assert response.status_code == 304
            continue
        assert response.status_code == 200
        seen.append(response.headers["ETag"])
        assert client.get("/api/tasks", headers={"If-None-Match": seen[-1]}).status_code == 304
    assert len(set(seen)) == len(seen)


def test_etag_of_a_list_is_of_its_user_and_its_query(
    client: Client, client_of: MakeClient, user: str
) -> None:
    other = client_of(f"other-{user}")
    for one in (client, other):
        create(one)
    paths = ["/api/tasks", "/api/tasks?limit=100", "/api/tasks?limit=1", "/api/tasks?status=active"]
    tags = [one.get(path).headers["ETag"] for one in (client, other) for path in paths]
    assert len(set(tags)) == len(tags)


def test_etag_of_a_list_changes_with_the_fields_of_its_tasks(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = client.get("/api/tasks").headers["ETag"]
    monkeypatch.setattr(collection, "FIELDS", [*collection.FIELDS, "new"])
    assert client.get("/api/tasks", headers={"If-None-Match": tag}).status_code == 200


def test_list_from_before_the_accounts_has_an_etag_of_its_rows(client: Client, user: str) -> None:
    empty = client.get("/api/tasks").headers["ETag"]
    add_tasks(client.application, user, 2)
    response = client.get("/api/tasks", headers={"If-None-Match": empty})
    assert (response.status_code, len(response.json)) == (200, 2)
    headers = {"If-None-Match": response.headers["ETag"]}
    assert client.get("/api/tasks", headers=headers).status_code == 304
    create(client)
    assert len(client.get("/api/tasks", headers=headers).json) == 3


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match", "If-Unmodified-Since"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/tasks", {"title": "new"}),
        ("PATCH", "/api/tasks", {"ids": [1], "changes": {"title": "new"}}),
        ("DELETE", "/api/tasks?status=completed", None),
        ("DELETE", "/api/account", None),
    ],
)
def test_write_refuses_a_condition_that_it_does_not_check(
    client: Client, method: str, path: str, body: object, header: str
) -> None:
    task = create(client, completed=True)
    response = client.open(path, method=method, json=body, headers={header: '"1"'})
    assert response.status_code == 400
    assert response.json["errors"][0]["loc"] == ["header", header]
    assert client.get("/api/tasks").json == [task]


@pytest.mark.parametrize("path", ["/api/tasks", "/api/tasks/{}"])
def test_304_for_any_tag_has_the_tag(client: Client, path: str) -> None:
    path = path.format(create(client)["id"])
    response = client.get(path, headers={"If-None-Match": "*"})
    assert response.status_code == 304
    assert response.headers["ETag"] == client.get(path).headers["ETag"]


@pytest.mark.parametrize("header", ["If-None-Match", "If-Unmodified-Since", "Idempotency-Key"])
@pytest.mark.parametrize(("method", "suffix", "body"), [*WRITES, ("POST", "/restore", None)])
def test_write_of_a_task_refuses_what_it_does_not_check(
    client: Client, method: str, suffix: str, body: object, header: str
) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    response = client.open(path + suffix, method=method, json=body, headers={header: "*"})
    assert response.status_code == 400
    assert response.json["errors"][0]["loc"] == ["header", header]
    assert client.get(path).json["version"] == 1


@pytest.mark.parametrize("path", ["/api/tasks/stats", "/api/tasks/changes"])
def test_read_without_a_tag_refuses_if_match(client: Client, path: str) -> None:
    response = client.get(path, headers={"If-Match": '"1"'})
    assert response.status_code == 400
    assert response.json["errors"][0]["loc"] == ["header", "If-Match"]


@pytest.mark.parametrize("header", ["Idempotency-Key", "If-Unmodified-Since", "If-None-Match"])
def test_read_without_a_tag_ignores_what_cannot_harm(client: Client, header: str) -> None:
    assert client.get("/api/tasks/stats", headers={header: "x"}).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/api/tasks", "/api/tasks/{}"])
def test_read_checks_if_match_before_if_none_match(client: Client, path: str, method: str) -> None:
    path = path.format(create(client)["id"])
    tag = client.get(path).headers["ETag"]
    for sent, status in [(tag, 200), ("*", 200), (f'"0", {tag}', 200), ('"0"', 412)]:
        response = client.open(path, method=method, headers={"If-Match": sent})
        assert response.status_code == status
        both = {"If-Match": sent, "If-None-Match": tag}
        response = client.open(path, method=method, headers=both)
        assert response.status_code == (304 if status == 200 else 412)
    response = client.get(path, headers={"If-Match": '"0"'})
    assert response.json["detail"] == "This has changed. Get it again, without If-Match."


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_weak_tag_is_named_in_the_412(client: Client, method: str) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    response = client.open(path, method=method, json={}, headers={"If-Match": 'W/"1"'})
    assert response.status_code == 412
    assert response.json["detail"].startswith("If-Match never matches a weak tag")


@pytest.mark.parametrize("coding", ["-gzip", "--gzip", ";br", "-zstd"])
def test_tag_that_a_compressing_proxy_altered_is_recognised(client: Client, coding: str) -> None:
    path = f"/api/tasks/{create(client)['id']}"

    def altered(path: str) -> str:
        return f'"0", {client.get(path).headers["ETag"][:-1]}{coding}"'

    for each in (path, "/api/tasks"):
        assert client.get(each, headers={"If-None-Match": altered(each)}).status_code == 304
        assert client.get(each, headers={"If-Match": altered(each)}).status_code == 200
    stale = altered(path)
    assert client.patch(path, json={"title": "y"}, headers={"If-Match": stale}).status_code == 200
    assert client.patch(path, json={"title": "z"}, headers={"If-Match": stale}).status_code == 412


@pytest.mark.parametrize("suffix", ["-gzi", "gzip", "-gzip-gzip", "---gzip", "/gzip", "-identity"])
def test_tag_with_another_suffix_is_another_tag(client: Client, suffix: str) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    response = client.patch(path, json={}, headers={"If-Match": f'"1{suffix}"'})
    assert response.status_code == 412


def test_restore_checks_the_version(client: Client) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    client.delete(path)
    stale = client.post(f"{path}/restore", headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.headers["ETag"]) == (412, '"2"')
    assert [stale.json["current"]] == client.get("/api/tasks?status=deleted").json
    assert client.get(path).status_code == 404
    assert client.post(f"{path}/restore", headers={"If-Match": '"2"'}).json["version"] == 3
    restored = client.post(f"{path}/restore", headers={"If-Match": '"2"'})
    assert (restored.status_code, restored.json["current"]) == (412, client.get(path).json)


def test_current_task_of_a_412_never_has_a_version_that_was_sent(client: Client) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    with run_before(queries.GET, lambda: client.patch(path, json={"title": "meanwhile"})):
        response = client.patch(path, json={"title": "x"}, headers={"If-Match": '"2"'})
    assert (response.status_code, response.json["version"]) == (200, 3)


def test_failed_read_has_no_task(client: Client) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    response = client.get(path, headers={"If-Match": '"0"'})
    assert response.status_code == 412
    assert "current" not in response.json


@pytest.mark.parametrize(
    ("method", "path", "status"), [("TRACE", "/api/tasks", 405), ("DELETE", "/api/nothing", 404)]
)
def test_request_without_an_endpoint_has_no_condition(
    client: Client, method: str, path: str, status: int
) -> None:
    response = client.open(path, method=method, headers={"If-Match": '"1"'})
    assert response.status_code == status
