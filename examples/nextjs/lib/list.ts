/**
 * The state of the list: what the service said, what is pending, and what was refused.
 *
 * Pure functions, so that each rule can be tested without a browser or a network.
 */

import type { NewTask, Problem, Task, TaskChanges } from "./api";
import type { Counts } from "./counts";
import { BY_HAND, contains, matches } from "./query";
import type { Query } from "./query";

/**
 * A change that the user asks for. `seen` is the task as the user saw it when the edit began. With
 * it, the service refuses to overwrite a newer version. `restore` takes the task out of the trash
 * first. `done` are the tasks that an earlier attempt changed before it failed. `back` is where a task
 * was before a move. What `undoes` something cannot be undone itself.
 */
export type Intent = { undoes?: boolean } & (
  | { kind: "create"; task: NewTask }
  | { kind: "change"; task: Task; changes: TaskChanges; seen?: Task; restore?: boolean }
  | { kind: "delete"; task: Task }
  | { kind: "move"; task: Task; to: Place; place: number; of?: number; back?: { to: Place; place: number } }
  | { kind: "changeMany"; tasks: Task[]; changes: TaskChanges }
  | { kind: "deleteMany" | "restore"; tasks: Named[]; done?: number[] }
  | { kind: "clear" | "empty"; tasks: Named[]; done?: number[] } // all completed, or the trash
);

/** Where a task goes: beside the task with this id. */
export type Place = { after: number } | { before: number };

/** A task of which the page may know only the id. */
export type Named = { id: number; title?: string };

/**
 * A change that the service has not accepted: still pending, or refused because of `problem`. The
 * key of a create is its Idempotency-Key. `theirs` is the version that an edit would overwrite.
 */
export type Operation = Intent & { key: string; problem?: Problem; theirs?: Task };
export type Change = Operation & { kind: "change" };

/** What the user typed for a task and did not save. `seen` is in the trash if this page deleted it. */
export type Draft = { seen: Task; changes: TaskChanges };

/**
 * A task as the user should see it now, with what they typed. `refused` is a change to it that the
 * service refused.
 */
export type Row = {
  key: string;
  task: Task;
  saving?: boolean;
  refused?: Operation;
  unsaved?: Draft;
};

/**
 * What takes something back: an operation, or typing a text again. A discarded create has its key,
 * so that the service does not store it twice.
 */
export type Undo = (Intent & { key?: string }) | ({ kind: "type" } & Draft);

/**
 * A message. `seen` makes it visible, if the list does not show it. It fades, later with an `undo`,
 * unless it `stays`. One that `offersOrder` has a button that sorts the list by hand. `added` is the id of
 * a new task, which a button shows.
 */
export type Notice = {
  text: string;
  seen?: boolean;
  stays?: boolean;
  undo?: Undo[];
  offersOrder?: boolean;
  added?: number;
};

type List = {
  listed?: string; // the query of the last page that was loaded
  ids: number[]; // the order of that list
  cursor?: string;
};

export type State = List & {
  tasks: ReadonlyMap<number, Task>; // as the service returned them
  other?: List; // that of the other page: the trash, or the tasks
  typed: ReadonlyMap<number, Draft>;
  loading: boolean;
  problem?: Problem; // of the last page that was requested
  operations: Operation[]; // oldest first
  counts?: Counts;
  offline: boolean; // the last request got no response
  notice?: Notice;
};

export type Action =
  | { type: "turned" } // to the trash, or back
  | { type: "loading" }
  | { type: "loaded"; listed: string; tasks: Task[]; cursor?: string; more: boolean }
  | { type: "failed"; problem: Problem }
  | { type: "counted"; counts: Counts }
  | { type: "synced"; tasks: Task[]; deleted: number[] }
  | { type: "expired" }
  | { type: "began"; operation: Operation }
  | { type: "accepted"; operation: Operation; stored: Task[] }
  | { type: "refused"; operation: Operation; problem: Problem; theirs?: Task }
  | { type: "dismissed"; key: string }
  | { type: "typed"; id: number; draft?: Draft }
  | { type: "connected"; offline: boolean }
  | { type: "said"; notice?: Notice };

export const START: State = {
  tasks: new Map(),
  ids: [],
  typed: new Map(),
  loading: true,
  operations: [],
  offline: false,
};

