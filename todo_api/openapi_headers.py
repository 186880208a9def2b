"""The OpenAPI text of the headers that make writes safe: entity tags and idempotency keys."""

from typing import Any

from todo_api.limits import MAX_KEY_LENGTH


def header(name: str, text: str, example: str, **schema: Any) -> dict[str, Any]:
    return {
        "in": "header",
        "name": name,
        "required": False,
        "description": text,
        "schema": {"type": "string", **schema},
        "example": example,
    }


ONE_TAG = r'(W/)?"[\x21\x23-\x7e]*"'
ENTITY_TAGS = rf"^(\*|{ONE_TAG}(, {ONE_TAG})*)$"
IF_MATCH = header(
    "If-Match",
    "Change the task only if this is its `ETag`. Or several tags, or `*`.",
    '"1"',
    pattern=ENTITY_TAGS,
)
IF_NONE_MATCH = header(
    "If-None-Match",
    "Return 304 without a body if this is still the `ETag`. Or several tags, or `*`.",
    '"1"',
    pattern=ENTITY_TAGS,
)
IDEMPOTENCY_KEY = header(
    "Idempotency-Key",
    "A value that the client uses for this task alone, such as a UUID. It makes a retry safe.",
    "4f8a4bcb-0f9e-4d6e-9d6a-1c3f5b0a7e21",
    pattern=rf"^[!-~]([ -~]{{0,{MAX_KEY_LENGTH - 2}}}[!-~])?$",
    maxLength=MAX_KEY_LENGTH,
)
# The header that an operation takes, and the error that it can lead to.
PARAMETERS = {
    "listTasks": (IF_NONE_MATCH, 304),
    "getTask": (IF_NONE_MATCH, 304),
    "createTask": (IDEMPOTENCY_KEY, 422),
    "updateTask": (IF_MATCH, 412),
    "replaceTask": (IF_MATCH, 412),
    "toggleTaskComplete": (IF_MATCH, 412),
    "deleteTask": (IF_MATCH, 412),
    "restoreTask": (IF_MATCH, 412),
}
TAGGED = set(PARAMETERS) - {"deleteTask"}
ETAG = {
    "description": "The entity tag of the response. For a task, its version in quotes.",
    "schema": {"type": "string"},
    "example": '"1"',
}
NOT_MODIFIED = {"description": "Not Modified", "headers": {"ETag": ETAG}}


def add_headers(operation: dict[str, Any]) -> None:
    """Add the headers of the request, and those of every success response."""
    name = operation["operationId"]
    parameter, status = PARAMETERS.get(name, (None, None))
    if parameter:
        operation.setdefault("parameters", []).append(parameter)
    if name in TAGGED:
        for response in successes(operation):
            response["headers"] = {"ETag": ETAG} | response.get("headers", {})
    if status == 304:
        operation["responses"][304] = NOT_MODIFIED


def successes(operation: dict[str, Any]) -> list[dict[str, Any]]:
    return [found for code, found in operation["responses"].items() if str(code)[0] == "2"]


def header_errors(operation: dict[str, Any]) -> set[int]:
    """Return the status codes of the errors that the headers and tokens of a request lead to."""
    name = operation["operationId"]
    _, status = PARAMETERS.get(name, (None, 304))
    return {410} if name == "getTaskChanges" else {status} - {304}
