"""The tables of the documentation are complete, and every name in them exists."""

import ast
import json
import re
from collections.abc import Iterator, Mapping

import pytest
from flask import Flask

from tests import ROOT, SECRET
from tests.docs.markdown import (
    CODE,
    COMMANDS,
    HEADING,
    PAGES,
    blocks,
    first_code,
    prose,
    rows,
)
from tests.support.complete import assert_complete
from todo_api.config import Config
from todo_api.errors import CODES, ERRORS, OTHER_INPUT_ERROR, TYPE_BY_CODE
from todo_api.http.auth import AUTH_FAILURES
from todo_api.tasks.paging import SORT_KEYS

README = ROOT / "README.md"
API = ROOT / "docs/api.md"
ARCHITECTURE = ROOT / "docs/architecture.md"
AUTH = ROOT / "docs/auth.md"
CONFIGURATION = ROOT / "docs/configuration.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
OPERATIONS = ROOT / "docs/operations.md"

GUNICORN_SETTINGS = {"PORT", "WEB_CONCURRENCY"}  # gunicorn reads them by itself
URL = "postgresql://host/database"
DOCUMENT = json.loads((ROOT / "openapi.json").read_text())
PARAMETERS = [
    parameter
    for item in DOCUMENT["paths"].values()
    for name, operation in item.items()
    for parameter in (operation if name == "parameters" else operation.get("parameters", []))
]
MAKEFILE = (ROOT / "Makefile").read_text()
SOURCES = [
    path.read_text()
    for pattern in (
        "*.py",
        "todo_api/**/*.py",
        "http_server/*.py",
        "tests/**/*.py",
        "examples/nextjs/*.py",
        "examples/nextjs/lib/*.ts",
        "deploy/**/*.y*ml",
        "**/.env.example",
        ".flaskenv",
        "Dockerfile",
        "Makefile",
    )
    for path in ROOT.glob(pattern)
    if "node_modules" not in path.parts
]
"""Where the variables that the documentation names must be used."""


