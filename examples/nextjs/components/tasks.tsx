"use client";

import { useRef, useState } from "react";
import { focusedRow, leaveControl, moveFocus, useFocusInList } from "@/lib/focus";
import type { Row } from "@/lib/list";
import { EVERYTHING, isFiltered } from "@/lib/query";
import type { Query } from "@/lib/query";
import type { User } from "@/lib/session";
import { useShortcuts } from "@/lib/shortcuts";
import { useQuery } from "@/lib/use-query";
import { useSelection } from "@/lib/use-selection";
import { useTasks } from "@/lib/use-tasks";
import { DeleteAccount } from "./delete-account";
import { Chips, Search, Tabs } from "./filters";
import { Frame } from "./frame";
import { ListEnd } from "./list-end";
import { NewTask } from "./new-task";
import { Refusal } from "./refusal";
import { SelectionBar } from "./selection-bar";
import { Shortcuts } from "./shortcuts";
import { TaskRow } from "./task-row";

const EMPTY = {
  all: "No tasks yet. Add your first one.",
  active: "All done.",
  completed: "No completed tasks yet.",
  deleted: "",
};

export function Tasks({ apiUrl, user }: { apiUrl: string; user: User }) {
  const { query, search, change } = useQuery();
  const { store, state, rows, isLoaded, others } = useTasks(apiUrl, user.id, query);
  const list = useRef<HTMLUListElement>(null);
  const searchField = useRef<HTMLInputElement>(null);
  const help = useRef<HTMLDialogElement>(null);
  const account = useRef<HTMLDialogElement>(null);
  const [editing, setEditing] = useState<string>();
  const selection = useSelection(rows.filter(({ task }) => task.id > 0).map(({ key }) => key));
  const selected = rows.filter(({ key }) => selection.selected.has(key)).map(({ task }) => task);
  const completed = rows.filter(({ task }) => task.completed).map(({ task }) => task);
  const canClear = Boolean(state.counts?.statuses.completed) || completed.length > 0;
  useFocusInList(list);

  function undo() {
    leaveControl(list.current); // the Undo button disappears
    void store.undo();
  }

  function onRow(act: (row: Row) => void) {
    return () => {
      const row = rows.find(({ key }) => key === focusedRow()?.dataset.key);
      if (row && row.task.id > 0) act(row);
    };
  }

  const complete = ({ task }: Row) =>
    void store.run({ kind: "change", task, changes: { completed: !task.completed } });
  const remove = ({ task }: Row) => void store.run({ kind: "delete", task });

  useShortcuts({
    n: () => document.getElementById("new-task")?.focus(),
    "/": () => searchField.current?.focus(),
    j: () => moveFocus(list.current, 1),
    k: () => moveFocus(list.current, -1),
    ArrowDown: () => moveFocus(list.current, 1),
    ArrowUp: () => moveFocus(list.current, -1),
    c: onRow(complete),
    e: onRow(({ key }) => setEditing(key)),
    x: onRow(({ key }) => selection.toggle(key)),
    X: onRow(({ key }) => selection.toggle(key, true)),
    Delete: onRow(remove),
    z: () => state.notice?.undo && undo(),
    Escape: () => selection.open(false),
    "?": () => help.current?.showModal(),
  });

  return (
    <Frame user={user} link={["/trash", "Trash"]} title="Tasks" store={store} state={state} onUndo={undo}>
      <NewTask
        onAdd={(title) => store.run({ kind: "create", task: { title } })}
        onDismiss={(key) => store.dismiss(key)}
      />
      <Search
        ref={searchField}
        query={query}
        onSearch={search}
        onChange={change}
        busy={!isLoaded && !state.problem}
      />
      <div className="tools">
        <Tabs query={query} counts={state.counts} onChange={change} />
        <div>
          <button
            type="button"
            className="quiet"
            aria-pressed={selection.selecting}
            onClick={() => selection.open(!selection.selecting)}
          >
            Select
          </button>
          <button
            type="button"
            className="quiet"
            disabled={!canClear}
            onClick={() => void store.run({ kind: "clear", tasks: completed })}
          >
            Clear completed
          </button>
        </div>
      </div>
      {selection.selecting ? (
        <SelectionBar
          count={selected.length}
          onSelectAll={selection.selectAll}
          onChange={(changes) => void store.run({ kind: "changeMany", tasks: selected, changes })}
          onDelete={() => void store.deleteMany(selected)}
        />
      ) : (
        <Chips query={query} counts={state.counts} onChange={change} />
      )}
      {others.map((operation) => (
        <Refusal key={operation.key} operation={operation} store={store} wide />
      ))}
      <ul
        ref={list}
        className="list"
        tabIndex={-1}
        aria-label="Tasks"
        aria-busy={!isLoaded && !state.problem}
      >
        {rows.map((row) => (
          <TaskRow
            key={row.key}
            row={row}
            store={store}
            tags={state.counts?.knownTags ?? []}
            isOpen={editing === row.key}
            onOpen={(open) => setEditing(open ? row.key : undefined)}
            selected={selection.selecting ? selection.selected.has(row.key) : undefined}
            onSelect={(extend) => selection.toggle(row.key, extend)}
          />
        ))}
      </ul>
      <ListEnd list={list} store={store} state={state} rows={rows} isLoaded={isLoaded}>
        <Empty query={query} onChange={change} />
      </ListEnd>
      <nav className="foot" aria-label="More">
        <button type="button" onClick={() => help.current?.showModal()}>
          Keyboard shortcuts
        </button>
        <button type="button" onClick={() => account.current?.showModal()}>
          Delete my account
        </button>
      </nav>
      <Shortcuts ref={help} />
      <DeleteAccount ref={account} />
    </Frame>
  );
}

function Empty({ query, onChange }: { query: Query; onChange: (query: Query) => void }) {
  if (!isFiltered(query)) return <p>{EMPTY[query.status]}</p>;
  const { q, priority, tag, status } = query;
  const parts = [
    q.trim() && `contain “${q.trim()}”`,
    status !== "all" && `are ${status}`,
    priority.length > 0 && `have ${priority.join(" or ")} priority`,
    tag.length > 0 && `have the tag ${tag.join(" and ")}`,
  ];
  return (
    <>
      <p>No tasks {parts.filter(Boolean).join(" and ")}.</p>
      <button
        type="button"
        className="more"
        onClick={() => {
          onChange({ ...EVERYTHING, sort: query.sort });
          document.getElementById("search")?.focus();
        }}
      >
        Clear the filters
      </button>
    </>
  );
}
