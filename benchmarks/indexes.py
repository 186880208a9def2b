"""Measures what an index costs each write, and what it saves a sorted page. Writes indexes.md."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, perf_counter_ns
from typing import Any

import sqlalchemy as sa

from benchmarks.database import ROWS, Database, made_database
from benchmarks.served import HERE
from benchmarks.tables import table
from todo_api.tasks import paging, queries
from todo_api.tasks.schemas import NewTask

USERS = {"few": "100", "several": "1,000", "some": "10,000"}
"""Users of the database, and how many tasks they have."""
SORTS = ("created_at", "updated_at", "title", "priority", "due_date", "-due_date")
DEFAULT = "ix_tasks_user_id_created_at_id"
MEASURED = {
    sort: f"(user_id, ({paging.sort_key(sort, sa.literal_column(sort.removeprefix('-')))}), id)"
    for sort in SORTS[1:]
}
COUNTS = "(user_id) INCLUDE (completed, priority, tags, deleted_at)"
SETUPS = {
    "none": {},
    **{sort: {sort: columns} for sort, columns in MEASURED.items()},
    "these five": MEASURED,
    "all columns of the counts": {"counts": COUNTS},
}
"""What is measured: the indexes that are created beside those of the table."""
WITHOUT_DEFAULT = "without created_at"
ROUNDS = 2
BATCHES = 4
WRITES = 100  # in a batch
PAGES = 15
FILE = HERE / "indexes.md"
HEADING = "# The price of indexes\n\nWritten by `make bench-indexes`"
NOTES = f"""The table has {ROWS:,} rows. The tasks of each user lie scattered among them. The
service's own statements run on one connection.

- The numbers in the headings are the numbers of tasks of the user.
- *us* is the processor time of the connection's PostgreSQL process for each write. It is the least
  of all batches.
- *WAL* is the write-ahead log of each write in bytes. *At first* means right after a checkpoint,
  when the first change to a page logs the whole page.