class RecordingEnviron(Mapping[str, str]):
    """An environment that records which variables are read."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self.environ[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.environ)

    def __len__(self) -> int:
        return len(self.environ)


@pytest.fixture(scope="module")
def settings() -> set[str]:
    """The variables that the service reads."""
    environ = RecordingEnviron({"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": URL})
    Config.from_env(environ)
    return environ.names


def test_configuration_lists_every_setting(settings: set[str]) -> None:
    listed = first_code(rows(CONFIGURATION, "variable"))
    assert_complete(listed, settings | GUNICORN_SETTINGS, "the table of docs/configuration.md")


def test_env_example_has_every_setting_of_the_service(settings: set[str]) -> None:
    example = (ROOT / ".env.example").read_text()
    listed = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    assert_complete(listed, settings, ".env.example")


def test_required_settings_are_in_the_readme(settings: set[str]) -> None:
    required = {
        name
        for row in rows(CONFIGURATION, "variable")
        for name in CODE.findall(row[0])
        if row[1] == "required"
    }
    assert required == {"BETTER_AUTH_SECRET", "DATABASE_URL"}
    listed = set(first_code(rows(README, "variable")))
    assert required <= listed, f"add to the table of README.md: {required - listed}"
    assert listed <= settings, f"remove from the table of README.md: {listed - settings}"


def test_defaults_of_the_configuration_page_are_those_of_the_service() -> None:
    config = Config(SECRET, URL)
    defaults = {
        name: default
        for row in rows(CONFIGURATION, "variable")
        for name, default in zip(CODE.findall(row[0]), CODE.findall(row[1]), strict=False)
    }
    needed = {
        "FRONTEND_URL": ",".join(config.frontend_origins),
        "LOG_LEVEL": config.log_level,
        "LOG_SAMPLE": str(config.log_sample),
        "LOG_PROBES": "on" if config.log_probes else "off",
        "SLOW_STATEMENT": str(config.slow_statement),
        "TRUSTED_PROXIES": str(config.trusted_proxies),
        "MAX_TASKS_PER_USER": str(config.max_tasks_per_user),
        "USER_TIMEOUT": str(config.user_timeout),
        "PORT": "8000",
        "WEB_CONCURRENCY": "1",
    }
    place = "the defaults in docs/configuration.md"
    assert_complete(defaults.items(), needed.items(), place)


def operations() -> set[str]:
    return {
        f"{method.upper()} {path}"
        for path, item in DOCUMENT["paths"].items()
        for method in item.keys() - {"parameters"}
    }


def test_readme_lists_every_endpoint() -> None:
    listed = first_code(rows(README, "request"))
    assert_complete(listed, operations(), "the table of requests in README.md")


def test_api_page_has_a_heading_for_every_endpoint() -> None:
    headings = " ".join(HEADING.findall(prose(API)))
    listed = re.findall(r"`([A-Z]+ /[^`]*)`", headings)
    assert_complete(listed, operations(), "the headings of docs/api.md")


def test_api_page_lists_every_field_of_a_task() -> None:
    listed = first_code(rows(API, "field"))
    fields = list(DOCUMENT["components"]["schemas"]["Task"]["properties"])
    assert listed == fields, f"the rows of docs/api.md must be, in this order: {fields}"


@pytest.mark.parametrize("place", ["query", "header"])
def test_api_page_lists_every_parameter(place: str) -> None:
    header = {"query": "parameter", "header": "header"}[place]
    listed = first_code(rows(API, header))
    missing = {each["name"] for each in PARAMETERS if each["in"] == place} - {*listed}
    assert not missing, f"add to the table of each {header} in docs/api.md: {sorted(missing)}"


def test_api_page_lists_every_sort_order() -> None:
    (meaning,) = (row[1] for row in rows(API, "parameter") if row[0] == "`sort`")
    listed = CODE.findall(meaning.partition("`-`")[0])
    assert_complete(listed, SORT_KEYS, "the row of `sort` in docs/api.md")


def test_api_page_lists_every_error_type() -> None:
    listed = {(int(row[0]), row[1].strip("`")) for row in rows(API, "status")}
    known = {(status, error.name) for status, error in ERRORS.items()}
    assert_complete(listed, known, "the table of errors in docs/api.md")


def test_auth_page_lists_every_reason_to_refuse_a_token() -> None:
    listed = first_code(rows(AUTH, "`auth_failure`"))
    assert_complete(listed, AUTH_FAILURES, "the table of `auth_failure` in docs/auth.md")
    assert listed == list(AUTH_FAILURES), "sort the table as AUTH_FAILURES of todo_api/http/auth.py"


def test_api_page_lists_every_code_of_an_input_error_with_its_type() -> None:
    listed = {code: row[1].strip("`") for row in rows(API, "code") for code in CODE.findall(row[0])}
    assert_complete(listed, used_codes(), "the table of each code in docs/api.md")
    assert listed == {code: TYPE_BY_CODE.get(code, OTHER_INPUT_ERROR) for code in listed}


def used_codes() -> set[str]:
    """Return the codes that the package gives to its messages."""
    codes = {
        call.args[1].value
        for path in (ROOT / "todo_api").rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("Message", "invalid")
        if len(call.args) > 1 and isinstance(call.args[1], ast.Constant)
    }
    return {str(code) for code in codes} | {*CODES.values(), OTHER_INPUT_ERROR}


def commands(program: str) -> list[tuple[str, str]]:
    """Return the subcommands of a program in the code of all pages, with the place of each."""
    pattern = re.compile(rf"(?:^|[ /(&;|]){program} ([a-z][a-z0-9-]*)(?![.\w])", re.MULTILINE)
    code = [
        (str(page.relative_to(ROOT)), text)
        for page in PAGES
        for text in [
            *CODE.findall(prose(page)),
            *(block.text for block in blocks(page) if block.language in COMMANDS),
        ]
    ]
    return [(place, name) for place, text in code for name in pattern.findall(text)]


def test_every_make_command_is_a_target() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))
    unknown = [found for found in commands("make") if found[1] not in targets]
    assert not unknown, f"correct these pages, or add the target to Makefile: {unknown}"


def test_contributing_lists_every_make_target() -> None:
    described = re.findall(r"^([a-z0-9-]+):.*##", MAKEFILE, re.MULTILINE)
    listed = [name.split()[1] for name in first_code(rows(CONTRIBUTING, "command"))]
    assert_complete(listed, described, "the table of commands in CONTRIBUTING.md")


def test_every_flask_command_exists(app: Flask) -> None:
    known = {"run", "routes", "shell", "db", *app.cli.commands}
    unknown = [found for found in commands("flask") if found[1] not in known]
    assert not unknown, f"correct these pages: the service has no such command: {unknown}"


def test_every_command_of_the_service_is_documented(app: Flask) -> None:
    own = {"db", *(name for name in app.cli.commands if is_ours(app, name))}
    assert len(own) > 1, "no command of the service is found"
    missing = own - {name for _, name in commands("flask")}
    assert not missing, f"show these commands of flask in a page of docs/: {sorted(missing)}"


def is_ours(app: Flask, name: str) -> bool:
    command = app.cli.commands[name]
    callbacks = [each.callback for each in getattr(command, "commands", {"": command}).values()]
    return any(str(getattr(each, "__module__", "")).startswith("todo_api.") for each in callbacks)


def test_every_variable_is_used_by_the_code() -> None:
    names = {
        (str(page.relative_to(ROOT)), name)
        for page in PAGES
        for name in CODE.findall(prose(page))
        if re.fullmatch(r"(?!OTEL_)[A-Z][A-Z_]*_[A-Z_]+", name)  # OpenTelemetry reads its own
    }
    unknown = [found for found in sorted(names) if not any(found[1] in text for text in SOURCES)]
    assert not unknown, f"correct these pages: no code reads the variable: {unknown}"


def test_operations_page_lists_no_unknown_field_of_the_log() -> None:
    listed = first_code(rows(OPERATIONS, "log field"))
    unknown = [name for name in listed if not any(f'"{name}"' in text for text in SOURCES)]
    assert not unknown, f"remove these fields from docs/operations.md: {unknown}"
    assert len(listed) == len(set(listed)), "docs/operations.md lists a field of the log twice"


def part_of(module: str) -> str:
    """Return the part of a module, from the table of docs/architecture.md."""
    places = {
        place: part
        for cell, part, *_ in rows(ARCHITECTURE, "place")
        for place in CODE.findall(cell)
    }
    found = [place for place in places if module == place or module.startswith(place)]
    assert found, f"add {module} to the table of parts in docs/architecture.md"
    return places[found[0]]


def modules() -> list[str]:
    patterns = ("*.py", "todo_api/**/*.py", "http_server/*.py")
    return [str(path.relative_to(ROOT)) for each in patterns for path in ROOT.glob(each)]


def test_architecture_lists_only_what_exists() -> None:
    places = first_code(rows(ARCHITECTURE, "place"))
    absent = [place for place in places if not (ROOT / place).exists()]
    assert not absent, f"remove {absent} from the table of parts in docs/architecture.md"


def test_readme_of_the_tests_lists_every_folder() -> None:
    folders = {f"{file.parent.name}/" for file in (ROOT / "tests").glob("*/*.py")}
    listed = first_code(rows(ROOT / "tests/README.md", "folder"))
    assert_complete(listed, folders, "the table of tests/README.md")


def test_diagram_of_the_parts_has_the_imports_of_the_code() -> None:
    imports = {
        (part_of(module), part_of(imported))
        for module in modules()
        for imported in imported_modules(module)
    }
    (diagram,) = (b.text for b in blocks(ARCHITECTURE) if b.text.startswith("flowchart"))
    arrows = set(re.findall(r"\w+ --> \w+", diagram))
    needed = {f"{a} --> {b}" for a, b in imports if a != b and b != "base"}
    assert_complete(arrows, needed, "the diagram in docs/architecture.md")
    upwards = sorted({b for a, b in imports if a == "base" and b != "base"})
    assert not upwards, f"a module of the part base imports from {upwards}: move what it needs"


def imported_modules(module: str) -> Iterator[str]:
    """Return the modules and packages of this repository that a module imports."""
    for node in ast.walk(ast.parse((ROOT / module).read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in (f"{node.module}.{alias.name}" for alias in node.names):
                yield from list(existing(name))[:1] or existing(node.module)


def existing(name: str) -> Iterator[str]:
    path = ROOT / name.replace(".", "/")
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.exists():
            yield str(file.relative_to(ROOT))


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("nextjs.md", "lib/auth-client.ts"),
        ("nextjs.md", "app/api/auth/[...all]/route.ts"),
        ("nextjs-recipes.md", "lib/api-server.ts"),
    ],
)
def test_guide_and_example_have_the_same_code(page: str, name: str) -> None:
    guide = (ROOT / "docs" / page).read_text()
    shown = guide.partition(f"// {name}\n")[2].partition("```")[0]
    code = (ROOT / "examples/nextjs" / name).read_text()
    assert shown == code, f"copy examples/nextjs/{name} into its block of docs/{page}"
