import type { Task } from "../lib/api";
import type { Undo } from "../lib/list";

export function aTask(id: number, changes: Partial<Task> = {}): Task {
  const times = { created_at: "2026-11-23T09:30:00Z", updated_at: "2026-11-23T09:30:00Z" };
  const empty = { description: null, completed_at: null, due_date: null, deleted_at: null };
  const given = { id, user_id: "ada", title: `Task ${id}`, completed: false, version: id, position: "" };
  return { ...times, ...empty, ...given, priority: "medium", tags: [], ...changes };
}

/** Return the ids of the tasks that an Undo restores. */
export function tasksOf([undo]: Undo[] = []): number[] | undefined {
  return undo?.kind === "restore" ? undo.tasks.map(({ id }) => id) : undefined;
}
