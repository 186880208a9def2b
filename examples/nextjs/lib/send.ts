/** The requests of each operation. */

import { isProblem, nextCursor, settle } from "./api";
import type { Api, Outcome, Problem, Task } from "./api";
import { isConflict } from "./list";
import type { Change, Operation } from "./list";

const MANY = 100; // the service changes at most so many tasks in one request

type Result = { stored: Task[]; operation: Operation } | { problem: Problem; theirs?: Task };

/** Send an operation. Return the stored tasks, or the problem. Everything here is safe to retry. */
export async function send(api: Api, operation: Operation): Promise<Result> {
  switch (operation.kind) {
    case "create": {
      const header = { "Idempotency-Key": operation.key };
      const body = operation.task;
      return one(operation, await settle(api.POST("/api/tasks", { params: { header }, body })));
    }
    case "change":
      return change(api, operation);
    case "delete": {
      const params = { path: { task_id: operation.task.id } };
      const outcome = await settle(api.DELETE("/api/tasks/{task_id}", { params }));
      return isProblem(outcome) && !isGone(outcome) ? outcome : { operation, stored: [] };
    }
    case "changeMany":
      return changeMany(api, operation);
    case "clear":
      return clear(api, operation);
    case "empty":
      return deleteAll(api, operation, "deleted");
    case "restore":
      return restore(api, operation);
  }
}

/** Change a task. With `seen`, ask the user instead of overwriting a version they did not see. */
async function change(api: Api, operation: Change): Promise<Result> {
  const { task, changes, seen } = operation;
  const path = { task_id: task.id };
  let version = seen?.version;
  for (;;) {
    const header = version === undefined ? {} : { "If-Match": `"${version}"` };
    const request = { params: { path, header }, body: changes };
    const outcome = await settle(api.PATCH("/api/tasks/{task_id}", request));
    if (!isProblem(outcome) || outcome.problem.status !== 412) return one(operation, outcome);
    const latest = await settle(api.GET("/api/tasks/{task_id}", { params: { path } }));
    if (isProblem(latest)) return isGone(latest) ? one(operation, latest) : outcome;
    if (isConflict(operation, latest.data)) return { ...outcome, theirs: latest.data };
    version = latest.data.version; // only something else changed, such as the completion
  }
}

async function changeMany(
  api: Api,
  operation: Operation & { kind: "changeMany" },
): Promise<Result> {
  const ids = operation.tasks.map(({ id }) => id);
  const stored: Task[] = [];
  for (let start = 0; start < ids.length; start += MANY) {
    const body = { ids: ids.slice(start, start + MANY), changes: operation.changes };
    const outcome = await settle(api.PATCH("/api/tasks", { body }));
    if (isProblem(outcome)) return outcome;
    stored.push(...outcome.data);
  }
  return { operation, stored };
}

/** Delete the completed tasks. List them first, because the responses have only their ids. */
async function clear(api: Api, operation: Operation & { kind: "clear" }): Promise<Result> {
  const tasks: Task[] = [];
  let cursor: string | undefined;
  do {
    const query = { status: "completed", limit: 500, cursor } as const;
    const page = await settle(api.GET("/api/tasks", { params: { query } }));
    if (isProblem(page)) return page;
    tasks.push(...page.data);
    cursor = nextCursor(page.response);
  } while (cursor);
  return deleteAll(api, { ...operation, tasks }, "completed");
}

async function deleteAll(
  api: Api,
  operation: Operation,
  status: "completed" | "deleted",
): Promise<Result> {
  let hasMore = true;
  while (hasMore) {
    const outcome = await settle(api.DELETE("/api/tasks", { params: { query: { status } } }));
    if (isProblem(outcome)) return outcome;
    hasMore = outcome.data.has_more;
  }
  return { operation, stored: [] };
}

/** Restore tasks one by one. Skip those that were purged. */
async function restore(api: Api, operation: Operation & { kind: "restore" }): Promise<Result> {
  const stored: Task[] = [];
  for (const { id } of operation.tasks) {
    const params = { path: { task_id: id } };
    const outcome = await settle(api.POST("/api/tasks/{task_id}/restore", { params }));
    if (!isProblem(outcome)) stored.push(outcome.data);
    else if (!isGone(outcome)) return outcome;
  }
  return { operation, stored };
}

function one(operation: Operation, outcome: Outcome<Task>): Result {
  return isProblem(outcome) ? outcome : { operation, stored: [outcome.data] };
}

/** Return whether the task does not exist any more, in the list or at all. */
export function isGone({ problem }: { problem: Problem }): boolean {
  return problem.status === 404;
}
