"use client";

import { useSearchParams } from "next/navigation";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { createApi } from "@/lib/api";
import type { Task, TaskChanges } from "@/lib/api";
import { authClient } from "@/lib/auth-client";
import { FILTERS, useTasks } from "@/lib/use-tasks";
import type { Filter, Intent, Operation, Row } from "@/lib/use-tasks";
import { NewTask } from "./new-task";
import { SignInForm } from "./sign-in";
import { TaskRow } from "./task-row";

const LABELS = { all: "All", active: "Active", completed: "Completed" };
const EMPTY = {
  all: "No tasks yet. Add your first one.",
  active: "All done.",
  completed: "No completed tasks yet.",
};
const PARTICIPLES = { create: "added", change: "saved", delete: "deleted" };
const NOTICE_MS = 8000;

/** A message about a change. `seen` makes it visible, if the list does not show the change. */
type Notice = { text: string; seen?: boolean; undo?: () => void };
type List = React.RefObject<HTMLUListElement | null>;

export function Tasks({ apiUrl, userId, name }: { apiUrl: string; userId: string; name: string }) {
  const api = useMemo(() => createApi(apiUrl, userId), [apiUrl, userId]);
  const asked = useSearchParams().get("status");
  const filter = FILTERS.find((known) => known === asked) ?? "all";
  const tasks = useTasks(api, filter);
  const [notice, setNotice] = useNotice();
  const list = useRef<HTMLUListElement>(null);
  const keepFocus = useFocusAfterLeaving(list, tasks.rows);
  const keepFocusLoading = useFocusAfterLoading(list, tasks);
  const { rows, loading, problem, more, loadMore } = tasks;
  const pageIsSpent = more && !loading && !problem && rows.length === 0;

  useEffect(() => {
    if (pageIsSpent) loadMore();
  });

  /** Apply the change to the page at once. Announce the result when the service has responded. */
  async function run(intent: Intent & { key?: string }, done = describe(intent)) {
    setNotice(undefined);
    const refused = await tasks.run(intent);
    setNotice(refused ? describeRefusal(refused) : done);
    return refused;
  }

  function describe(intent: Intent): Notice {
    const { title } = intent.task;
    switch (intent.kind) {
      case "create":
        return { text: `Added “${title}”.`, seen: filter === "completed" };
      case "change":
        return { text: describeChange(title, intent.changes) };
      case "delete":
        return { text: `Deleted “${title}”.`, seen: true, undo: () => undo(intent.task) };
    }
  }

  function undo({ title, description, completed, priority, due_date, tags }: Task) {
    const shown = list.current?.firstChild ? list.current : document.getElementById("new-task");
    shown?.focus(); // the Undo button disappears
    const task = { title, description, completed, priority, due_date, tags };
    void run({ kind: "create", task }, { text: `Restored “${title}”.` });
  }

  function change(row: Row, changes: TaskChanges) {
    keepFocus(row, "tick");
    void run({ kind: "change", task: row.task, changes });
  }

  function remove(row: Row) {
    keepFocus(row, "delete");
    void run({ kind: "delete", task: row.task });
  }

  function retry(row: Row) {
    if (!row.refused) return;
    keepFocus(row, "tick");
    void run(row.refused);
  }

  function dismiss(row: Row) {
    if (!row.refused) return;
    keepFocus(row, "tick");
    tasks.dismiss(row.refused.key);
  }

  function resume() {
    for (const operation of tasks.unauthorized) void run(operation);
    if (problem) tasks.reload();
  }

  async function signOut() {
    const { error } = await authClient.signOut().catch((error: Error) => ({ error }));
    if (error) setNotice({ text: "Sign-out failed. Try again.", seen: true });
    // Load a new document without a history entry, so that no data of this user stays in memory.
    else window.location.replace("/sign-in");
  }

  return (
    <div className="page">
      <header className="top">
        <h1>Tasks</h1>
        <p className="who">
          <span>{name}</span>
          <button type="button" className="quiet" onClick={() => void signOut()}>
            Sign out
          </button>
        </p>
      </header>
      <main>
        {tasks.signedOut && <SignedOut list={list} onDone={resume} />}
        <NewTask
          onAdd={(title) => run({ kind: "create", task: { title } })}
          onDismiss={tasks.dismiss}
        />
        <Filters current={filter} />
        <ul
          ref={list}
          className="list"
          tabIndex={-1}
          aria-label={`${LABELS[filter]} tasks`}
          aria-busy={loading}
        >
          {rows.map((row) => (
            <TaskRow
              key={row.key}
              row={row}
              onChange={(changes) => change(row, changes)}
              onDelete={() => remove(row)}
              onRetry={() => retry(row)}
              onDismiss={() => dismiss(row)}
            />
          ))}
        </ul>
        {loading && rows.length === 0 && <Skeleton />}
        {!loading && !problem && !more && rows.length === 0 && (
          <p className="empty">{EMPTY[filter]}</p>
        )}
        {problem && problem.status !== 401 && (
          <div className="failed" role="alert">
            <p>Your tasks could not be loaded. {problem.detail}</p>
            <button
              type="button"
              className="primary"
              data-control="load"
              onClick={() => {
                keepFocusLoading();
                tasks.reload();
              }}
            >
              Try again
            </button>
          </div>
        )}
        {more && !problem && rows.length > 0 && (
          <button
            type="button"
            className="more"
            data-control="load"
            aria-disabled={loading} // not `disabled`, which would drop the focus
            onClick={() => {
              if (loading) return;
              keepFocusLoading((count) => setNotice({ text: describeLoaded(count) }));
              loadMore();
            }}
          >
            {loading ? "Loading…" : "Load more"}
          </button>
        )}
      </main>
      <div className="notice" role="status" data-seen={notice?.seen ?? false}>
        <span>{notice?.text}</span>
        {notice?.undo && (
          <button type="button" onClick={notice.undo}>
            Undo
          </button>
        )}
      </div>
    </div>
  );
}

