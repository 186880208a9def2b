"""The document matches the service, and the docs page works offline."""

import json
import re
from typing import Any

from flask import Flask

from tests import ROOT
from tests.support.client import Client
from tests.support.complete import assert_complete
from todo_api.database.models import PUBLIC
from todo_api.errors import ERROR_TYPES
from todo_api.openapi import CHOICES
from todo_api.tasks.paging import SORTS

OPERATIONS = {
    ("get", "/api/tasks"): ("listTasks", {200, 304, 400, 401, 411, 412, 413, 429, 500, 503}),
    ("post", "/api/tasks"): (
        "createTask",
        {200, 201, 400, 401, 403, 411, 413, 415, 422, 429, 500, 503},
    ),
    ("patch", "/api/tasks"): ("updateTasks", {200, 400, 401, 411, 413, 415, 429, 500, 503}),
    ("delete", "/api/tasks"): ("deleteTasks", {200, 400, 401, 411, 413, 429, 500, 503}),
    ("post", "/api/tasks/trash"): ("trashTasks", {200, 400, 401, 411, 413, 415, 429, 500, 503}),
    ("post", "/api/tasks/restore"): (
        "restoreTasks",
        {200, 400, 401, 411, 413, 415, 429, 500, 503},
    ),
    ("get", "/api/tasks/tags"): ("listTags", {200, 304, 400, 401, 411, 412, 413, 429, 500, 503}),
    ("get", "/api/tasks/stats"): ("getTaskStats", {200, 400, 401, 411, 413, 429, 500, 503}),
    ("get", "/api/tasks/{task_id}"): (
        "getTask",
        {200, 304, 400, 401, 404, 411, 412, 413, 429, 500, 503},
    ),
    ("patch", "/api/tasks/{task_id}"): (
        "updateTask",
        {200, 400, 401, 404, 411, 412, 413, 415, 429, 500, 503},
    ),
    ("put", "/api/tasks/{task_id}"): (
        "replaceTask",
        {200, 400, 401, 404, 411, 412, 413, 415, 429, 500, 503},
    ),
    ("delete", "/api/tasks/{task_id}"): (
        "deleteTask",
        {204, 400, 401, 404, 411, 412, 413, 429, 500, 503},
    ),
    ("patch", "/api/tasks/{task_id}/complete"): (
        "toggleTaskComplete",
        {200, 400, 401, 404, 411, 412, 413, 415, 429, 500, 503},
    ),
    ("patch", "/api/tasks/{task_id}/position"): (
        "moveTask",
        {200, 400, 401, 404, 411, 412, 413, 415, 429, 500, 503},
    ),
    ("post", "/api/tasks/{task_id}/restore"): (
        "restoreTask",
        {200, 400, 401, 404, 411, 412, 413, 429, 500, 503},
    ),
    ("get", "/api/tasks/changes"): (
        "getTaskChanges",
        {200, 400, 401, 410, 411, 413, 429, 500, 503},
    ),
    ("delete", "/api/account"): ("deleteAccount", {202, 204, 400, 401, 411, 413, 429, 500, 503}),
    ("get", "/health"): ("getHealth", {200, 411, 413, 500}),
    ("get", "/ready"): ("getReady", {200, 411, 413, 500, 503}),
}


def document(client: Client) -> dict[str, Any]:
    response = client.get("/openapi.json")
    assert (response.status_code, response.content_type) == (200, "application/json")
    built: dict[str, Any] = response.json
    return built


def test_committed_document_is_current(anonymous: Client) -> None:
    committed = json.loads((ROOT / "openapi.json").read_text())
    assert committed == document(anonymous), "openapi.json is stale: run make openapi"


