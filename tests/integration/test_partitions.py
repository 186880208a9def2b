"""The tables can be spread by user: each statement of the API touches one partition of each table.

The tables here are partitioned by a hash of `user_id`. Citus and others distribute them the same
way.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask, request

from tests.support.api import next_link
from tests.support.client import Client, Token
from tests.support.complete import assert_complete
from tests.support.owner import USER_TABLES

PARTITIONS = 4
LIST_QUERIES = (
    *("", "?sort=title", "?sort=-priority", "?sort=due_date", "?sort=-due_date"),
    *("?sort=position", "?sort=-position"),
    *("?q=x", "?tag=home", "?priority=high", "?status=deleted", "?due_before=2026-01-01"),
)


@pytest.fixture
def app(own_app: Flask) -> Flask:
    engine = sa.create_engine(own_app.extensions["settings"].database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for table in USER_TABLES:
            partition(connection, table)
    return own_app


def partition(connection: sa.Connection, table: str) -> None:
    """Replace a table by a copy with all its keys, indexes and constraints, in partitions."""
    for statement in (
        f"ALTER TABLE {table} RENAME TO whole_{table}",
        f"CREATE TABLE {table} (LIKE whole_{table} INCLUDING ALL) PARTITION BY HASH (user_id)",
        *(
            f"CREATE TABLE {table}_{number} PARTITION OF {table}"
            f" FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
            for number in range(PARTITIONS)
        ),
        f"DROP TABLE whole_{table}",
    ):
        connection.exec_driver_sql(statement)


class Plans:
    """Explains each statement of an application, right before it is executed."""

    def __init__(self, app: Flask) -> None:
        url = app.extensions["settings"].database_url
        self.connection = sa.create_engine(url, poolclass=sa.NullPool).connect()
        self.operations: set[tuple[str, str]] = set()
        self.partitions: dict[str, set[str]] = defaultdict(set)
        """The partitions that each statement touches. The plan of an INSERT names none."""
        sa.event.listen(app.extensions["engine"], "before_cursor_execute", self.explain)

    def explain(self, _: Any, cursor: Any, statement: str, values: Any, *__: Any) -> None:
        if request.url_rule:
            self.operations.add((request.method, request.url_rule.rule))
        for part in statement.split("; "):
            sql = cursor.mogrify(f"EXPLAIN (ANALYZE, FORMAT JSON) {part}", values).decode()
            ((plans,),) = self.connection.exec_driver_sql(sql.replace("%", "%%"))
            self.connection.rollback()
            self.partitions[part] |= relations(plans[0]["Plan"]) - {*USER_TABLES, "pg_database"}


def relations(plan: Any) -> set[str]:
    """Return the tables of a plan, also those of the steps that were planned and not executed."""
    found = {plan["Relation Name"]} if "Relation Name" in plan else set()
    if plan.get("Subplans Removed"):
        found |= {f"{plan['Subplans Removed']} that were removed during execution"}
    for inner in (*plan.get("Plans", ()), *plan.get("Target Tables", ())):
        found |= relations(inner)
    return found


def use_every_operation(client: Client) -> None:
    path = "/api/tasks"
    body = {"title": "x", "tags": ["home"], "priority": "high", "due_date": "2026-01-01"}
    ids = [client.post(path, json=body).json["id"] for _ in range(3)]
    one, other, last = (f"{path}/{id_}" for id_ in ids)
    key = {"Idempotency-Key": "k"}
    assert [client.post(path, json=body, headers=key).status_code for _ in range(2)] == [201, 200]
    expected = {"If-Match": client.get(one).headers["ETag"]}
    for query in LIST_QUERIES:
        page = client.get(f"{path}{query}{'&' if query else '?'}limit=1")
        assert page.status_code == 200
        while page.headers.get("Link"):
            page = client.get(next_link(page))
    tag = {"If-None-Match": client.get(path).headers["ETag"]}
    changes = {"ids": ids, "changes": {"title": "y"}}
    done = {"ids": ids, "changes": {"completed": True}}
    answers = [
        client.get(path, headers=tag),
        client.open(path, method="HEAD"),
        client.open(one, method="HEAD"),
        client.get(f"{path}/stats"),
        client.open(f"{path}/stats", method="HEAD"),
        client.get(one, headers=expected),
        client.patch(one, json={"title": "y"}, headers=expected),
        client.patch(one, json={"title": "z"}, headers=expected),
        client.patch(one, json={"completed": True}),
        client.patch(one, json={}),
        client.put(one, json={"title": "y", "completed": False}),
        client.patch(f"{one}/complete"),
        client.patch(f"{one}/complete", json={"completed": True}),
        client.patch(f"{one}/position", json={"to": "last"}),
        client.patch(f"{one}/position", json={"before": ids[1]}, headers=expected),
        client.delete(other),
        client.post(f"{other}/restore"),
        client.patch(path, json=changes),
        client.patch(path, json=done),
        client.delete(last),
        client.delete(f"{path}?status=completed"),
        client.post(f"{path}/restore", json={"ids": ids[:2]}),
        client.post(f"{path}/trash", json={"ids": ids[:1]}),
        client.delete(f"{path}?status=deleted"),
        client.get(f"{path}/tags?q=h"),
        client.open(f"{path}/tags", method="HEAD"),
        client.get(f"{path}/changes"),
        client.open(f"{path}/changes", method="HEAD"),
    ]
    since = answers[-2].json["next"]
    answers += [
        client.get(f"{path}/changes?since={since}&limit=1"),
        client.delete("/api/account"),
    ]
    statuses = [answer.status_code for answer in answers]
    unwanted = set(statuses) - {200, 204, 304, 412}
    assert not unwanted, f"correct the requests of use_every_operation with {unwanted}: {statuses}"


@pytest.fixture
def plans(app: Flask) -> Iterator[Plans]:
    plans = Plans(app)
    yield plans
    plans.connection.close()


def test_each_statement_touches_one_partition(app: Flask, plans: Plans, token: Token) -> None:
    homes = set()
    for number in range(2 * PARTITIONS):
        plans.partitions.clear()
        use_every_operation(Client(app, token(f"user-{number}")))
        for statement, found in plans.partitions.items():
            unknown = [name for name in found if name.rpartition("_")[0] not in USER_TABLES]
            assert not unknown, f"{statement} reads {unknown}: filter by user_id, or drop the table"
            reads = re.search(rf"\b(FROM|UPDATE) ({'|'.join(USER_TABLES)})\b", statement)
            places = {name[-1] for name in found}
            assert len(places) == (1 if reads else 0), (
                f"filter every table by user_id, so that this reads one partition instead of"
                f" {sorted(found)}: {statement}"
            )
        used = frozenset().union(*plans.partitions.values())
        assert len(used) == len(USER_TABLES), (
            f"the partitions of user-{number} must be one of each table, and are {sorted(used)}:"
            " send a request that reads each table in use_every_operation"
        )
        homes.add(used)
    assert len(homes) > 1, "all users are in one partition"
    routes = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"OPTIONS"}
    }
    assert_complete(
        plans.operations,
        routes,
        "the requests of use_every_operation in tests/integration/test_partitions.py",
    )