export function reduce(state: State, action: Action): State {
  const without = (key: string) => state.operations.filter((other) => other.key !== key);
  switch (action.type) {
    case "turned": {
      const { listed, ids, cursor } = state;
      const { other = { listed: undefined, ids: [], cursor: undefined } } = state;
      return { ...state, ...other, other: { listed, ids, cursor }, loading: true };
    }
    case "loading":
      return { ...state, loading: true, problem: undefined };
    case "loaded": {
      const { listed, cursor, more } = action;
      const ids = [...(more ? state.ids : []), ...action.tasks.map(({ id }) => id)];
      const tasks = put(state.tasks, action.tasks);
      const page = { listed, cursor, ids: keepUnsaved(state, ids) };
      return { ...state, tasks, ...page, loading: false, problem: undefined };
    }
    case "failed":
      return { ...state, loading: false, problem: action.problem };
    case "counted":
      return { ...state, counts: action.counts };
    case "synced":
      return { ...state, tasks: bury(put(state.tasks, action.tasks), action.deleted) };
    case "expired":
      return { ...state, tasks: new Map([...state.tasks].map(([id, task]) => [id, expire(task)])) };
    case "began": {
      const { operation } = action;
      const tasks = isEdit(operation) ? meet(state.tasks, operation.seen) : state.tasks;
      return supersede({ ...state, tasks, operations: place(state.operations, operation) });
    }
    case "accepted": {
      const { operation, stored } = action;
      const kept = new Set(stored.map(({ id }) => id));
      const others = targets(operation).filter((id) => !kept.has(id));
      const move = operation.kind === "restore" ? unearth : bury;
      const tasks = move(put(state.tasks, stored), others);
      const created = operation.kind === "create" ? [...kept] : [];
      const erased = new Set(operation.kind === "empty" ? others : []);
      const operations = without(operation.key).filter((each) => !isDeletedBy(operation, each));
      const ids = [...new Set([...created, ...state.ids])].filter((id) => !erased.has(id));
      const typed = shelve(state.typed, operation, others);
      return { ...state, tasks, ids, typed, operations };
    }
    case "refused": {
      const { operation, problem, theirs } = action;
      const known = put(state.tasks, theirs ? [theirs] : []);
      const tasks = problem.status === 404 ? bury(known, targets(operation)) : known;
      const refused = { ...operation, problem, theirs };
      return supersede({ ...state, tasks, operations: place(state.operations, refused) });
    }
    case "dismissed":
      return { ...state, operations: without(action.key) };
    case "typed": {
      const { id, draft: text } = action;
      if (!text && !state.typed.has(id)) return state;
      const typed = new Map(state.typed);
      if (!text) typed.delete(id);
      else typed.set(id, text);
      const tasks = text ? meet(state.tasks, text.seen) : state.tasks;
      return { ...state, tasks, typed, ids: keepUnsaved({ ...state, typed }, state.ids) };
    }
    case "connected":
      return action.offline === state.offline ? state : { ...state, offline: action.offline };
    case "said":
      return { ...state, notice: action.notice };
  }
}

/** Store tasks. A response that is older than what is known changes nothing. */
function put(known: State["tasks"], tasks: Task[]): State["tasks"] {
  const next = new Map(known);
  for (const task of tasks) {
    const held = next.get(task.id);
    if (!held || task.version >= held.version) next.set(task.id, task);
  }
  return next;
}

/** Add a task that is not known. */
function meet(known: State["tasks"], task: Task): State["tasks"] {
  return known.has(task.id) ? known : put(known, [task]);
}

/** Keep the places of texts that are not stored, also if the list does not have their tasks. */
function keepUnsaved({ ids, typed, operations }: State, listed: number[]): number[] {
  const kept = [...new Set(listed)];
  for (const id of [...typed.keys(), ...operations.filter(isEdit).flatMap(targets)]) {
    if (!kept.includes(id)) kept.splice(Math.max(ids.indexOf(id), 0), 0, id);
  }
  return kept;
}

/** Add an operation, or let it keep its place: a change that is sent again is not newer. */
function place(operations: Operation[], operation: Operation): Operation[] {
  const isKnown = operations.some(({ key }) => key === operation.key);
  if (!isKnown) return [...operations, operation];
  return operations.map((other) => (other.key === operation.key ? operation : other));
}

/**
 * Take out of each refused operation what a later one changes, so that it can be sent again at any
 * time. The text of an edit whose task is deleted becomes a draft.
 */
function supersede(state: State): State {
  const texts: Operation[] = [];
  const operations = state.operations.flatMap((older, index) => {
    if (!older.problem) return older;
    const later = state.operations.slice(index + 1);
    if (later.some((newer) => isDeletion(newer) && !remainder(older, newer))) texts.push(older);
    return later.reduce<Operation | undefined>((left, newer) => left && remainder(left, newer), older) ?? [];
  });
  return { ...state, operations, typed: keepTexts(state.typed, texts) };
}

