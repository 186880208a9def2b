"""The request headers that make a write safe to send: entity tags and idempotency keys."""

import re
from collections.abc import Iterable
from hashlib import sha256
from http import HTTPStatus
from typing import Any

import orjson
from flask import Flask, Response
from sqlalchemy import Row

from todo_api.context import application, current_request, request_state
from todo_api.errors import InvalidInput
from todo_api.limits import MAX_ID, MAX_KEY_LENGTH

# RFC 9110, section 8.8.3. A list may have empty elements (section 5.6.1).
TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
TAGS = re.compile(rf"[ \t,]*{TAG}(?:[ \t]*,[ \t,]*{TAG})*[ \t,]*")
VERSION = re.compile(r'"(0|[1-9][0-9]{0,18})"')
# A write that ignored a condition could overwrite what the condition protects.
CONDITIONS = ("If-Match", "If-None-Match")
WITH_IF_MATCH = (
    "update_task",
    "replace_task",
    "toggle_task_complete",
    "delete_task",
    "restore_task",
)
KEY = re.compile(rf"[\x20-\x7e]{{1,{MAX_KEY_LENGTH}}}")
BAD_TAGS_MESSAGE = 'Must be * or a list of entity tags such as "7".'
BAD_KEY_MESSAGE = f"Must have 1 to {MAX_KEY_LENGTH} printable ASCII characters."
UNUSED_MESSAGE = (
    "Not supported by this request. Send If-Match with a write of one task, and If-None-Match with "
    "GET."
)


def init_app(app: Flask) -> None:
    app.before_request(reject_unused_conditions)


def reject_unused_conditions() -> None:
    """Reject a write that has a condition which it would not check.

    A request without an endpoint gets its 404 or 405.
    """
    request = current_request()
    if request.endpoint is None or request.method in ("GET", "HEAD", "OPTIONS"):
        return
    used = {"If-Match"} if request.endpoint.rpartition(".")[2] in WITH_IF_MATCH else set()
    unused = [name for name in CONDITIONS if name in request.headers and name not in used]
    if unused:
        raise InvalidInput("header", {name: [UNUSED_MESSAGE] for name in unused})


def expected_versions() -> list[int] | None:
    """Return the versions that `If-Match` allows, or None if it allows all.

    The comparison is strong (RFC 9110, section 13.1.1), so a weak tag allows none.
    """
    tags = entity_tags("If-Match")
    if tags is None or tags == ["*"]:
        return None
    found = [VERSION.fullmatch(tag) for tag in tags]
    return [int(match[1]) for match in found if match and int(match[1]) <= MAX_ID]


def entity_tags(header: str) -> list[str] | None:
    """Return the entity tags of a header, `*` as it is, or None without the header."""
    value = current_request().headers.get(header)
    if value is None:
        return None
    if value.strip(" \t") == "*":
        return ["*"]
    if not TAGS.fullmatch(value):
        raise InvalidInput("header", {header: [BAD_TAGS_MESSAGE]})
    return re.findall(TAG, value)


def is_current(tag: str) -> bool:
    """Return whether `If-None-Match` has this tag, by weak comparison."""
    tags = entity_tags("If-None-Match") or []
    return "*" in tags or tag in [sent.removeprefix("W/") for sent in tags]


def not_modified(tag: str) -> Response:
    return application().response_class(status=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})


def task_tag(task: Row[Any]) -> str:
    return f'"{task.version}"'


def list_tag(fields: list[str], account: Row[Any], rows: Iterable[Any] = ()) -> str:
    """Return the tag of a list: of its fields, its user, its query, and the account's version.

    A user without an account has written nothing since there are accounts. Their tag is of
    ``rows``, the ids and times of the tasks in the list.
    """
    state: Any = [account.account_version, account.account_epoch]
    if account.account_epoch is None:
        state = list(rows)
    query = sorted(current_request().args.to_dict(flat=False).items())
    described = orjson.dumps([fields, request_state().user, query, state])
    return f'"{sha256(described).hexdigest()[:32]}"'


def idempotency_key() -> str | None:
    key = current_request().headers.get("Idempotency-Key")
    if key is not None and not KEY.fullmatch(key):
        raise InvalidInput("header", {"Idempotency-Key": [BAD_KEY_MESSAGE]})
    return key


def body_hash(values: dict[str, Any]) -> str:
    """Return a hash of a valid body, the same for every way to write it."""
    return sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).hexdigest()
