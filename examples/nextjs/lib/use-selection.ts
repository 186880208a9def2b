import { useRef, useState } from "react";

export type ListSelection = ReturnType<typeof useSelection>;

/** Several selected rows. A shift-click selects the rows between it and the last click. */
export function useSelection(keys: string[]) {
  const [selecting, setSelecting] = useState(false);
  const [marked, setMarked] = useState<ReadonlySet<string>>(new Set());
  const anchor = useRef<string>(undefined);
  const selected = new Set(keys.filter((key) => marked.has(key))); // without rows that are gone

  function toggle(key: string, extend = false): void {
    const next = new Set(selected);
    const isOn = !next.has(key);
    for (const each of extend ? between(keys, anchor.current, key) : [key]) {
      if (isOn) next.add(each);
      else next.delete(each);
    }
    anchor.current = key;
    setSelecting(true);
    setMarked(next);
  }

  function turn(isOn: boolean): void {
    anchor.current = undefined;
    setSelecting(isOn);
    setMarked(new Set());
  }

  return { selecting, selected, toggle, turn, selectAll: () => setMarked(new Set(keys)) };
}

function between(keys: string[], one: string | undefined, other: string): string[] {
  const ends = [keys.indexOf(one ?? other), keys.indexOf(other)];
  const start = Math.min(...ends);
  return start < 0 ? [other] : keys.slice(start, Math.max(...ends) + 1);
}
