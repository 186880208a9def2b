import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { startOver } from "./account";
import { createApi } from "./api";
import { keepDrafts } from "./drafts";
import { useToday } from "./due";
import { START, otherRefusals, toRows } from "./list";
import { formatQuery } from "./query";
import type { Query } from "./query";
import { TaskStore } from "./store";

let shared: { userId: string; store: TaskStore } | undefined;

/** In the browser, the list and the trash have one store: what waits is there on both pages. */
function storeOf(apiUrl: string, userId: string): TaskStore {
  if (typeof window !== "undefined" && shared?.userId === userId) return shared.store;
  const store = new TaskStore(createApi(apiUrl, userId, startOver), keepDrafts(userId));
  if (typeof window !== "undefined") shared = { userId, store };
  return store;
}

/** Show the tasks of a user that match a query, and keep them up to date. */
export function useTasks(apiUrl: string, userId: string, query: Query) {
  const [store] = useState(() => storeOf(apiUrl, userId));
  const state = useSyncExternalStore(store.subscribe, store.state, () => START);
  useEffect(() => store.start(), [store]);
  const today = useToday();
  const day = query.due && today; // at midnight, these filters mean other tasks
  useEffect(() => store.want(query), [store, query, day]);

  const listed = formatQuery(query);
  const rows = useMemo(() => toRows(state, query, listed, day), [state, query, listed, day]);
  const isLoaded = state.listed === listed && !state.loading && !state.problem;
  return { store, state, rows, isLoaded, others: otherRefusals(state, rows) };
}
