"""Moves a task in the order by hand.

A task that goes after another stands one step above the one below the gap. Before another, it
stands one step below the one above. A step is a tenth to a hundredth of the gap. So 90 moves, or
one in the worst order, take a decimal more. Where there are no more decimals, the tasks below the
gap are spread.
"""

from typing import Any

import sqlalchemy as sa

from todo_api.accounts.queries import LOCK_ACCOUNT, in_one_message, take_next_version
from todo_api.database.models import PLACE, PUBLIC, tasks
from todo_api.limits import MAX_POSITION_DECIMALS
from todo_api.tasks.queries import EXPECTED, LIVE, OWN_TASK_IDS, TASK_ID, owned_by_user

# The others are also those in the trash: they keep their places. Above the first task, `top` is the
# least place that no later task gets. The rows to spread begin with the task itself, at the top of
# the gap. They end with a place below all tasks, or where each gets room for hundreds of moves.
NEW_PLACES = f"""
WITH others AS (
    SELECT tasks.id, {PLACE} AS place, tasks.deleted_at FROM tasks
    WHERE tasks.user_id = :owner AND tasks.id <> :task_id
), neighbour AS (
    SELECT place FROM others WHERE id = :neighbour_id AND deleted_at IS NULL
), above AS (
    SELECT max(place) AS place FROM others WHERE place < (SELECT place FROM neighbour)
    OR :is_below AND (:neighbour_id IS NULL OR place = (SELECT place FROM neighbour))
), ends AS MATERIALIZED (
    SELECT place AS above,
        (SELECT min(place) FROM others WHERE above.place IS NULL OR place > above.place) AS below
    FROM above WHERE :neighbour_id IS NULL OR EXISTS (SELECT FROM neighbour)
), gap AS (
    SELECT *, coalesce(above, ceil(below) - 1) AS top FROM ends
), step AS (
    SELECT *, greatest(ceil(-log(below - top)) + 1, 0)::int AS decimals FROM gap
), numbered AS (
    SELECT id, place - (SELECT top FROM gap) AS distance, row_number() OVER (ORDER BY place) AS n
    FROM (
        SELECT :task_id AS id, top AS place FROM gap
        UNION ALL SELECT id, place FROM others WHERE place > (SELECT top FROM gap)
        UNION ALL SELECT NULL, floor(max(place)) + 2 FROM others
    ) AS rows
    WHERE (SELECT decimals > {MAX_POSITION_DECIMALS} FROM step)
), spread AS (
    SELECT n AS count, distance / n AS each FROM numbered WHERE distance >= n * 1e-40
    ORDER BY n LIMIT 1
)
SELECT :task_id AS id, CASE
    WHEN below IS NULL THEN floor(above) + 1
    WHEN :is_below OR above IS NULL THEN round(below - ('1e-' || decimals)::numeric, decimals)
    ELSE round(above + ('1e-' || decimals)::numeric, decimals) END AS place
FROM step WHERE (decimals > {MAX_POSITION_DECIMALS}) IS NOT TRUE
UNION ALL
SELECT id, round(top + each * n, ceil(-log(each))::int + 1)
FROM numbered, spread, gap WHERE n < count
"""  # noqa: S608 -- made of constants


def placement_values(placement: dict[str, Any]) -> dict[str, Any]:
    """Return the values of MOVE for a valid body."""
    ((name, value),) = placement.items()
    neighbour_id = None if name == "to" else value
    return {"neighbour_id": neighbour_id, "is_below": name == "after" or value == "last"}


def move() -> sa.Select[Any]:
    """Move a task, and spread those below the gap if it is full. Return the task."""
    targets = sa.text(NEW_PLACES).columns(id=sa.BigInteger, place=sa.Numeric).cte("targets")
    is_expected = OWN_TASK_IDS.where(EXPECTED).exists()
    has_target = sa.select(targets.c.id).exists()
    version = take_next_version(sa.and_(is_expected, has_target))
    place = sa.func.coalesce(targets.c.place, tasks.c.position)  # null for the user's only task
    # Nobody sees the place of a task in the trash, and its version tells who saw it go there.
    new_version = sa.case((LIVE, version.c.version), else_=tasks.c.version)
    moved = (
        owned_by_user(sa.update(tasks))
        .where(tasks.c.user_id == version.c.user_id, tasks.c.id == targets.c.id)
        .values(position=place, version=new_version)
        .returning(*PUBLIC)
        .cte("moved")
    )
    return sa.select(moved).where(moved.c.id == TASK_ID)


MOVE = in_one_message(LOCK_ACCOUNT, move())
