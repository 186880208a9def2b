"""How much of a process the requests of one user may hold, so that others go on.

A few of them use the database at once. Some more wait for their turn, for a moment. So enough of
the threads and connections are left, also when two users send all they can.
"""

from dataclasses import dataclass, field
from threading import Lock, Semaphore

from werkzeug.exceptions import TooManyRequests

from todo_api.config import Config
from todo_api.errors import BUSY_MESSAGE, RETRY_AFTER


@dataclass
class Queue:
    """The requests of one user that have a turn or wait for one."""

    turns: Semaphore
    requests: int = 0


@dataclass
class Turns:
    """The queue of each user who has a request now."""

    config: Config
    queues: dict[str, Queue] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def begin(self, user: str) -> None:
        """Wait for a turn. Raise `TooManyRequests` at once if too many wait, or after a moment."""
        with self.lock:
            queue = self.queues.get(user)
            if queue is None:
                queue = self.queues[user] = Queue(Semaphore(self.config.user_turns))
            if queue.requests >= self.config.user_turns and self.is_full(queue):
                raise TooManyRequests(BUSY_MESSAGE, retry_after=RETRY_AFTER)
            queue.requests += 1
        if not queue.turns.acquire(timeout=self.config.user_timeout):
            self.leave(user)
            raise TooManyRequests(BUSY_MESSAGE, retry_after=RETRY_AFTER)

    def is_full(self, queue: Queue) -> bool:
        """Return whether no more requests may wait, of this user or in all."""
        turns = self.config.user_turns
        waiting = sum(max(0, each.requests - turns) for each in self.queues.values())
        return queue.requests >= self.config.user_requests or waiting >= self.config.max_waiting

    def end(self, user: str) -> None:
        self.queues[user].turns.release()
        self.leave(user)

    def leave(self, user: str) -> None:
        with self.lock:
            queue = self.queues[user]
            queue.requests -= 1
            if not queue.requests:
                del self.queues[user]
