/** What the page says about an operation: a sentence to announce, and a sentence for a refusal. */

import type { Problem, Task, TaskChanges } from "./api";
import { changesOf, isSentLater } from "./list";
import type { Field, Intent, Named, Notice, Operation, Undo } from "./list";
import { PRIORITIES } from "./query";
import type { Due, Status } from "./query";

export const FIELD_NAMES: Record<Field, string> = {
  title: "Title",
  description: "Notes",
  priority: "Priority",
  due_date: "Due date",
  tags: "Tags",
};
export const PRIORITY_NAMES: Record<Task["priority"], string> = {
  high: "High",
  medium: "Medium",
  low: "Low",
};

/** A text of the user, as an Undo brings it back. */
export type Typed = Undo & { kind: "create" | "type" };

export const DUE_NAMES: Record<Due, string> = { today: "Today", overdue: "Overdue" };

export const NOTHING: Record<Status, string> = {
  all: "No tasks. Add one.",
  active: "All done.",
  completed: "No completed tasks.",
  deleted: "The trash is empty.",
};

/** Describe the result of a search or filter, for those who cannot see the list. */
export function describeFound(found: unknown[], hasMore: boolean): string {
  return hasMore ? `More than ${count(found)} found.` : `${count(found)} found.`;
}

/** Describe an operation that the service accepted. */
export function describeDone(operation: Operation, stored: Task[]): Notice {
  switch (operation.kind) {
    case "create":
      // A retry may find that its first attempt was stored, and the task deleted since.
      if (stored[0]?.deleted_at) return describeGone(operation.task);
      return { text: `Added ${quote(operation.task)}.`, added: stored[0]?.id };
    case "change":
      return describeChange(operation, stored);
    case "delete":
      return describeDeleted([operation.task]);
    case "move": {
      const { place, of, task, back } = operation;
      const text = `Moved to place ${of ? `${place} of ${of}` : place}: ${quote(task)}.`;
      return { text, undo: back && [{ kind: "move", task, ...back, of }] };
    }
    case "changeMany":
      return describeChanged(operation, stored);
    case "deleteMany":
    case "clear":
      return describeDeleted(operation.tasks);
    case "empty":
      return { text: "Emptied the trash.", seen: true };
    case "restore":
      if (operation.tasks.length === 0) return { text: "There was nothing to restore.", seen: true };
      return { text: `Restored ${nameOf(operation.tasks)}.`, seen: true };
  }
}

/** Describe a new task that the list does not show. */
export function describeHidden({ text, added }: Notice): Notice {
  return { text: `${text} The filter hides it.`, seen: true, added };
}

function describeDeleted(tasks: Named[]): Notice {
  if (tasks.length === 0) return { text: "There was nothing to delete.", seen: true };
  const named = tasks.map(({ id, title }) => ({ id, title }));
  return { text: `Deleted ${nameOf(tasks)}.`, seen: true, undo: [{ kind: "restore", tasks: named }] };
}

/** Describe a text that the user throws away. */
export function describeDiscarded(undo: Typed): Notice {
  const text =
    undo.kind === "create"
      ? `Discarded ${quote(undo.task)}.`
      : `Edit discarded: ${quote(undo.seen)}.`;
  return { text, seen: true, undo: [undo] };
}

/** Describe a change that was undone, or is no longer wanted. */
export function describeAsBefore(operation: Operation): Notice {
  const names = "tasks" in operation ? nameOf(operation.tasks) : quote(operation.task);
  const isOne = !("tasks" in operation) || operation.tasks.length === 1;
  return { text: `${names} ${isOne ? "is" : "are"} as before.`, seen: true };
}

/** Describe an operation that the service refused, beside its row or elsewhere. */
export function describeRefused(operation: Operation, isBesideRow = false): string {
  if (isSentLater(operation)) {
    const name = "tasks" in operation ? nameOf(operation.tasks) : quote(operation.task);
    const it = isBesideRow ? "Waiting. It" : name;
    return `${it} will be ${PARTICIPLES[operation.kind]} when the service responds.`;
  }
  if (isBesideRow) return `Not ${PARTICIPLES[operation.kind]}.`;
  const isPartial = "done" in operation && operation.done?.length;
  return `${subject(operation)} ${isPartial ? "only partly" : "not"} ${PARTICIPLES[operation.kind]}.`;
}

/** Say why, and what to do. The words of the service are for people only in a few problems. */
export function explain({ status, detail, fields, type, retryAfter = 0 }: Problem): string {
  const again = retryAfter > 5 ? `in ${retryAfter} seconds` : "in a moment";
  switch (status) {
    case 0:
    case 401:
      return detail; // the page's own words
    case 400:
      return Object.values(fields)[0] ?? detail;
    case 403:
      return type === "quota_exceeded_error" ? detail : UNEXPECTED;
    case 412:
      return "It was changed elsewhere. Try again.";
    case 413:
      return "This text is too long. Shorten it.";
    case 429:
      return `That was too much at once. Try again ${again}.`;
    case 503:
      return `The service is not available. Try again ${again}.`;
    default:
      return UNEXPECTED;
  }
}

const UNEXPECTED = "Something went wrong. Try again in a moment.";