/** Return what a newer operation leaves of an older one. */
function remainder(older: Operation, newer: Operation): Operation | undefined {
  if (isForAll(older)) return newer.kind === older.kind ? undefined : older;
  const ids = new Set(targets(newer));
  if (!targets(older).some((id) => ids.has(id))) return older;
  if (older.kind === "change" && "changes" in newer) {
    const covered = fieldsOver(older, newer);
    const left = Object.entries(older.changes).filter(([field]) => !covered.includes(field));
    return left.length > 0 ? { ...older, changes: Object.fromEntries(left) } : undefined;
  }
  if (!covers(newer, older)) return older;
  const tasks = "tasks" in older ? older.tasks.filter(({ id }) => !ids.has(id)) : [];
  return tasks.length > 0 ? ({ ...older, tasks } as Operation) : undefined;
}

/** Return the fields that a newer change gives other values. A form also shows those it leaves. */
function fieldsOver(older: Change, newer: Intent & { changes: TaskChanges }): string[] {
  const isForm = isEdit(older) && isEdit(newer) && !newer.undoes;
  const reverted = isForm ? differences(newer.seen, { ...newer.seen, ...older.changes }) : [];
  return [...Object.keys(newer.changes), ...reverted];
}

/** Return whether an operation makes an older one on the same task obsolete. */
function covers(newer: Intent, older: Operation): boolean {
  switch (newer.kind) {
    case "create":
      return false;
    case "move":
      return older.kind === "move";
    case "restore":
      return older.kind === "restore" || isDeletion(older);
    case "change":
    case "changeMany":
      return "changes" in older && Object.keys(older.changes).every((field) => field in newer.changes);
    case "clear":
      return !changesCompletion(older) && !isShownLater(older); // the service must know it first
    default:
      return !isShownLater(older); // a deletion: its Undo brings the task back as the list shows it
  }
}

/** Return whether all tasks of a change that waits were deleted now. */
function isDeletedBy(deletion: Intent, operation: Operation): boolean {
  if (!isDeletion(deletion) || !isShownLater(operation)) return false;
  const deleted = targets(deletion);
  return targets(operation).every((id) => deleted.includes(id));
}

function changesCompletion(operation: Intent): boolean {
  return "changes" in operation && operation.changes.completed !== undefined;
}

/** Return why "Clear completed" must wait: the service does not know yet what is completed. */
export function obstacle({ operations }: State, { kind }: Operation): Problem | undefined {
  if (kind !== "clear") return undefined;
  return operations.find((other) => isSentLater(other) && changesCompletion(other))?.problem;
}

export function isDeletion({ kind }: Intent): boolean {
  return ["delete", "deleteMany", "clear", "empty"].includes(kind);
}

/**
 * Return a change with its tasks as they are stored, for its Undo. The list also shows changes that
 * wait: if this one replaced them, the service never got them.
 */
export function asStored(operation: Operation, known: State["tasks"]): Operation {
  const stored = (task: Task): Task => {
    const held = known.get(task.id);
    return held && held.version <= task.version ? held : task; // a newer one may have this change
  };
  if (operation.kind === "changeMany") return { ...operation, tasks: operation.tasks.map(stored) };
  if (operation.kind !== "change") return operation;
  const { task, seen } = operation;
  return { ...operation, task: { ...stored(task), title: task.title }, seen: seen && stored(seen) };
}

/** Let a move that replaces one that waits go back to where that one began. */
export function fromFirstPlace<T extends Intent>({ operations }: State, move: T): T {
  if (move.kind !== "move") return move;
  const { id } = move.task;
  const older = operations.find((each) => each.kind === "move" && isWaiting(each) && each.task.id === id);
  return older?.kind === "move" ? { ...move, back: older.back ?? move.back } : move;
}

/** Turn refused edits into drafts, unless the user has typed more since. */
function keepTexts(typed: State["typed"], refused: Operation[]): State["typed"] {
  const edits = refused.filter(isEdit);
  if (edits.length === 0) return typed;
  const drafts = edits.map(({ task, seen, changes }) => [task.id, { seen, changes }] as const);
  return new Map([...drafts, ...typed]);
}

