"use client";

import { useEffect, useEffectEvent, useRef, useState } from "react";
import type { NewTask as Task } from "@/lib/api";
import {
  focusTask,
  focusedRow,
  leaveControl,
  leaveGone,
  useFirstFocus,
  useFocusInList,
  useFocusOnReturn,
  useFocusWhenClosed,
} from "@/lib/focus";
import type { Undo } from "@/lib/list";
import { ORDER_OFFER, describeFound } from "@/lib/messages";
import { BY_HAND, EVERYTHING, formatQuery, isNarrowed, toUrl, toggled } from "@/lib/query";
import type { User } from "@/lib/session";
import { useListShortcuts } from "@/lib/use-list-shortcuts";
import { useMoveAttempt, useOrder } from "@/lib/use-order";
import { useQuery } from "@/lib/use-query";
import { useSelection } from "@/lib/use-selection";
import { useTasks } from "@/lib/use-tasks";
import { DeleteAccount } from "./delete-account";
import { Empty } from "./empty";
import { Frame } from "./frame";
import { ListEnd } from "./list-end";
import { NewTask } from "./new-task";
import { Refusal } from "./refusal";
import { Shortcuts } from "./shortcuts";
import { TaskRow } from "./task-row";
import { Toolbar } from "./toolbar";

export function Tasks({ apiUrl, user }: { apiUrl: string; user: User }) {
  const { query, search, change } = useQuery(user.id);
  const { store, state, rows, isLoaded, others } = useTasks(apiUrl, user.id, query);
  const list = useRef<HTMLUListElement>(null);
  const help = useRef<HTMLDialogElement>(null);
  const account = useRef<HTMLDialogElement>(null);
  const isPlaced = useRef(true); // the last new task is where the list has it
  const wanted = useRef<{ id?: number; from: Element | null }>(undefined); // to show when it is loaded
  const [editing, setEditing] = useState<string>();
  const selection = useSelection(rows.filter(({ task }) => task.id > 0).map(({ key }) => key));
  const moves = useOrder(rows, store, state.cursor !== undefined);
  const order = query.sort === BY_HAND ? moves : undefined;
  const attempts = useMoveAttempt(() => store.say(ORDER_OFFER));
  const busy = !isLoaded && !state.problem;
  const isIdle = isLoaded && rows.length === 0 && !isNarrowed(query);
  const expectRows = useFocusOnReturn(list);
  const showHelp = () => help.current?.showModal();

  function undo(offered?: Undo[]) {
    if (state.notice?.undo && !focusedRow()) {
      if (rows.length > 0) leaveControl(list.current); // the Undo button disappears
      else leaveGone(document.querySelector(".notice")); // no keyboard opens
    }
    const { activeElement } = document; // now: the Undo may wait for what is under way
    void store.undo(offered, (ids) => expectRows(ids, activeElement));
  }

  function sortByHand() {
    if (order) return;
    if (!focusedRow()) leaveControl(list.current); // the button of the message disappears
    store.say(undefined);
    change({ ...query, sort: BY_HAND });
  }

  const rowOf = (id?: number) => list.current?.querySelector(`[data-key="${id}"]`);

  async function add(task: Task) {
    const refused = await store.run({ kind: "create", task });
    isPlaced.current = false; // until the list is loaded again
    return refused;
  }

  function show() {
    const id = state.notice?.added;
    store.say(undefined);
    if (rowOf(id)) return focusTask(rowOf(id));
    leaveControl(list.current); // the Show button disappears
    wanted.current = { id, from: document.activeElement };
    change({ ...EVERYTHING, sort: query.sort });
  }

  const tellIfOffScreen = useEffectEvent(() => {
    const { notice } = state;
    if (isPlaced.current || !notice?.added || notice.seen) return;
    isPlaced.current = true;
    const row = rowOf(notice.added);
    if (!isOnScreen(row)) store.say({ ...notice, seen: true, added: row ? notice.added : undefined });
  });
  useEffect(() => tellIfOffScreen(), [state.ids]);
  const focusIfLoaded = useEffectEvent(() => {
    if (!isLoaded || !wanted.current) return;
    const { id, from } = wanted.current;
    wanted.current = undefined;
    const { activeElement, body } = document;
    if (activeElement === from || activeElement === body) focusTask(rowOf(id));
  });
  useEffect(() => focusIfLoaded(), [isLoaded]);
  useEffect(() => store.open(Number(editing)), [store, editing]);
  useFocusInList(list);
  useFocusWhenClosed(others.length > 0, list);
  useFirstFocus(isIdle);
  const actions = { onEdit: setEditing, onUndo: () => undo(), onSort: sortByHand, onHelp: showHelp };
  useListShortcuts({ list, rows, store, selection, order, ...actions });

  return (
    <Frame
      user={user}
      link={[toUrl("/trash", formatQuery(query)), "Trash"]}
      title="Tasks"
      store={store}
      state={state}
      onUndo={() => undo(state.notice?.undo)}
      onSort={sortByHand}
      onShow={show}
    >
      <NewTask
        tags={state.counts?.knownTags ?? []}
        filtered={query.tag}
        begun={store.begun}
        onType={store.begin}
        onAdd={add}
        onDismiss={(key) => store.dismiss(key)}
      />
      <Toolbar
        query={query}
        onSearch={search}
        onChange={change}
        busy={busy}
        store={store}
        state={state}
        rows={rows}
        selection={selection}
        isIdle={isIdle}
      />
      {others.map((operation) => (
        <Refusal key={operation.key} operation={operation} store={store} wide />
      ))}
      <ul ref={list} className="list" tabIndex={-1} aria-label="Tasks" aria-busy={busy} {...(order ? {} : attempts)}>
        {rows.map((row) => (
          <TaskRow
            key={row.key}
            row={row}
            order={order}
            store={store}
            tags={state.counts?.knownTags ?? []}
            filtered={query.tag}
            onFilter={(tag) => change({ ...query, tag: toggled(query.tag, tag) })}
            isOpen={editing === row.key}
            onOpen={(isOpen) => setEditing(isOpen ? row.key : undefined)}
            selected={selection.selecting ? selection.selected.has(row.key) : undefined}
            onSelect={(extend) => selection.toggle(row.key, extend)}
          />
        ))}
      </ul>
      <p className="hidden" role="status">
        {isLoaded && isNarrowed(query) && describeFound(rows, state.cursor !== undefined)}
      </p>
      <ListEnd list={list} store={store} state={state} rows={rows} isLoaded={isLoaded}>
        <Empty query={query} onChange={change} />
      </ListEnd>
      <nav className="foot" aria-label="More">
        <button type="button" className="for-keyboards" onClick={showHelp}>
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

function isOnScreen(row: Element | null | undefined): boolean {
  const box = row?.getBoundingClientRect();
  const form = document.querySelector(".new")?.getBoundingClientRect(); // on a phone, rows go under it
  return box !== undefined && box.top >= Math.max(0, form?.bottom ?? 0) && box.bottom <= window.innerHeight;
}
