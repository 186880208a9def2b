"""Which parts of a SQL statement reach rows of users without the filter for their owner."""

import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from functools import cache
from importlib import import_module
from typing import Any

import sqlalchemy as sa

import todo_api
from todo_api.database.models import metadata

FILTER_ADVICE = "filter the rows of users with owned_by_user, or with `user_id == OWNER`"
USER_TABLES = [table.name for table in metadata.sorted_tables if "user_id" in table.c]
TABLE = rf"(?:public\.)?({'|'.join(USER_TABLES)})\b(?!\.)"
# The first column and the first value: so written, both are easy to find.
OWN = r" \(user_id\b[^()]*\) (?:SELECT |VALUES \():owner(?: AS \w+)?[,) ]"
INSERT = re.compile(rf"INSERT INTO {TABLE}(?!{OWN})")
REFERENCE = re.compile(rf"(?<!INSERT INTO )(?<!AS )(?<![.\w:]){TABLE}(?: AS (\w+))?")
WHERE = re.compile(
    r"\bWHERE (.*?)(?: (?:GROUP BY|HAVING|WINDOW|ORDER BY|LIMIT|OFFSET|FETCH|FOR|ON CONFLICT"
    r"|RETURNING)\b|$)"
)


def find_statements() -> Iterator[tuple[str, sa.ClauseElement]]:
    """Return the statements that the modules of the package hold, each with its name."""
    names = {module.name for module in pkgutil.walk_packages(todo_api.__path__, "todo_api.")}
    for module in names - {"todo_api.wsgi"}:  # it makes the application when it is imported
        for name, value in vars(import_module(module)).items():
            yield from statements_in(value, f"{module}.{name}")


def statements_in(value: Any, name: str) -> Iterator[tuple[str, sa.ClauseElement]]:
    ours = isinstance(value, type) and value.__module__.startswith("todo_api.")
    if isinstance(value, sa.Executable) and isinstance(value, sa.ClauseElement):
        yield name, value
    elif ours or is_dataclass(value):
        for key, inner in vars(value).items():
            yield from statements_in(inner, f"{name}.{key}")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from statements_in(inner, f"{name}[{key!r}]")
    elif isinstance(value, list | tuple | set | frozenset):
        for key, inner in enumerate(value):
            yield from statements_in(inner, f"{name}[{key}]")


@cache
def unfiltered(sql: str) -> list[str]:
    """Return the parts of a statement that reach rows of users without the owner.

    A part is what stands between two parentheses. The filter must be one of the conditions that AND
    joins in the WHERE of the part that names the table.
    """
    sql = " ".join(re.sub(r"'(?:[^']|'')*'", "''", sql).replace('"', "").split())
    sql = re.sub(r"%\((\w+)\)s(?:::\w+)?", r":\1", sql)
    found = [sql[each.start() :] for each in INSERT.finditer(sql)]
    return found + [part for part in parts(sql) if not all(has_filter(part))]


def parts(sql: str) -> Iterator[str]:
    """Split a statement at its parentheses, its semicolons and its set operations."""
    while inner := re.search(r"\(([^()]*)\)", sql):
        yield from re.split(r"; ?| UNION | INTERSECT | EXCEPT ", inner[1])
        sql = f"{sql[: inner.start()]}_{sql[inner.end() :]}"
    yield from re.split(r"; ?| UNION | INTERSECT | EXCEPT ", sql)


def has_filter(part: str) -> Iterator[bool]:
    """Yield, for each table of users' rows in a part, whether the part filters it by owner."""
    where = WHERE.search(part)
    conditions = where[1].split(" AND ") if where and " OR " not in where[1] else []
    for table, alias in REFERENCE.findall(part):
        yield f"{alias or table}.user_id = :owner" in conditions
