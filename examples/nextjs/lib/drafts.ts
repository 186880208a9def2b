/** What must survive a reload: new tasks that are not acknowledged, and the last Undo. */

import type { Notice, Operation } from "./list";

type Kept = { creates: Operation[]; undo?: Notice };

export type Drafts = { read: () => Kept; write: (kept: Kept) => void };

/** Keep the drafts of one user in this tab. They contain no token. */
export function keepDrafts(userId: string): Drafts {
  const name = `tasks:${userId}`;
  return {
    read: () => JSON.parse(sessionStorage.getItem(name) ?? '{"creates":[]}') as Kept,
    write: (kept) => {
      if (kept.creates.length > 0 || kept.undo) sessionStorage.setItem(name, JSON.stringify(kept));
      else sessionStorage.removeItem(name);
    },
  };
}

/** Forget the drafts of everybody in this tab, at a sign-out. */
export function forgetDrafts(): void {
  sessionStorage.clear();
}
