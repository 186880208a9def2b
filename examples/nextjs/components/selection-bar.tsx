import type { TaskChanges } from "@/lib/api";
import { PRIORITY_NAMES } from "@/lib/messages";
import { PRIORITIES } from "@/lib/query";

type Props = {
  count: number;
  onSelectAll: () => void;
  onChange: (changes: TaskChanges) => void;
  onDelete: () => void;
  onDone: () => void;
};

/** What can be done with the selected tasks. */
export function SelectionBar({ count, onSelectAll, onChange, onDelete, onDone }: Props) {
  const disabled = count === 0;
  return (
    <div className="selection" role="group" aria-label="Selected tasks">
      <span role="status">{count} selected</span>
      <button type="button" onClick={onSelectAll}>
        Select all
      </button>
      <button type="button" className="done" onClick={onDone}>
        Done
      </button>
      <button type="button" disabled={disabled} onClick={() => onChange({ completed: true })}>
        Complete
      </button>
      <div className="levels">
        <span aria-hidden="true">Priority</span>
        {PRIORITIES.map((priority) => (
          <button
            key={priority}
            type="button"
            disabled={disabled}
            onClick={() => onChange({ priority })}
          >
            {PRIORITY_NAMES[priority]}
            <span className="hidden"> priority</span>
          </button>
        ))}
      </div>
      <button type="button" className="danger" disabled={disabled} onClick={onDelete}>
        Delete
      </button>
    </div>
  );
}
