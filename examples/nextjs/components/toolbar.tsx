import { useId, useLayoutEffect, useRef, useState } from "react";
import { leaveGone, useFocusWhenClosed } from "@/lib/focus";
import type { Row, State } from "@/lib/list";
import { countFilters } from "@/lib/query";
import type { TaskStore } from "@/lib/store";
import type { ListSelection } from "@/lib/use-selection";
import { Chips, Search, Tabs } from "./filters";
import type { SearchProps } from "./filters";
import { SelectionBar } from "./selection-bar";

type Props = SearchProps & {
  store: TaskStore;
  state: State;
  rows: Row[];
  selection: ListSelection;
  isIdle: boolean; // there is nothing to find or to select
};

/** The filters, and what can be done with several tasks. On a phone, a button unfolds most. */
export function Toolbar({ store, state, rows, selection, isIdle, ...search }: Props) {
  const { query, onChange } = search;
  const { counts } = state;
  const tools = useRef<HTMLDivElement>(null);
  const select = useRef<HTMLButtonElement>(null);
  const isHidden = isIdle && !selection.selecting;
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  const set = countFilters(query);
  const tasksOf = (some: Row[]) => some.map(({ task }) => task);
  const selected = tasksOf(rows.filter(({ key }) => selection.selected.has(key)));
  const completed = tasksOf(rows.filter(({ task }) => task.completed));
  const canClear = Boolean(counts?.statuses.completed) || completed.length > 0;

  useLayoutEffect(() => {
    if (isHidden && tools.current?.contains(document.activeElement)) leaveGone(tools.current);
  }, [isHidden]);
  useFocusWhenClosed(selection.selecting, select);

  return (
    <>
      <div ref={tools} className="tools" data-hidden={isHidden}>
        <Tabs query={query} counts={counts} onChange={onChange} />
        <div className="several">
          <button
            ref={select}
            type="button"
            className="quiet select"
            disabled={rows.length === 0 && !selection.selecting}
            aria-pressed={selection.selecting}
            onClick={() => selection.turn(!selection.selecting)}
          >
            Select
          </button>
          <button
            type="button"
            className="quiet unfold"
            data-control="view"
            aria-expanded={isOpen}
            aria-controls={id}
            onClick={() => setOpen(!isOpen)}
          >
            View{" "}
            {set > 0 && (
              <span className="set">
                {set}
                <span className="hidden"> set</span>
              </span>
            )}
          </button>
          <button
            type="button"
            className="quiet clear-completed"
            data-status={query.status}
            aria-disabled={!canClear} // not `disabled`, which would drop the focus
            onClick={() => canClear && void store.run({ kind: "clear", tasks: completed })}
          >
            Clear completed
          </button>
        </div>
        <div id={id} className="fold" data-open={isOpen}>
          <Search {...search} />
          {!selection.selecting && <Chips query={query} counts={counts} onChange={onChange} />}
        </div>
      </div>
      {selection.selecting && (
        <SelectionBar
          count={selected.length}
          areDone={selected.length > 0 && selected.every(({ completed: isDone }) => isDone)}
          onSelectAll={selection.selectAll}
          onChange={(changes) => void store.run({ kind: "changeMany", tasks: selected, changes })}
          onDelete={() => void store.run({ kind: "deleteMany", tasks: selected })}
          onDone={() => selection.turn(false)}
        />
      )}
    </>
  );
}