def test_every_operation_has_its_id_and_status_codes(anonymous: Client) -> None:
    built = document(anonymous)
    assert built["openapi"] == "3.1.0"
    found = {
        (method, path): (
            operation["operationId"],
            {int(code) for code in operation["responses"] if code != "default"},
        )
        for path, item in built["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }
    # What the service has is the list that is needed: whoever meant the change edits OPERATIONS.
    assert_complete(
        in_lines(OPERATIONS),
        in_lines(found),
        "OPERATIONS of tests/integration/test_openapi.py, if the change is intended",
    )


def in_lines(operations: dict[tuple[str, str], tuple[str, set[int]]]) -> list[str]:
    return [f"{key}: ({id_!r}, {sorted(codes)})" for key, (id_, codes) in operations.items()]


def test_every_route_is_in_the_document(app: Flask, anonymous: Client) -> None:
    paths = document(anonymous)["paths"]
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith(("docs.", "api-docs.")):
            path = re.sub(r"<\w+:(\w+)>", r"{\1}", rule.rule)
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                message = f"{method} {path} is served, but is not in the document"
                assert method.lower() in paths.get(path, {}), message


def test_every_operation_has_examples_of_what_it_takes_and_returns(anonymous: Client) -> None:
    for path, item in document(anonymous)["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                described = [operation.get("requestBody", {}), *operation["responses"].values()]
                for content in (each["content"] for each in described if "content" in each):
                    message = f"{method} {path}: name examples in the decorators of its view"
                    assert content["application/json"].get("examples"), message


def test_only_task_operations_need_a_token(anonymous: Client) -> None:
    built = document(anonymous)
    assert built["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for path, item in built["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                needed: list[Any] = [{"bearer": []}] if "/api/" in path else []
                assert operation["security"] == needed, (
                    f"the document says {operation['security']} of {method} {path}: paths below"
                    " /api/ need @require_user, and others must not have it"
                )


def test_schemas_have_the_limits_of_the_validators(anonymous: Client) -> None:
    schemas = document(anonymous)["components"]["schemas"]
    for name in ("NewTask", "TaskChanges"):
        properties = schemas[name]["properties"]
        assert (properties["title"]["minLength"], properties["title"]["maxLength"]) == (1, 200)
        assert properties["title"]["type"] == "string"
        assert properties["description"]["type"] == ["string", "null"]
        assert properties["description"]["maxLength"] == 10_000
        assert properties["completed"]["type"] == "boolean"
        assert schemas[name]["additionalProperties"] is False
    assert schemas["NewTask"]["required"] == ["title"]
    assert "required" not in schemas["TaskChanges"]


FILTERS: dict[str, Any] = {
    "status": {"$ref": "#/components/schemas/Status", "default": "all"},
    "q": {"type": "string", "maxLength": 200, "pattern": "^[^\\u0000]*$"},
    "priority": {
        "type": "array",
        "items": {"$ref": "#/components/schemas/Priority", "examples": ["high"]},
        "maxItems": 10,
    },
    "due_before": {"type": "string", "format": "date"},
    "due_after": {"type": "string", "format": "date"},
}
PAGE = FILTERS | {
    "sort": {"$ref": "#/components/schemas/Sort", "default": "-created_at"},
    "limit": {"type": "integer", "minimum": 1, "maximum": 500, "default": 100},
    "cursor": {
        "type": "string",
        "minLength": 29,
        "pattern": r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{27}$",
    },
}


def test_list_parameters_have_the_limits_of_the_validators(anonymous: Client) -> None:
    paths = document(anonymous)["paths"]
    for path, expected in (("/api/tasks", PAGE), ("/api/tasks/stats", FILTERS)):
        parameters = paths[path]["get"]["parameters"]
        found = {
            parameter["name"]: parameter["schema"]
            for parameter in parameters
            if parameter["in"] == "query"
        }
        with_examples = {name for name, schema in found.items() if schema.pop("examples", None)}
        without = set(found) - with_examples - {"cursor"}  # clients never build a cursor
        assert not without, f"add an example of {without} to todo_api/tasks/parameters.py"
        tag = found.pop("tag")
        items = tag["items"]["$ref"]
        assert (tag["type"], tag["maxItems"], items) == ("array", 10, "#/components/schemas/Tag")
        assert found == expected, (
            f"edit FILTERS or PAGE of tests/integration/test_openapi.py, if {path} should change"
        )


def test_no_header_parameter_has_an_example(anonymous: Client) -> None:
    parameters = [
        parameter
        for item in document(anonymous)["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict)
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "header"
    ]
    assert parameters
    for each in parameters:
        prefilled = {"example", "examples", "default"} & (each.keys() | each["schema"].keys())
        assert not prefilled, (
            f"remove {prefilled} from the header {each['name']} in todo_api/http/preconditions.py:"
            " the docs page would send that value by itself"
        )


def test_choices_are_named_schemas_and_no_other_schema_repeats_them(anonymous: Client) -> None:
    built = document(anonymous)
    schemas = built["components"]["schemas"]
    assert {name: set(schemas[name]["enum"]) for name in CHOICES} == {
        "Status": {"all", "active", "pending", "completed", "deleted"},
        "Priority": {"low", "medium", "high"},
        "Sort": set(SORTS),
        "ErrorType": set(ERROR_TYPES),
        "InputErrorType": {"missing", "unknown", "null", "invalid"},
    }
    assert json.dumps(built).count(json.dumps(schemas["Priority"]["enum"])) == 1
    error = schemas["ApiError"]["properties"]["error_type"]
    assert error["$ref"] == "#/components/schemas/ErrorType"
    kind = schemas["InputError"]["properties"]["type"]
    assert kind["$ref"] == "#/components/schemas/InputErrorType"


def test_requests_are_strict_and_responses_may_grow(anonymous: Client) -> None:
    schemas = document(anonymous)["components"]["schemas"]
    objects = {name for name, schema in schemas.items() if schema["type"] == "object"}
    strict = {name for name in objects if schemas[name].get("additionalProperties") is False}
    names = {"NewTask", "TaskChanges", "ManyChanges", "ManyTasks", "Completion", "Placement"}
    assert strict == names


def test_new_task_has_the_defaults_of_the_service(anonymous: Client, client: Client) -> None:
    fields = document(anonymous)["components"]["schemas"]["NewTask"]["properties"]
    defaults = {name: field["default"] for name, field in fields.items() if name != "title"}
    created = client.post("/api/tasks", json={"title": "x"}).json
    assert defaults == {name: created[name] for name in defaults}


def test_ids_and_tags_are_named_schemas(anonymous: Client) -> None:
    built = document(anonymous)
    assert built["components"]["schemas"]["TaskId"]["maximum"] == 2**53 - 1
    assert json.dumps(built).count(str(2**53 - 1)) == 1
    tag, task = {"$ref": "#/components/schemas/Tag"}, built["components"]["schemas"]["Task"]
    assert tag.items() <= task["properties"]["tags"]["items"].items()
    (parameter,) = built["paths"]["/api/tasks/{task_id}"]["parameters"]
    assert parameter["schema"] == {"$ref": "#/components/schemas/TaskId"}
    assert parameter["example"] == 1


def test_each_sort_order_has_a_name_for_programs(anonymous: Client) -> None:
    sort = document(anonymous)["components"]["schemas"]["Sort"]
    names = dict(zip(sort["enum"], sort["x-enum-varnames"], strict=True))
    assert (names["title"], names["-due_date"]) == ("TITLE", "DUE_DATE_DESC")
    assert all(name.isidentifier() for name in names.values())


def test_no_pattern_has_a_line_separator(anonymous: Client) -> None:
    patterns = re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', json.dumps(document(anonymous)))
    assert patterns
    for pattern in map(json.loads, patterns):
        written_out = re.sub(r"\\u(\w{4})", lambda code: chr(int(code[1], 16)), pattern)
        assert not re.search("[\n\r\u2028\u2029]", written_out), ascii(pattern)


def test_each_operation_has_its_summary_and_a_default_response(anonymous: Client) -> None:
    items = document(anonymous)["paths"].values()
    operations = [each for item in items for name, each in item.items() if name != "parameters"]
    assert len({each["summary"] for each in operations}) == len(operations)
    for each in operations:
        assert each["responses"]["default"] == {"$ref": "#/components/responses/DEFAULT_ERROR"}


def test_links_lead_from_a_create_to_its_task_and_from_a_sync_to_the_next(
    anonymous: Client,
) -> None:
    paths = document(anonymous)["paths"]
    created, synced = paths["/api/tasks"]["post"], paths["/api/tasks/changes"]["get"]
    to_task = {"operationId": "getTask", "parameters": {"task_id": "$response.body#/id"}}
    onward = {"operationId": "getTaskChanges", "parameters": {"since": "$response.body#/next"}}
    for status in ("200", "201"):
        assert created["responses"][status]["links"] == {"getTask": to_task}
    assert synced["responses"]["200"]["links"] == {"getTaskChanges": onward}


def test_root_leads_to_the_docs_page(anonymous: Client) -> None:
    response = anonymous.get("/")
    assert (response.status_code, response.headers["Location"]) == (302, "docs")
    assert anonymous.get("/", follow_redirects=True).text == anonymous.get("/docs").text


def test_task_has_the_columns_of_its_table(anonymous: Client) -> None:
    schema = document(anonymous)["components"]["schemas"]["Task"]
    columns = [column.name for column in PUBLIC]
    assert_complete(schema["properties"], columns, "TaskFields in todo_api/tasks/schemas.py")
    assert list(schema["properties"]) == columns, (
        f"sort TaskFields in todo_api/tasks/schemas.py as the columns of the table: {columns}"
    )
    assert_complete(schema["required"], columns, "the required fields of Task")
    for column in PUBLIC:
        nullable = "null" in schema["properties"][column.name].get("type", "")
        # `position` is an expression, which is never null.
        assert nullable is getattr(column, "nullable", False), (
            f"{column.name}: allow_none in tasks/schemas.py must be as nullable is in models.py"
        )


def test_toggle_needs_no_body(anonymous: Client) -> None:
    paths = document(anonymous)["paths"]
    assert paths["/api/tasks/{task_id}/complete"]["patch"]["requestBody"]["required"] is False
    assert paths["/api/tasks"]["post"]["requestBody"]["required"] is True


def test_docs_page_loads_nothing_from_other_hosts(anonymous: Client) -> None:
    page = anonymous.get("/docs")
    assert page.status_code == 200
    links = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert len(links) >= 3
    for link in links:
        assert link.startswith("docs/assets/")
        with anonymous.get(f"/{link}") as asset:
            assert asset.status_code == 200
    assert '"url": "openapi.json"' in page.text
