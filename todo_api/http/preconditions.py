"""The request headers that make a write safe to send: entity tags and idempotency keys."""

import re
from collections.abc import Iterable
from functools import wraps
from hashlib import sha256
from http import HTTPStatus
from typing import Any

import orjson
from flask import Response
from sqlalchemy import Row
from werkzeug.exceptions import PreconditionFailed

from todo_api.context import application, current_request, request_state
from todo_api.errors import CHANGED_MESSAGE, WEAK_TAG_MESSAGE, InvalidInput
from todo_api.http.facts import View, describe, error_name, response_header, takes_header
from todo_api.limits import MAX_ENTITY_TAGS, MAX_ID, MAX_KEY_LENGTH

# RFC 9110, section 8.8.3. A list may have empty elements (section 5.6.1).
TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
TAGS = re.compile(rf"[ \t,]*{TAG}(?:[ \t]*,[ \t,]*{TAG})*[ \t,]*")
# What compressing proxies add to a tag: "5-gzip" (Apache), "5--gzip" (Jetty), "5;br".
CODING = re.compile(r'(?:--?|;)(?:gzip|br|zstd|deflate)(?=")')
VERSION = re.compile(r'"(0|[1-9][0-9]{0,18})"')
CONDITIONS_OF_A_READ = {"If-Match": "HTTP_IF_MATCH"}
CONDITIONS_OF_A_WRITE = {
    name: f"HTTP_{name.upper().replace('-', '_')}"
    for name in ("If-Match", "If-None-Match", "If-Unmodified-Since", "Idempotency-Key")
}
KEY = re.compile(rf"[\x20-\x7e]{{1,{MAX_KEY_LENGTH}}}")
BAD_TAGS_MESSAGE = 'Must be * or a list of entity tags such as "7".'
TOO_MANY_TAGS_MESSAGE = f"Must have at most {MAX_ENTITY_TAGS} entity tags."
BAD_KEY_MESSAGE = f"Must have 1 to {MAX_KEY_LENGTH} printable ASCII characters."
UNUSED_MESSAGE = (
    "Not supported by this request. Send If-Match with a write of one task, If-None-Match with "
    "GET, and Idempotency-Key with POST /api/tasks."
)


ONE_TAG = r'(W/)?"[\x21\x23-\x7e]*"'  # for the document, without empty elements
ENTITY_TAGS = {"pattern": rf"^(\*|{ONE_TAG}(, {ONE_TAG}){{0,{MAX_ENTITY_TAGS - 1}}})$"}


def request_header(name: str, text: str, schema: dict[str, Any] = ENTITY_TAGS) -> dict[str, Any]:
    """Describe a header. Without an example: the docs page would send it with every request."""
    described = {"in": "header", "name": name, "required": False, "description": text}
    return {name: described | {"schema": {"type": "string", **schema}}}


IF_MATCH = request_header(
    "If-Match",
    'Change the task only if this is its `ETag`, such as `"1"`. Or several tags, or `*`.',
)
IF_MATCH_OF_A_READ = request_header("If-Match", "Return 412 if this is no longer the `ETag`.")
IF_NONE_MATCH = request_header(
    "If-None-Match",
    'Return 304 without a body if this is still the `ETag`, such as `"1"`. '
    "Or several tags, or `*`.",
)
IDEMPOTENCY_KEY = request_header(
    "Idempotency-Key",
    "A value that the client uses for this task alone, such as a UUID: "
    "`4f8a4bcb-0f9e-4d6e-9d6a-1c3f5b0a7e21`. It makes a retry safe.",
    {"pattern": rf"^[!-~]([ -~]{{0,{MAX_KEY_LENGTH - 2}}}[!-~])?$", "maxLength": MAX_KEY_LENGTH},
)
ETAG = response_header(
    "ETag", "The entity tag of the response. For a task, its version in quotes.", example='"1"'
)
STALE_TASK_ERROR = "StaleTaskError"
"""The name of the 412 of a write in the document."""


Versions = list[int] | None
"""The versions that a task may have, or None for any."""