const MAX_TITLE = 200;

/** Say what is wrong with the length of a title, in characters as the service counts them. */
export function describeLength(title: string): string | undefined {
  const characters = [...title.trim()].length;
  if (characters === 0) return "The title is empty. Write one.";
  if (characters <= MAX_TITLE) return undefined;
  return `The title is ${characters} characters long. The limit is ${MAX_TITLE}.`;
}

/** Return the id that finds an unexpected problem in the log of the service. */
export function referenceOf(problem: Problem): string | undefined {
  return explain(problem) === UNEXPECTED ? problem.requestId : undefined;
}

const PARTICIPLES: Record<Operation["kind"], string> = {
  create: "added",
  change: "saved",
  delete: "deleted",
  move: "moved",
  deleteMany: "deleted",
  changeMany: "changed",
  clear: "deleted",
  empty: "emptied",
  restore: "restored",
};

function subject(operation: Operation): string {
  if (operation.kind === "clear") return "The completed tasks were";
  if (operation.kind === "empty") return "The trash was";
  if (!("tasks" in operation)) return `${quote(operation.task)} was`;
  return operation.tasks.length === 1
    ? `${nameOf(operation.tasks)} was`
    : `${count(operation.tasks)} were`;
}

/** Describe a change to a task that another tab or device has deleted. */
export function describeGone(task: Pick<Task, "title">): Notice {
  return { text: `${quote(task)} was deleted elsewhere.`, seen: true, stays: true };
}

/** Describe a move beside a task that another tab or device has deleted. */
export function describeNeighbourGone(task: Pick<Task, "title">): Notice {
  const text = `${quote(task)} was not moved. The task beside its new place was deleted elsewhere.`;
  return { text, seen: true, stays: true };
}

/** Describe why a row cannot move further. */
export function describeEnd(isTop: boolean, hasMore: boolean): Notice {
  if (isTop) return { text: "This is the first task." };
  const text = hasMore ? "Load more tasks to move it further down." : "This is the last task.";
  return { text, seen: hasMore };
}

export const NOTHING_TO_UNDO: Notice = { text: "Nothing to undo.", seen: true };

/** Describe how to move a row of a list that is sorted in another way. */
export const ORDER_OFFER: Notice = {
  text: "Sort by “My order” to move tasks.",
  seen: true,
  offersOrder: true,
};

function describeChange(
  { task, changes, seen = task, restore }: Intent & { kind: "change" },
  stored: Task[],
): Notice {
  const { completed } = changes;
  if (completed === undefined) {
    const text = `${quote({ ...task, ...changes })}.`;
    if (restore) return { text: `Restored and saved ${text}`, seen: true };
    const undo = stored.flatMap((now): Undo[] => {
      const back = changesOf(now, seen);
      return Object.keys(back).length > 0 ? [{ kind: "change", task: now, seen: now, changes: back }] : [];
    });
    return undo.length > 0 ? { text: `Saved ${text}`, seen: true, undo } : { text: `Saved ${text}` };
  }
  const text = completed ? `Completed ${quote(task)}.` : `${quote(task)} is active again.`;
  const undo: Undo = { kind: "change", task, changes: { completed: !completed } };
  return { text, undo: task.completed === completed ? undefined : [undo] };
}

function describeChanged({ tasks, changes }: Intent & { kind: "changeMany" }, stored: Task[]): Notice {
  const { completed, priority } = changes;
  const name = nameOf(stored);
  const text = priority
    ? `Set ${name} to ${priority} priority.`
    : `${completed ? "Completed" : "Active again:"} ${name}.`;
  const ids = new Set(stored.map(({ id }) => id));
  const undo = revert(tasks.filter(({ id }) => ids.has(id)), changes);
  return { text, seen: true, undo: undo.length > 0 ? undo : undefined };
}

/** Return the operations that give tasks their old values back, one for each value. */
function revert(tasks: Task[], { completed, priority }: TaskChanges): Undo[] {
  const before = (changes: TaskChanges, had: Task[]): Undo[] =>
    had.length > 0 ? [{ kind: "changeMany", tasks: had, changes }] : [];
  if (!priority) {
    return before({ completed: !completed }, tasks.filter((task) => task.completed !== completed));
  }
  return PRIORITIES.filter((other) => other !== priority).flatMap((other) =>
    before({ priority: other }, tasks.filter((task) => task.priority === other)),
  );
}

/** Describe several operations that gave tasks their different priorities back. */
export function describeReverted(undos: Undo[]): Notice | undefined {
  const isPriority = (undo: Undo) => undo.kind === "changeMany" && undo.changes.priority;
  if (undos.length < 2 || !undos.every(isPriority)) return undefined;
  return { text: "The priorities are as before.", seen: true };
}

export function count(tasks: unknown[], what = "task"): string {
  return `${tasks.length} ${what}${tasks.length === 1 ? "" : "s"}`;
}

function nameOf(tasks: Named[]): string {
  const [only, ...others] = tasks;
  return only?.title !== undefined && others.length === 0 ? `“${only.title}”` : count(tasks);
}

function quote({ title }: { title: string }): string {
  return `“${title}”`;
}