- The page of 20 is the first page. Its time is the median in milliseconds.
"""
SETTINGS = (
    "SELECT string_agg(name || '=' || current_setting(name), ', ' ORDER BY name) FROM pg_settings"
    " WHERE name IN ('shared_buffers', 'synchronous_commit', 'full_page_writes', 'wal_compression')"
)
UPDATES = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'tasks'"
HOT = "SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'tasks'"

Values = dict[str, Any]
Figures = defaultdict[tuple[str, ...], list[float]]


class Session:
    """A connection, and the processor time and write-ahead log of its statements."""

    def __init__(self, database: Database) -> None:
        self.connection = database.engine.connect()
        self.ask("SET synchronous_commit = off")  # the wait for the disk takes no processor time
        self.statistics = Path(f"/proc/{self.ask('SELECT pg_backend_pid()')}/schedstat")
        self.figures: Figures = defaultdict(list)

    def ask(self, statement: str, **values: Any) -> Any:
        result = self.connection.execute(sa.text(statement), values)
        return result.scalar() if result.returns_rows else None

    def used(self) -> tuple[float, int]:
        """Return microseconds of processor time, and bytes of write-ahead log, so far."""
        wal = int(self.ask("SELECT pg_current_wal_insert_lsn() - '0/0'"))
        return int(self.statistics.read_text().split()[0]) / 1000, wal

    @contextmanager
    def indexes(self, setup: dict[str, str]) -> Iterator[None]:
        """Create indexes for the length of a `with`, and note their sizes."""
        for number, (name, columns) in enumerate(setup.items()):
            self.ask(f"CREATE INDEX measured_{number} ON tasks {columns}")
            self.note_size(name, f"measured_{number}")
        yield
        for number in range(len(setup)):
            self.ask(f"DROP INDEX measured_{number}")

    def note_size(self, name: str, index: str) -> None:
        size = self.ask(f"SELECT pg_relation_size('{index}') / count(*)::float FROM tasks")
        self.figures["size", name].append(size)

    def measure(self, setup: str) -> None:
        self.ask("ANALYZE tasks")  # VACUUM would leave gaps in many pages for a POST to fill
        for user in USERS:
            for sort in SORTS:
                self.time_pages(setup, user, sort)
        for user in USERS:
            ids = self.task_ids(user)
            self.count_writes("POST", setup, user, [0] * WRITES, self.create)
            self.count_writes("PATCH", setup, user, ids, self.rename)
            self.count_writes("toggle", setup, user, ids, self.toggle)
        self.ask("DELETE FROM tasks WHERE title = 'measured'")

    def task_ids(self, user: str) -> list[int]:
        ids = sa.text("SELECT id FROM tasks WHERE user_id = :user ORDER BY id")
        found = self.connection.execute(ids, {"user": user}).scalars().all()
        return list(found[:: len(found) // WRITES][:WRITES])

    def time_pages(self, setup: str, user: str, sort: str) -> None:
        page = {"status": "all", "limit": 20}
        values = queries.filter_values(page) | paging.page_values(page)
        for _ in range(PAGES):
            started = perf_counter()
            self.connection.execute(queries.PAGE_BY_SORT[sort], {"owner": user} | values).all()
            self.figures["page", setup, user, sort].append((perf_counter() - started) * 1000)

    def count_writes(
        self,
        name: str,
        setup: str,
        user: str,
        ids: list[int],
        write: Callable[[int], tuple[Any, Values]],
    ) -> None:
        """Write in batches. In the first, every page is written for the first time."""
        self.ask("CHECKPOINT")
        for batch in range(1 + BATCHES):
            writes = [write(id_) for id_ in ids]
            time, wal = self.used()
            for statement, values in writes:
                self.connection.execute(statement, {"owner": user} | values)
            time, wal = self.used()[0] - time, self.used()[1] - wal
            self.figures["wal" if batch else "first", name, setup, user].append(wal / WRITES)
            if batch:
                self.figures["cpu", name, setup, user].append(time / WRITES)

    def create(self, _: int) -> tuple[Any, Values]:
        task = NewTask().load({"title": "measured", "tags": ["home"]})
        return queries.CREATE, queries.new_task_values(task) | {"max_tasks": 10**9}

    def rename(self, id_: int) -> tuple[Any, Values]:
        changes = {"title": f"Task number {perf_counter_ns() % 100_003}"}
        values = queries.changed_values(changes) | {"task_id": id_, "versions": None}
        return queries.CHANGE.for_changes(changes), values

    def toggle(self, id_: int) -> tuple[Any, Values]:
        return queries.TOGGLE, {"task_id": id_, "versions": None}


def measure_all(database: Database) -> Session:
    """Measure each setup in turn, several times, so that other load meets all of them."""
    session = Session(database)
    default = session.ask(f"SELECT pg_get_indexdef('{DEFAULT}'::regclass)")
    for _ in range(ROUNDS):
        for setup, indexes in SETUPS.items():
            with session.indexes(indexes):
                session.measure(setup)
        session.ask(f"DROP INDEX {DEFAULT}")
        session.measure(WITHOUT_DEFAULT)
        session.ask(default)
        session.note_size("created_at", DEFAULT)
    return session


def writes(figures: Figures, name: str) -> str:
    """Return the table of a write. The processor time is the least of all batches."""
    setups = (*SETUPS, WITHOUT_DEFAULT)
    columns: list[tuple[str, list[str]]] = [(f"{name}, with one more index", list(setups))]
    for kind, heading, middle in (
        ("cpu", "us", min),
        ("wal", "WAL", median),
        ("first", "WAL at first", median),
    ):
        for user, size in USERS.items():
            found = [f"{middle(figures[kind, name, setup, user]):,.0f}" for setup in setups]
            columns.append((f"{heading}, {size}", found))
    return table(*columns)


def pages(figures: Figures) -> str:
    """Return the table of pages, times in milliseconds."""
    columns: list[tuple[str, list[str]]] = [("page of 20, sort", list(SORTS))]
    for user, size in USERS.items():
        pairs = [page_times(figures, user, sort) for sort in SORTS]
        for heading, times in zip(("with", "without"), zip(*pairs, strict=True), strict=True):
            columns.append((f"{heading}, {size}", [f"{time:.2f}" for time in times]))
        columns.append((f"gain, {size}", [f"{without - with_:.2f}" for with_, without in pairs]))
    return table(*columns)


def page_times(figures: Figures, user: str, sort: str) -> tuple[float, float]:
    """Return the time of a page with the index of its sort order, and without it."""
    setups = ("none", WITHOUT_DEFAULT) if sort == SORTS[0] else (sort, "none")
    with_, without = (median(figures["page", setup, user, sort]) for setup in setups)
    return with_, without


def report(session: Session) -> str:
    figures = session.figures
    sizes = {key[1]: f"{median(found):.0f}" for key, found in figures.items() if key[0] == "size"}
    return "\n".join(
        [
            f"{HEADING} on {os.cpu_count()} cores, PostgreSQL {session.ask('SHOW server_version')}",
            f"({session.ask(SETTINGS)}).\n",
            NOTES,
            table(("index", sizes), ("bytes a task", sizes.values())),
            *(writes(figures, name) for name in ("POST", "PATCH", "toggle")),
            pages(figures),
            f"{session.ask(HOT):,} of {session.ask(UPDATES):,} updates were HOT: every change to a"
            " task changes\nits `version`, which has an index.\n",
        ]
    )


def main() -> None:
    with made_database() as database:
        FILE.write_text(report(measure_all(database)))


if __name__ == "__main__":
    main()
