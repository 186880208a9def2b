import { useCallback, useEffect, useMemo, useReducer, useRef } from "react";
import { nextCursor, settle } from "./api";
import type { Api, NewTask, Outcome, Problem, Task, TaskChanges } from "./api";

export const FILTERS = ["all", "active", "completed"] as const;
export type Filter = (typeof FILTERS)[number];

export type Intent =
  | { kind: "create"; task: NewTask }
  | { kind: "change"; task: Task; changes: TaskChanges }
  | { kind: "delete"; task: Task };

/** A change that the service has not accepted: still pending, or rejected because of `problem`. */
export type Operation = Intent & { key: string; problem?: Problem };

/** A task as the user should see it now. `refused` is a change to it that the service rejected. */
export type Row = { key: string; task: Task; saving?: boolean; refused?: Operation };

type State = {
  tasks: Task[]; // as the service returned them
  operations: Operation[]; // oldest first
  loading: boolean;
  listed?: Filter; // the filter of the last page that was loaded
  cursor?: string;
  problem?: Problem; // of the last page that was requested
};

type Event =
  | { type: "loading" }
  | { type: "loaded"; tasks: Task[]; listed: Filter; cursor?: string; more: boolean }
  | { type: "failed"; problem: Problem; listed: Filter }
  | { type: "began"; operation: Operation }
  | { type: "accepted"; operation: Operation; task?: Task }
  | { type: "refused"; operation: Operation; problem: Problem }
  | { type: "dismissed"; key: string };

function reduce(state: State, event: Event): State {
  const without = (key: string) => state.operations.filter((other) => other.key !== key);
  switch (event.type) {
    case "loading":
      return { ...state, loading: true, problem: undefined };
    case "loaded": {
      const tasks = event.more ? unique([...state.tasks, ...event.tasks]) : event.tasks;
      return { ...state, tasks, loading: false, listed: event.listed, cursor: event.cursor };
    }
    case "failed":
      return { ...state, loading: false, listed: event.listed, problem: event.problem };
    case "began": {
      const { operation } = event;
      const others = without(operation.key).filter(
        (other) => !other.problem || target(other) === 0 || target(other) !== target(operation),
      );
      return { ...state, operations: [...others, operation] };
    }
    case "accepted": {
      const operations = without(event.operation.key);
      return { ...state, tasks: store(state.tasks, event.operation, event.task), operations };
    }
    case "refused": {
      const refused = { ...event.operation, problem: event.problem };
      return { ...state, operations: [...without(refused.key), refused] };
    }
    case "dismissed":
      return { ...state, operations: without(event.key) };
  }
}

function store(tasks: Task[], operation: Operation, stored: Task | undefined): Task[] {
  if (!stored) return tasks.filter(({ id }) => id !== target(operation));
  if (operation.kind === "create") return unique([stored, ...tasks]);
  return tasks.map((task) => (task.id === stored.id ? stored : task));
}

function unique(tasks: Task[]): Task[] {
  return [...new Map(tasks.map((task) => [task.id, task])).values()];
}

/** Return the id of the operation's task, or 0 for a new task. */
function target(operation: Intent): number {
  return operation.kind === "create" ? 0 : operation.task.id;
}

/** Apply pending operations to the stored tasks. Skip rejected ones, which rolls them back. */
function overlay({ tasks, operations }: State, filter: Filter): Row[] {
  const rows = new Map<number, Row>(tasks.map((task) => [task.id, { key: `${task.id}`, task }]));
  const drafts: Row[] = [];
  for (const operation of operations) {
    const id = target(operation);
    const row = rows.get(id);
    if (operation.kind === "create") drafts.unshift(draft(operation));
    else if (!row) continue;
    else if (operation.problem) rows.set(id, { ...row, refused: operation });
    else if (operation.kind === "delete") rows.delete(id);
    else {
      const task = { ...row.task, ...operation.changes };
      rows.set(id, { ...row, task, saving: true });
    }
  }
  const isShown = ({ completed }: Task) =>
    filter === "all" || completed === (filter === "completed");
  return [...drafts, ...rows.values()].filter(({ task, refused }) => refused || isShown(task));
}

