"""Pages of tasks of maximum size."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import psutil
import sqlalchemy as sa
from flask import Flask

from tests.support.client import Token
from tests.support.serving import Server, ask
from tests.support.waiting import LIMIT, wait_until
from todo_api.config import Config
from todo_api.database.models import tasks

MIB = 2**20


def test_ten_concurrent_largest_pages_stay_within_the_memory_budget(
    app: Flask, config: Config, token: Token, user: str, tmp_path: Path
) -> None:
    rows = [{"user_id": user, "title": "x", "description": "🥛" * 10_000} for _ in range(500)]
    with app.extensions["engine"].connect() as connection:
        connection.execute(sa.insert(tasks), rows)
    with Server(tmp_path / "log", config.database_url) as server:

        def read_page() -> bool:
            with closing(server.connect()) as connection:
                return ask(connection, "GET", "/api/tasks?limit=500", token(user))[0].status == 200

        def read_whole_page(_: int) -> None:
            """Ask until no statement takes longer than it may, as on a busy machine."""
            wait_until(read_page, "the page cannot be read")

        (worker,) = psutil.Process(server.process.pid).children()
        before = worker.memory_info().rss
        sizes, done = [before], Event()

        def watch() -> None:
            while not done.is_set():
                sizes.append(worker.memory_info().rss)
                time.sleep(0.01)

        watcher = Thread(target=watch)
        watcher.start()
        try:
            with ThreadPoolExecutor(10) as pool:
                list(pool.map(read_whole_page, range(10)))
        finally:
            done.set()
            watcher.join(LIMIT)
    assert (max(sizes) - before) / MIB < 400