/** Let the drafts of tasks that this page deletes wait for a restore. */
function shelve(typed: State["typed"], operation: Operation, ids: number[]): State["typed"] {
  if (!isDeletion(operation)) return typed;
  const next = new Map(typed);
  for (const id of ids) {
    const text = next.get(id);
    const deleted_at = new Date().toISOString();
    if (operation.kind === "empty") next.delete(id);
    else if (text) next.set(id, { ...text, seen: { ...text.seen, deleted_at } });
  }
  return next;
}

/** Let the next response replace a task, also one that is older: a restored backup has such. */
function expire(task: Task): Task {
  return { ...task, version: 0 };
}

/** Mark tasks as deleted. They keep their place for when they are restored. */
function bury(known: State["tasks"], ids: number[]): State["tasks"] {
  const next = new Map(known);
  for (const id of ids) {
    const held = next.get(id);
    if (held) next.set(id, { ...held, deleted_at: held.deleted_at ?? new Date().toISOString() });
  }
  return next;
}

/** Mark tasks as restored. */
function unearth(known: State["tasks"], ids: number[]): State["tasks"] {
  const next = new Map(known);
  for (const id of ids) {
    const held = next.get(id);
    if (held) next.set(id, { ...held, deleted_at: null });
  }
  return next;
}

/** Return the ids of the tasks that an operation changes. A new task has none. */
export function targets(operation: Intent): number[] {
  switch (operation.kind) {
    case "create":
      return [];
    case "change":
    case "delete":
    case "move":
      return [operation.task.id];
    default:
      return operation.tasks.map(({ id }) => id);
  }
}

/** Return whether the next pending move is of the same task, so that this one does not count. */
export function isReplaced({ operations }: State, operation: Operation): boolean {
  if (operation.kind !== "move") return false;
  const moves = operations.filter(({ kind, problem }) => kind === "move" && !problem);
  const next = moves[moves.findIndex(({ key }) => key === operation.key) + 1];
  return next !== undefined && targets(next).includes(operation.task.id);
}

/**
 * Apply pending operations to the stored tasks, also changes that are sent later, and what the user
 * typed. Skip other refused operations, which rolls them back.
 */
export function toRows(state: State, query: Query, listed: string, today?: string): Row[] {
  const tasks = state.ids.flatMap((id) => state.tasks.get(id) ?? []);
  if (query.sort === BY_HAND) tasks.sort((a, b) => (a.position < b.position ? -1 : 1));
  const rows = new Map(tasks.map((task): [number, Row] => [task.id, { key: `${task.id}`, task }]));
  const drafts: Row[] = [];
  for (const operation of state.operations) {
    if (operation.kind === "create") drafts.unshift(draft(operation));
    else {
      if (!operation.problem || isShownLater(operation)) apply(rows, operation, query);
      if (operation.problem) showRefusal(rows, operation, state.typed);
    }
  }
  for (const [id, unsaved] of state.typed) {
    const row = rows.get(id);
    const isShelved = row?.task.deleted_at && unsaved.seen.deleted_at;
    if (row && !isShelved) rows.set(id, { ...row, task: write(row.task, unsaved.changes), unsaved });
  }
  const isShown = ({ task, refused, unsaved }: Row) => {
    if ((refused || unsaved) && query.status !== "deleted") return true;
    // The service searches; until its answer is here, the page narrows down what it has.
    return matches(task, query, today) && (state.listed === listed || contains(task, query));
  };
  return [...drafts, ...rows.values()].filter(isShown);
}

/** Return whether the list has a change already that is sent later, and a row for its message. */
function isShownLater(operation: Operation): boolean {
  const staysInList = operation.kind === "move" || ("changes" in operation && !isEdit(operation));
  return staysInList && isSentLater(operation);
}

function apply(rows: Map<number, Row>, operation: Operation, query: Query): void {
  for (const id of targets(operation)) {
    const row = rows.get(id);
    if (!row) continue;
    switch (operation.kind) {
      case "change":
      case "changeMany": {
        const { deleted_at } = "restore" in operation && operation.restore ? { deleted_at: null } : row.task;
        const task = { ...row.task, ...operation.changes, deleted_at };
        rows.set(id, { ...row, task, saving: row.saving || !operation.problem });
        break;
      }
      case "move":
        if (query.sort === BY_HAND) reorder(rows, row, operation.to);
        break;
      case "restore":
        if (query.status === "deleted") rows.delete(id);
        break;
      default:
        rows.delete(id);
    }
  }
}

/** Put a row beside another one, if the list has that. */
function reorder(rows: Map<number, Row>, row: Row, to: Place): void {
  const isBelow = "after" in to;
  const others = [...rows].filter(([id]) => id !== row.task.id);
  const neighbour = others.findIndex(([id]) => id === (isBelow ? to.after : to.before));
  if (neighbour < 0) return;
  others.splice(isBelow ? neighbour + 1 : neighbour, 0, [row.task.id, row]);
  rows.clear();
  for (const [id, other] of others) rows.set(id, other);
}

