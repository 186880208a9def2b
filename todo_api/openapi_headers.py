"""The OpenAPI text of the headers that make writes safe: entity tags and idempotency keys."""

from typing import Any

from todo_api.limits import MAX_KEY_LENGTH
from todo_api.preconditions import WITH_IF_MATCH


def camel_case(snake_case: str) -> str:
    first, *others = snake_case.split("_")
    return first + "".join(word.capitalize() for word in others)


def header(name: str, text: str, **schema: Any) -> dict[str, Any]:
    """Describe a header. Without an example: the docs page would send it with every request."""
    return {
        "in": "header",
        "name": name,
        "required": False,
        "description": text,
        "schema": {"type": "string", **schema},
    }


ONE_TAG = r'(W/)?"[\x21\x23-\x7e]*"'
ENTITY_TAGS = rf"^(\*|{ONE_TAG}(, {ONE_TAG})*)$"
IF_MATCH = header(
    "If-Match",
    'Change the task only if this is its `ETag`, such as `"1"`. Or several tags, or `*`.',
    pattern=ENTITY_TAGS,
)
IF_NONE_MATCH = header(
    "If-None-Match",
    'Return 304 without a body if this is still the `ETag`, such as `"1"`. '
    "Or several tags, or `*`.",
    pattern=ENTITY_TAGS,
)
IDEMPOTENCY_KEY = header(
    "Idempotency-Key",
    "A value that the client uses for this task alone, such as a UUID: "
    "`4f8a4bcb-0f9e-4d6e-9d6a-1c3f5b0a7e21`. It makes a retry safe.",
    pattern=rf"^[!-~]([ -~]{{0,{MAX_KEY_LENGTH - 2}}}[!-~])?$",
    maxLength=MAX_KEY_LENGTH,
)
CONDITIONAL_WRITES = [camel_case(name) for name in WITH_IF_MATCH]
# The header that an operation takes, and the error that its headers or tokens can lead to.
REQUEST_HEADERS = {
    "listTasks": IF_NONE_MATCH,
    "getTask": IF_NONE_MATCH,
    "createTask": IDEMPOTENCY_KEY,
} | dict.fromkeys(CONDITIONAL_WRITES, IF_MATCH)
HEADER_ERRORS = {"createTask": 422, "getTaskChanges": 410} | dict.fromkeys(CONDITIONAL_WRITES, 412)
TAGGED = set(REQUEST_HEADERS) - {"deleteTask"}
ETAG = {
    "description": "The entity tag of the response. For a task, its version in quotes.",
    "schema": {"type": "string"},
    "example": '"1"',
}
NOT_MODIFIED = {"description": "Not Modified", "headers": {"ETag": ETAG}}


def add_headers(operation: dict[str, Any]) -> None:
    """Add the headers of the request, and those of every success response."""
    name = operation["operationId"]
    parameter = REQUEST_HEADERS.get(name)
    if parameter:
        operation.setdefault("parameters", []).append(parameter)
    if name in TAGGED:
        for response in successes(operation):
            response["headers"] = {"ETag": ETAG} | response.get("headers", {})
    if parameter is IF_NONE_MATCH:
        operation["responses"][304] = NOT_MODIFIED


def successes(operation: dict[str, Any]) -> list[dict[str, Any]]:
    return [found for code, found in operation["responses"].items() if str(code)[0] == "2"]