function draft(operation: Operation & { kind: "create" }): Row {
  const unknown = { id: 0, user_id: "", created_at: "", updated_at: "", completed_at: null };
  const defaults = { description: null, completed: false, due_date: null, tags: [] };
  const unstored = { version: 0, deleted_at: null };
  const task: Task = { ...unknown, ...unstored, ...defaults, priority: "medium", ...operation.task };
  const refused = operation.problem && operation;
  return { key: operation.key, task, saving: !refused, refused };
}

async function send(api: Api, operation: Operation): Promise<Outcome<Task | undefined>> {
  if (operation.kind === "create") {
    return settle(api.POST("/api/tasks", { body: operation.task }));
  }
  const params = { path: { task_id: operation.task.id } };
  if (operation.kind === "change") {
    return settle(api.PATCH("/api/tasks/{task_id}", { params, body: operation.changes }));
  }
  return settle(api.DELETE("/api/tasks/{task_id}", { params }));
}

/** Keep the tasks that match one filter, and the operations on them. */
export function useTasks(api: Api, filter: Filter) {
  const [state, dispatch] = useReducer(reduce, { tasks: [], operations: [], loading: true });
  const turns = useRef(new Map<number, Promise<unknown>>());
  const settled = useRef(0);
  const listing = useRef<AbortController>(undefined);
  const asked = useRef<string>(undefined);
  const lastKey = useRef(0);

  const load = useCallback(
    async (cursor?: string) => {
      listing.current?.abort();
      const { signal } = (listing.current = new AbortController());
      asked.current = cursor;
      dispatch({ type: "loading" });
      let outcome: Outcome<Task[]>;
      let before: number;
      do {
        // A page that was loaded while a change finished may be older than the change.
        before = settled.current;
        const query = { status: filter, cursor };
        outcome = await settle(api.GET("/api/tasks", { params: { query }, signal }));
        if (signal.aborted) return;
      } while (settled.current !== before);
      const listed = filter;
      if ("problem" in outcome) {
        dispatch({ type: "failed", problem: outcome.problem, listed });
        return;
      }
      const { data: tasks, response } = outcome;
      const more = cursor !== undefined;
      dispatch({ type: "loaded", tasks, listed, cursor: nextCursor(response), more });
    },
    [api, filter],
  );

  useEffect(() => {
    void load();
    return () => listing.current?.abort();
  }, [load]);

  /** Apply a change to the page at once, and send it in turn. Return the operation if it fails. */
  const run = useCallback(
    (intent: Intent & { key?: string }): Promise<Operation | undefined> => {
      const key = intent.key ?? `new-${(lastKey.current += 1)}`;
      const operation: Operation = { ...intent, key, problem: undefined };
      dispatch({ type: "began", operation });
      // One after the other for each task, so that the last change made is the last one stored.
      const before = turns.current.get(target(operation)) ?? Promise.resolve();
      const turn = before.then(async () => {
        const outcome = await send(api, operation);
        settled.current += 1;
        if (!("problem" in outcome)) {
          dispatch({ type: "accepted", operation, task: outcome.data });
          return undefined;
        }
        const { problem } = outcome;
        const gone = problem.status === 404 && operation.kind !== "create";
        dispatch(gone ? { type: "accepted", operation } : { type: "refused", operation, problem });
        return { ...operation, problem };
      });
      turns.current.set(target(operation), turn);
      return turn;
    },
    [api],
  );

  const rows = useMemo(() => overlay(state, filter), [state, filter]);
  const { problem, cursor, operations } = state;
  const loading = state.loading || state.listed !== filter;
  const unauthorized = operations.filter((operation) => operation.problem?.status === 401);

  /** Retry the page that could not be loaded. */
  function reload() {
    void load(asked.current);
  }

  return {
    rows,
    loading,
    problem,
    signedOut: problem?.status === 401 || unauthorized.length > 0,
    unauthorized, // the operations to retry after a sign-in
    more: cursor !== undefined,
    run,
    reload,
    loadMore: () => void load(cursor),
    dismiss: (key: string) => dispatch({ type: "dismissed", key }),
  };
}
