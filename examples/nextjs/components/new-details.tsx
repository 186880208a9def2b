import { PRIORITY_NAMES } from "@/lib/messages";
import { PRIORITIES } from "@/lib/query";
import type { Priority } from "@/lib/query";
import type { Details } from "@/lib/quick-add";
import { TagField } from "./tag-field";

type Props = {
  id: string;
  known: string[];
  chosen: Details;
  onChange: (changes: Partial<Details>) => void;
};

/** The fields of a new task beside its title. */
export function NewDetails({ id, known, chosen, onChange }: Props) {
  const { due_date, priority, tags } = chosen;
  const tagField = { id: `${id}-tags`, "aria-invalid": false, "aria-describedby": "new-task-problem" };
  return (
    <div className="new-details">
      <label>
        Due date
        <input
          type="date"
          value={due_date ?? ""}
          onChange={(event) => onChange({ due_date: event.target.value || null })}
        />
      </label>
      <label>
        Priority
        <select
          value={priority}
          onChange={(event) => onChange({ priority: event.target.value as Priority })}
        >
          {PRIORITIES.map((choice) => (
            <option key={choice} value={choice}>
              {PRIORITY_NAMES[choice]}
            </option>
          ))}
        </select>
      </label>
      <div>
        <label htmlFor={tagField.id}>Tags</label>
        <TagField
          field={tagField}
          tags={tags}
          known={known}
          onChange={(changed) => onChange({ tags: changed })}
        />
      </div>
      <p>Or type it: tomorrow, fri, 4 Dec, next week, in 3 days, !high, #home</p>
    </div>
  );
}