function showRefusal(rows: Map<number, Row>, operation: Operation, typed: State["typed"]): void {
  if (!("task" in operation) || operation.kind === "create") return;
  const row = rows.get(operation.task.id);
  if (!row) return;
  const isUnsaved = isEdit(operation) && !operation.theirs && !typed.has(operation.task.id);
  const task = isUnsaved ? write(row.task, operation.changes) : row.task;
  const refused = row.refused && isEdit(row.refused) ? row.refused : operation; // the form needs it
  rows.set(operation.task.id, { ...row, task, refused });
}

/** Return a task with a text that is not stored. A row always has a title. */
function write(task: Task, changes: TaskChanges): Task {
  return { ...task, ...changes, title: changes.title?.trim() ? changes.title : task.title };
}

/** Return whether an outage refused an operation, so that the same request may work later. */
export function isWaiting({ problem }: Operation): boolean {
  return problem !== undefined && isOutage(problem);
}

/**
 * Return whether a refused operation is sent by itself when the service responds again. The user
 * decides about one that a bug refuses (500), and about one that would reach tasks of a later time.
 */
export function isSentLater(operation: Operation): boolean {
  return isWaiting(operation) && operation.problem?.status !== 500 && !isForAll(operation);
}

/** Return the operations to send now. The user decides about an edit that they have opened again. */
export function readyToSend(state: State, openId?: number): Operation[] {
  return state.operations.filter((each) => isSentLater(each) && !isReopened(state, each, openId));
}

/** Return whether an edit is in the open form again, or in a text that is not saved. */
export function isReopened({ typed }: State, operation: Operation, openId?: number): boolean {
  if (!isEdit(operation)) return false;
  const { id } = operation.task;
  return id === openId || typed.has(id);
}

/** Return whether an operation deletes all tasks of a kind, also those that the page does not know. */
export function isForAll({ kind }: Intent): boolean {
  return kind === "clear" || kind === "empty";
}

export function isOutage({ status }: Problem): boolean {
  return status === 0 || status >= 500;
}

/** Return the refused operations that no row shows. They are shown above the list. */
export function otherRefusals({ operations }: State, rows: Row[]): Operation[] {
  const shown = new Set(rows.map(({ refused }) => refused?.key));
  return operations.filter(({ key, problem }) => problem && problem.status !== 401 && !shown.has(key));
}

function draft(operation: Operation & { kind: "create" }): Row {
  const unknown = { id: 0, user_id: "", created_at: "", updated_at: "", completed_at: null };
  const defaults = { description: null, completed: false, due_date: null, tags: [] };
  const unstored = { version: 0, deleted_at: null, position: "" };
  const task: Task = { ...unknown, ...unstored, ...defaults, priority: "medium", ...operation.task };
  const refused = operation.problem && operation;
  return { key: operation.key, task, saving: !refused, refused };
}

const FIELDS = ["title", "description", "priority", "due_date", "tags"] as const;
export type Field = (typeof FIELDS)[number];

/** Return the fields of the edit form that differ. */
export function differences(one: Task, other: Task): Field[] {
  return FIELDS.filter((field) => JSON.stringify(one[field]) !== JSON.stringify(other[field]));
}

/** Return the changes that turn the version that the user saw into the one that they typed. */
export function changesOf(seen: Task, typed: Task): TaskChanges {
  return Object.fromEntries(differences(seen, typed).map((field) => [field, typed[field]]));
}

/** Return whether an operation has a text that the user typed into the form of a task. */
export function isEdit<T extends Intent>(
  operation: T,
): operation is T & { kind: "change"; seen: Task } {
  return operation.kind === "change" && operation.seen !== undefined;
}

/** Return whether the user can fix a rejected change by editing it, or its task was deleted. */
export function isForEditing(refused: Operation | undefined): refused is Change {
  if (refused?.kind !== "change" || refused.changes.completed !== undefined) return false;
  return [400, 404, 413].includes(refused.problem?.status ?? 0);
}

/** Return whether `theirs` differs from what the user saw, so that the user must choose. */
export function isConflict(operation: Change, theirs: Task): boolean {
  const { seen, changes } = operation;
  if (!seen || differences(seen, theirs).length === 0) return false;
  return differences({ ...theirs, ...changes }, theirs).length > 0; // or it was a lost response
}
