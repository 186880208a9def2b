import { useRef, useState } from "react";
import type { MouseEvent as Click, PointerEvent as Press } from "react";
import { flushSync } from "react-dom";
import { focusedRow } from "./focus";
import type { Row } from "./list";
import { describeEnd } from "./messages";
import type { TaskStore } from "./store";

export type Order = ReturnType<typeof useOrder>;

/** The order by hand: how rows move, and which row shows its buttons. */
export function useOrder(rows: Row[], store: TaskStore, hasMore: boolean) {
  const [opened, setOpened] = useState<string>();
  const first = rows.findIndex(({ task }) => task.id > 0); // new tasks are above
  const last = rows.length - 1;
  const indexOf = (key: string | undefined) => rows.findIndex((row) => row.key === key);

  function move(from: number, wanted: number): void {
    const to = Math.min(Math.max(wanted, first), last);
    const [row, neighbour, above, below] = [rows[from], rows[to], rows[from - 1], rows[from + 1]];
    if (!row?.task.id || !neighbour?.task.id) return;
    if (to === from) return store.say(describeEnd(wanted < from, hasMore));
    const { id } = neighbour.task;
    const place = { place: to - first + 1, of: hasMore ? undefined : rows.length - first };
    const beside = to > from ? { after: id } : { before: id };
    const was = above?.task.id ? { after: above.task.id } : { before: below?.task.id ?? id };
    const back = { to: was, place: from - first + 1 };
    flushSync(() => void store.run({ kind: "move", task: row.task, to: beside, ...place, back }));
  }

  /** Move a row by some places, or to an end of what is loaded. Keep it in view. */
  function step(key: string, by: number): void {
    move(indexOf(key), indexOf(key) + by);
    focusedRow()?.scrollIntoView({ block: "nearest" });
  }

  return {
    opened,
    open: setOpened,
    step,
    /** Give a row the place of another one. */
    replace: (key: string, other: string | undefined) => {
      if (indexOf(other) >= 0) move(indexOf(key), indexOf(other));
    },
  };
}

/**
 * Listen on a list that is not sorted by hand. Call a function when the user tries to move a row: by
 * a mouse that goes from one row to another, or a long press of a finger.
 */
export function useMoveAttempt(onAttempt: () => void) {
  const pressed = useRef<Element>(null);
  const rowOf = ({ target }: { target: EventTarget }) => (target as Element).closest("li");
  return {
    onPointerDown: (event: Press) => {
      pressed.current = rowOf(event);
    },
    onPointerUp: (event: Press) => {
      const isSelection = getSelection()?.isCollapsed === false;
      if (pressed.current && rowOf(event) !== pressed.current && !isSelection) onAttempt();
      pressed.current = null;
    },
    onContextMenu: ({ nativeEvent }: Click) => {
      if ("pointerType" in nativeEvent && nativeEvent.pointerType === "touch") onAttempt();
    },
  };
}