def takes_if_match(view: View) -> View:
    """Pass the versions that `If-Match` allows as ``versions``. None allows all."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        return view(*args, versions=expected_versions(), **kwargs)

    return describe(guarded, parameters=IF_MATCH, responses={412: STALE_TASK_ERROR})


def takes_conditions(view: View) -> View:
    """Check the `ETag` of the view's response: 412 for `If-Match`, 304 for `If-None-Match`."""

    @wraps(view)
    def cached(*args: Any, **kwargs: Any) -> Any:
        result = view(*args, **kwargs)
        is_unchanged = isinstance(result, Response)  # the view knew it before it read all
        tag = result.headers["ETag"] if is_unchanged else result[1]["ETag"]
        if "HTTP_IF_MATCH" in current_request().environ and not is_allowed(tag):
            raise PreconditionFailed(explained(CHANGED_MESSAGE))
        return not_modified(tag) if not is_unchanged and is_current(tag) else result

    unchanged = {"description": HTTPStatus.NOT_MODIFIED.phrase, "headers": ETAG}
    answers = {304: unchanged, 412: error_name(412)}
    return describe(cached, parameters=IF_MATCH_OF_A_READ | IF_NONE_MATCH, responses=answers)


def takes_idempotency_key(view: View) -> View:
    """Pass the `Idempotency-Key` as ``key``, or None without one."""

    @wraps(view)
    def keyed(*args: Any, **kwargs: Any) -> Any:
        key = current_request().headers.get("Idempotency-Key")
        if key is not None and not KEY.fullmatch(key):
            raise InvalidInput("header", {"Idempotency-Key": [BAD_KEY_MESSAGE]})
        return view(*args, key=key, **kwargs)

    return describe(keyed, parameters=IDEMPOTENCY_KEY, responses={422: error_name(422)})


def reject_unused_conditions(view: View) -> None:
    """Reject a request that has a condition or a key which its view does not take.

    A write that ignored it could overwrite what it protects. A read may ignore `If-None-Match`, and
    a key: it is safe to retry.
    """
    request = current_request()
    is_read = request.method in ("GET", "HEAD")
    conditions = CONDITIONS_OF_A_READ if is_read else CONDITIONS_OF_A_WRITE
    unused = [
        name
        for name, key in conditions.items()
        if key in request.environ and not takes_header(view, name)
    ]
    if unused:
        raise InvalidInput("header", {name: [UNUSED_MESSAGE] for name in unused})


def expected_versions() -> Versions:
    """Return the versions that `If-Match` allows.

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
    if value.count('"') > 2 * MAX_ENTITY_TAGS:
        raise InvalidInput("header", {header: [TOO_MANY_TAGS_MESSAGE]})
    if not TAGS.fullmatch(value):
        raise InvalidInput("header", {header: [BAD_TAGS_MESSAGE]})
    return re.findall(TAG, CODING.sub("", value))


def is_allowed(tag: str) -> bool:
    """Return whether `If-Match` has this tag, by strong comparison."""
    return not {"*", tag}.isdisjoint(entity_tags("If-Match") or [])


def explained(message: str) -> str:
    """Return the message of a failed `If-Match`, or one that the reason may be a weak tag."""
    is_weak = any(tag.startswith("W/") for tag in entity_tags("If-Match") or [])
    return WEAK_TAG_MESSAGE if is_weak else message


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

    Tasks from before migration 0005 may have no account. Then the tag is of ``rows``, the ids and
    times of the tasks in the list.
    """
    state: Any = [account.account_version, account.account_epoch]
    if account.account_epoch is None:
        state = list(rows)
    query = sorted(current_request().args.to_dict(flat=False).items())
    described = orjson.dumps([fields, request_state().user, query, state])
    return f'"{sha256(described).hexdigest()[:32]}"'


def body_hash(values: dict[str, Any]) -> str:
    """Return a hash of a valid body, the same for every way to write it."""
    return sha256(orjson.dumps(values, option=orjson.OPT_SORT_KEYS)).hexdigest()
