import type { Row, State } from "@/lib/list";
import type { Query } from "@/lib/query";
import type { TaskStore } from "@/lib/store";
import type { ListSelection } from "@/lib/use-selection";
import { Chips, Tabs } from "./filters";
import { SelectionBar } from "./selection-bar";

type Props = {
  query: Query;
  onChange: (query: Query) => void;
  store: TaskStore;
  state: State;
  rows: Row[];
  selection: ListSelection;
};

/** The filters, and what can be done with several tasks. */
export function Toolbar({ query, onChange, store, state: { counts }, rows, selection }: Props) {
  const tasksOf = (some: Row[]) => some.map(({ task }) => task);
  const selected = tasksOf(rows.filter(({ key }) => selection.selected.has(key)));
  const completed = tasksOf(rows.filter(({ task }) => task.completed));
  const canClear = Boolean(counts?.statuses.completed) || completed.length > 0;
  return (
    <>
      <div className="tools">
        <Tabs query={query} counts={counts} onChange={onChange} />
        <div>
          <button
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
          onDelete={() => void store.run({ kind: "deleteMany", tasks: selected })}
        />
      ) : (
        <Chips query={query} counts={counts} onChange={onChange} />
      )}
    </>
  );
}
