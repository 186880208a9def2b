import { useId, useRef } from "react";
import { formatDate, useToday } from "@/lib/due";
import { useFocusIfLost } from "@/lib/focus";
import { differences } from "@/lib/list";
import type { Change, Field } from "@/lib/list";
import type { Task } from "@/lib/api";
import { FIELD_NAMES, PRIORITY_NAMES } from "@/lib/messages";
import type { TaskStore } from "@/lib/store";

const [YOURS, OTHER] = ["Your version", "Other version"];

type Props = { operation: Change; store: TaskStore };

/** Both versions of a task that was changed elsewhere during an edit. The user chooses one. */
export function Conflict({ operation, store }: Props) {
  const { changes, seen, theirs } = operation;
  const today = useToday();
  const id = useId();
  const panel = useRef<HTMLElement>(null); // not a button, which the next Enter would press
  useFocusIfLost(panel);
  if (!theirs) return null;
  const mine = { ...theirs, ...changes };
  return (
    <section ref={panel} className="conflict" tabIndex={-1} aria-labelledby={id}>
      <div role="alert">
        <h2 id={id}>“<bdi>{(seen ?? theirs).title}</bdi>” was changed elsewhere while you edited it</h2>
        <p>Choose which version to keep. Everything else is the same in both.</p>
      </div>
      <table>
        <thead>
          <tr>
            <td />
            <th scope="col">{YOURS}</th>
            <th scope="col">{OTHER}</th>
          </tr>
        </thead>
        <tbody>
          {differences(mine, theirs).map((field) => (
            <tr key={field}>
              <th scope="row">{FIELD_NAMES[field]}</th>
              <td dir="auto" data-version={YOURS}>{describe(mine, field, today)}</td>
              <td dir="auto" data-version={OTHER}>{describe(theirs, field, today)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <div className="actions">
        <button
          type="button"
          className="primary"
          onClick={() => void store.run({ kind: "change", task: theirs, changes, seen: theirs })}
        >
          Keep your version
        </button>
        <button
          type="button"
          className="quiet"
          onClick={() => store.discard({ kind: "type", seen: theirs, changes }, operation.key)}
        >
          Take the other version
        </button>
      </div>
    </section>
  );
}

function describe(task: Task, field: Field, today: string): string {
  switch (field) {
    case "priority":
      return PRIORITY_NAMES[task.priority];
    case "due_date":
      return task.due_date ? formatDate(task.due_date, today) : "None";
    case "tags":
      return task.tags.map((tag) => `#${tag}`).join(" ") || "None";
    default:
      return task[field] ?? "None";
  }
}