function SignedOut({ list, onDone }: { list: List; onDone: () => void }) {
  const panel = useRef<HTMLElement>(null);
  const before = useRef<Element>(null);
  useEffect(() => {
    before.current ??= document.activeElement;
    if (!isTyping(before.current)) panel.current?.querySelector("input")?.focus();
    return () => placeFocus(before.current, list.current, document.getElementById("new-task"));
  }, [list]);
  return (
    <section ref={panel} className="signed-out">
      <p role="alert">You are signed out. Sign in to continue. Nothing you typed is lost.</p>
      <SignInForm onDone={onDone} />
    </section>
  );
}

function Filters({ current }: { current: Filter }) {
  return (
    <nav className="filters" aria-label="Show">
      {FILTERS.map((filter) => (
        <a
          key={filter}
          href={`?status=${filter}`}
          aria-current={filter === current ? "page" : undefined}
          onClick={(event) => {
            if (event.metaKey || event.ctrlKey || event.shiftKey) return;
            event.preventDefault();
            window.history.pushState(null, "", event.currentTarget.href);
          }}
        >
          {LABELS[filter]}
        </a>
      ))}
    </nav>
  );
}

function Skeleton() {
  return (
    <div className="skeleton">
      <span className="hidden" role="status">
        Loading tasks
      </span>
      <div />
      <div />
      <div />
    </div>
  );
}

function describeChange(title: string, changes: TaskChanges): string {
  if (changes.completed === undefined) return `Saved “${changes.title ?? title}”.`;
  return `“${title}” is ${changes.completed ? "completed" : "active again"}.`;
}

function describeLoaded(count: number): string {
  return count === 1 ? "Loaded 1 more task." : `Loaded ${count} more tasks.`;
}

function describeRefusal({ kind, task, problem }: Operation): Notice {
  const gone = kind !== "create" && problem?.status === 404;
  const what = gone ? "was deleted elsewhere" : `was not ${PARTICIPLES[kind]}`;
  return { text: `“${task.title}” ${what}.`, seen: gone };
}

function useNotice() {
  const [notice, setNotice] = useState<Notice>();
  useEffect(() => {
    const timer = setTimeout(() => setNotice(undefined), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [notice]);
  return [notice, setNotice] as const;
}

/** When the focused control disappears, focus the same control of the row or its neighbour. */
function useFocusAfterLeaving(list: List, rows: Row[]) {
  const leaving = useRef<{ index: number; control: string }>(undefined);
  useLayoutEffect(() => {
    if (!leaving.current) return;
    const { index, control } = leaving.current;
    leaving.current = undefined;
    if (document.activeElement !== document.body) return;
    const controls = list.current?.querySelectorAll<HTMLElement>(`[data-control="${control}"]`);
    const neighbour = controls?.item(Math.min(index, controls.length - 1));
    const next = neighbour?.matches(":enabled") ? neighbour : document.getElementById("new-task");
    next?.focus();
  }, [list, rows]);
  return (row: Row, control: string) => {
    leaving.current = { index: rows.indexOf(row), control };
  };
}

/** After loading more, focus the first new task and announce how many tasks were loaded. */
function useFocusAfterLoading(list: List, { rows, loading, problem }: ReturnType<typeof useTasks>) {
  type Tell = (count: number) => void;
  const asked = useRef<{ last?: string; tell?: Tell }>(undefined);
  useLayoutEffect(() => {
    if (loading || !asked.current) return;
    const { last, tell } = asked.current;
    asked.current = undefined;
    const first = rows.findIndex(({ key }) => key === last) + 1;
    if (!problem) tell?.(rows.length - first);
    const button = document.querySelector<HTMLElement>('[data-control="load"]');
    if (!problem && document.activeElement === button) button?.blur();
    const control = list.current?.children[first]?.querySelector("input, button");
    placeFocus(problem ? button : control, list.current, document.getElementById("new-task"));
  });
  return (tell?: Tell) => {
    asked.current = { last: rows.at(-1)?.key, tell };
  };
}

/** If nothing has the focus, move it to the first of these elements that accepts it. */
function placeFocus(...places: (Element | null | undefined)[]) {
  for (const place of places) {
    if (document.activeElement !== document.body) return;
    if (place instanceof HTMLElement) place.focus();
  }
}

function isTyping(element: Element | null): boolean {
  if (element instanceof HTMLTextAreaElement) return true;
  return element instanceof HTMLInputElement && element.type !== "checkbox" && element.value !== "";
}
