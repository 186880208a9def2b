import type { RefObject } from "react";
import type { Task } from "./api";
import { focusNewTask, focusSearch, focusedRow, moveFocus } from "./focus";
import type { Row } from "./list";
import { ORDER_OFFER } from "./messages";
import { useShortcuts } from "./shortcuts";
import type { TaskStore } from "./store";
import type { Order } from "./use-order";
import type { ListSelection } from "./use-selection";

type Page = {
  list: RefObject<HTMLUListElement | null>;
  rows: Row[];
  store: TaskStore;
  selection: ListSelection;
  order?: Order;
  onEdit: (key: string) => void;
  onUndo: () => void;
  onSort: () => void;
  onHelp: () => void;
};

/** The shortcuts of the list. Some act on the selected rows, or else on the row that has the focus. */
export function useListShortcuts(page: Page) {
  const { list, rows, store, selection, order, onEdit, onUndo, onSort, onHelp } = page;

  function onRow(act: (row: Row) => void) {
    return () => {
      const focused = focusedRow();
      if (focused?.querySelector("form")) return; // Backspace there is for a tag, not for the task
      const row = rows.find(({ key }) => key === focused?.dataset.key);
      if (row && row.task.id > 0) act(row);
    };
  }

  function onSelected(actOnAll: (tasks: Task[]) => void, act: (row: Row) => void) {
    const tasks = rows.filter(({ key }) => selection.selected.has(key)).map(({ task }) => task);
    if (tasks.length === 0) return onRow(act);
    return () => {
      if (!document.activeElement?.closest("form")) actOnAll(tasks);
    };
  }

  const remove = onSelected(
    (tasks) => void store.run({ kind: "deleteMany", tasks }),
    ({ task }) => void store.run({ kind: "delete", task }),
  );
  const completeAll = (tasks: Task[]) => {
    const completed = !tasks.every((task) => task.completed);
    void store.run({ kind: "changeMany", tasks, changes: { completed } });
  };
  const complete = ({ task }: Row) =>
    void store.run({ kind: "change", task, changes: { completed: !task.completed } });

  const move = (step: 1 | -1) =>
    onRow(({ key }) => (order ? order.step(key, step) : store.say(ORDER_OFFER)));

  useShortcuts({
    n: focusNewTask,
    "/": focusSearch,
    j: () => moveFocus(list.current, 1),
    k: () => moveFocus(list.current, -1),
    J: move(1),
    K: move(-1),
    m: onSort,
    ArrowDown: () => moveFocus(list.current, 1),
    ArrowUp: () => moveFocus(list.current, -1),
    c: onSelected(completeAll, complete),
    e: onRow(({ key }) => onEdit(key)),
    x: onRow(({ key }) => selection.toggle(key)),
    X: onRow(({ key }) => selection.toggle(key, true)),
    Delete: remove,
    Backspace: remove, // the key with this name on a Mac
    z: onUndo,
    "Ctrl z": onUndo,
    Escape: () => selection.turn(false),
    "?": onHelp,
  });
}
