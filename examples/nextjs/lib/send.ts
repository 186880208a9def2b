/** The requests of each operation. */

import { isProblem, settle } from "./api";
import type { Api, NewTask, Outcome, Problem, Task } from "./api";
import { isConflict } from "./list";
import type { Change, Named, Operation } from "./list";

const MANY = 100; // the service changes at most so many tasks in one request, and
const MANY_IDS = 1000; // moves so many to the trash or back

type Result =
  | { stored: Task[]; operation: Operation }
  | { problem: Problem; theirs?: Task; partial?: Several }; // with `done`
type Several = Extract<Operation, { done?: number[] }>;

/** Send an operation. Return the stored tasks, or the problem. Everything here is safe to retry. */
export async function send(api: Api, operation: Operation): Promise<Result> {
  switch (operation.kind) {
    case "create":
      return create(api, operation, operation.task);
    case "change":
      return operation.restore ? revive(api, operation) : change(api, operation);
    case "delete": {
      const params = { path: { task_id: operation.task.id } };
      const outcome = await settle(api.DELETE("/api/tasks/{task_id}", { params }));
      return isProblem(outcome) && !isGone(outcome) ? outcome : { operation, stored: [] };
    }
    case "move": {
      const request = { params: { path: { task_id: operation.task.id } }, body: operation.to };
      return one(operation, await settle(api.PATCH("/api/tasks/{task_id}/position", request)));
    }
    case "changeMany":
      return changeMany(api, operation);
    case "deleteMany":
      return move(api, operation, "/api/tasks/trash");
    case "restore":
      return move(api, operation, "/api/tasks/restore");
    case "clear":
      return deleteAll(api, operation, "completed");
    case "empty":
      return deleteAll(api, operation, "deleted");
  }
}

async function create(api: Api, operation: Operation, body: NewTask): Promise<Result> {
  const header = { "Idempotency-Key": operation.key };
  return one(operation, await settle(api.POST("/api/tasks", { params: { header }, body })));
}

/** Restore a task, and change it. If the trash does not have it any more, add it again. */
async function revive(api: Api, operation: Change): Promise<Result> {
  const ids = [operation.task.id];
  const restored = await settle(api.POST("/api/tasks/restore", { body: { ids } }));
  if (isProblem(restored)) return restored;
  const result = await change(api, operation);
  if (!isProblem(result) || !isGone(result)) return result;
  const { title, description, priority, due_date, tags } = { ...operation.task, ...operation.changes };
  return create(api, operation, { title, description, priority, due_date, tags });
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

/** Move tasks to the trash or back. Keep in the operation those that were moved. */
async function move(
  api: Api,
  operation: Several,
  path: "/api/tasks/trash" | "/api/tasks/restore",
): Promise<Result> {
  const asked = operation.tasks.map(({ id }) => id);
  const moved = [...(operation.done ?? [])];
  for (let start = 0; start < asked.length; start += MANY_IDS) {
    const body = { ids: asked.slice(start, start + MANY_IDS) };
    const outcome = await settle(api.POST(path, { body }));
    if (isProblem(outcome)) return { ...outcome, partial: { ...operation, done: moved } };
    moved.push(...outcome.data.ids);
  }
  return { operation: withIds(operation, moved), stored: [] };
}

/** Delete all tasks of a kind. Keep in the operation those that the service deleted. */
async function deleteAll(
  api: Api,
  operation: Several,
  status: "completed" | "deleted",
): Promise<Result> {
  const deleted = [...(operation.done ?? [])];
  let hasMore = true;
  while (hasMore) {
    const outcome = await settle(api.DELETE("/api/tasks", { params: { query: { status } } }));
    if (isProblem(outcome)) return { ...outcome, partial: { ...operation, done: deleted } };
    deleted.push(...outcome.data.ids);
    hasMore = outcome.data.has_more;
  }
  return { operation: withIds(operation, deleted), stored: [] };
}

/** Return an operation on exactly these tasks. */
export function withIds<T extends { tasks: Named[] }>(operation: T, ids: number[]): T {
  const named = new Map(operation.tasks.map((task) => [task.id, task]));
  return { ...operation, tasks: [...new Set(ids)].map((id) => named.get(id) ?? { id }) };
}

function one(operation: Operation, outcome: Outcome<Task>): Result {
  return isProblem(outcome) ? outcome : { operation, stored: [outcome.data] };
}

/** Return whether the task does not exist any more, in the list or at all. */
export function isGone({ problem }: { problem: Problem }): boolean {
  return problem.status === 404;
}
