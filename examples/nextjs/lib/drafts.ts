/** What must survive a reload: changes and texts until the service has them, and the last Undo. */

import type { Draft, Notice, Operation } from "./list";
import type { Draft as NewTask } from "./quick-add";

export type Kept = { unsent: Operation[]; typed: Draft[]; begun?: NewTask; undo?: Notice };

type Stored = Partial<Kept> & { version?: number };

export type Drafts = { read: () => Kept; write: (kept: Kept) => void };

/** The form of a kept Undo. Raise it with each change: a tab may be open across a deploy. */
const VERSION = 2;

/** Keep the drafts of one user in this tab. They contain no token. */
export function keepDrafts(userId: string): Drafts {
  const slot = `tasks:${userId}`;
  return {
    read: () => {
      const stored = attempt(() => JSON.parse(sessionStorage.getItem(slot) ?? "{}") as Stored);
      const { version, undo, ...kept } = stored ?? {};
      return { unsent: [], typed: [], ...kept, ...(version === VERSION && undo && { undo }) };
    },
    write: (kept) => {
      const isEmpty = kept.unsent.length + kept.typed.length === 0 && !kept.begun && !kept.undo;
      attempt(() => {
        if (isEmpty) sessionStorage.removeItem(slot);
        else sessionStorage.setItem(slot, JSON.stringify({ version: VERSION, ...kept }));
      });
    },
  };
}

/** Forget the drafts of everybody in this tab, at a sign-out. */
export function forgetDrafts(): void {
  attempt(() => sessionStorage.clear());
}

/** Use the storage. If it is full or blocked, the page works on, but a reload loses the drafts. */
function attempt<T>(access: () => T): T | undefined {
  try {
    return access();
  } catch (error) {
    console.warn("Drafts cannot be kept in this tab.", error);
    return undefined;
  }
}
