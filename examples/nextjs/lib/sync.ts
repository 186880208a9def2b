/** Changes from other tabs and devices, by `GET /api/tasks/changes`. */

import { settle } from "./api";
import type { Api, Problem } from "./api";
import type { components } from "./api-types";

export type Changes = Pick<components["schemas"]["TaskSync"], "tasks" | "deleted">;

const EVERY_MS = 15_000;

/** How an attempt ended. `changed` is whether the list may be different now. */
export type SyncResult = { changed: boolean } | { problem: Problem };

type Listener = {
  onExpired: () => void;
  onChanges: (changes: Changes) => void;
  onEnd: (result: SyncResult) => void;
};

/**
 * Ask for changes when the page gets the focus or the network back, and every 15 s while it is
 * visible. The first time, go through all tasks to learn the token from which changes count.
 */
export function startSync(api: Api, { onExpired, onChanges, onEnd }: Listener) {
  let since: string | undefined;
  let running = false;
  const stopped = new AbortController();
  const { signal } = stopped;

  async function catchUp(): Promise<void> {
    if (running || document.visibilityState === "hidden") return;
    running = true;
    const result = await readAll();
    running = false;
    if (!signal.aborted) onEnd(result);
  }

  async function readAll(): Promise<SyncResult> {
    let changed = since === undefined;
    let mayStartOver = since !== undefined;
    for (;;) {
      const params = { query: { since, limit: 500 } };
      const outcome = await settle(api.GET("/api/tasks/changes", { params, signal }));
      if ("problem" in outcome) {
        const { status } = outcome.problem;
        if (!mayStartOver || (status !== 410 && status !== 400)) return outcome;
        // The service no longer has all changes since the token. Start over; the user sees nothing.
        onExpired();
        since = undefined;
        changed = true;
        mayStartOver = false;
        continue;
      }
      const { tasks, deleted, next, has_more } = outcome.data;
      if (signal.aborted) return { changed };
      onChanges({ tasks, deleted });
      changed ||= tasks.length + deleted.length > 0;
      since = next;
      if (!has_more) return { changed };
    }
  }

  const listen = () => void catchUp();
  const timer = setInterval(listen, EVERY_MS);
  window.addEventListener("focus", listen, { signal });
  window.addEventListener("online", listen, { signal });
  document.addEventListener("visibilitychange", listen, { signal });

  return {
    catchUp,
    stop: () => {
      clearInterval(timer);
      stopped.abort();
    },
  };
}
