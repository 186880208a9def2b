import type { TaskChanges } from "@/lib/api";
import { PRIORITY_NAMES } from "@/lib/messages";
import { PRIORITIES } from "@/lib/query";
import type { Priority } from "@/lib/query";
import { PriorityName } from "./priority-name";

type Props = {
  count: number;
  areDone: boolean; // all of them are completed
  onSelectAll: () => void;
  onChange: (changes: TaskChanges) => void;
  onDelete: () => void;
  onDone: () => void;
};

/** What can be done with the selected tasks. */
export function SelectionBar({ count, areDone, onSelectAll, onChange, onDelete, onDone }: Props) {
  // Not `disabled`, which would drop the focus when the last selected task leaves the list.
  const actsOn = (act: () => void) => ({ "aria-disabled": count === 0, onClick: () => count > 0 && act() });
  return (
    <div className="selection" role="group" aria-label="Selected tasks">
      <span role="status">{count} selected</span>
      <button type="button" onClick={onSelectAll}>
        Select all
      </button>
      <button type="button" className="done" onClick={onDone}>
        Cancel
      </button>
      <button type="button" {...actsOn(() => onChange({ completed: !areDone }))}>
        {areDone ? "Make active" : "Complete"}
      </button>
      {PRIORITIES.map((priority) => (
        <button key={priority} type="button" className="wide" {...actsOn(() => onChange({ priority }))}>
          <PriorityName priority={priority} />
        </button>
      ))}
      <select
        aria-label="Priority"
        aria-disabled={count === 0}
        value=""
        onChange={({ target }) => count > 0 && onChange({ priority: target.value as Priority })}
      >
        <option value="" disabled hidden>
          Priority
        </option>
        {PRIORITIES.map((priority) => (
          <option key={priority} value={priority}>
            {PRIORITY_NAMES[priority]}
          </option>
        ))}
      </select>
      <button type="button" className="danger" {...actsOn(onDelete)}>
        Delete
      </button>
    </div>
  );
}
