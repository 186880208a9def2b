import { useEffect, useEffectEvent, useId, useRef, useState } from "react";
import type { KeyboardEvent as KeyPress } from "react";
import type { Task } from "@/lib/api";
import { useFocusInForm } from "@/lib/focus";
import { changesOf, differences, isForEditing } from "@/lib/list";
import type { Change, Draft, Field } from "@/lib/list";
import { PRIORITY_NAMES, describeLength, explain } from "@/lib/messages";
import { PRIORITIES } from "@/lib/query";
import { TagField } from "./tag-field";

type Props = {
  task: Task;
  refused?: Change; // an edit
  unsaved?: Draft;
  isGone: boolean; // deleted elsewhere
  tags: string[];
  onType: (draft?: Draft) => void;
  onSave: (draft: Draft) => void;
  onCancel: () => void;
};

export function EditForm(props: Props) {
  const { task, refused, unsaved, isGone, tags: known, onType, onSave, onCancel } = props;
  // The version that the user sees, even if a newer one arrives while they edit it.
  const [seen] = useState(unsaved?.seen ?? refused?.seen ?? task);
  const before = { ...seen, ...refused?.changes };
  const typed = { ...seen, ...(unsaved ?? refused)?.changes };
  const [title, setTitle] = useState(typed.title);
  const [notes, setNotes] = useState(typed.description ?? "");
  const [priority, setPriority] = useState(typed.priority);
  const [dueDate, setDueDate] = useState(typed.due_date ?? "");
  const [tags, setTags] = useState(typed.tags);
  const id = useId();
  const form = useRef<HTMLFormElement>(null);
  const problems = describeProblems(isForEditing(refused) ? refused : undefined);
  const field = (name: Field) => ({
    id: `${id}-${name}`,
    "aria-invalid": Boolean(problems[name]),
    "aria-describedby": `${id}-${name}-problem`,
  });
  const problem = (name: Field) => (
    <p id={`${id}-${name}-problem`} className="problem" role="alert">
      {problems[name]}
    </p>
  );

  useFocusInForm(form);

  function read(): Task {
    const description = notes || (seen.description && null);
    return { ...seen, description, due_date: dueDate || null, title, priority, tags };
  }

  const keep = useEffectEvent(() => {
    const isChanged = differences(before, read()).length > 0;
    onType(isChanged ? { seen, changes: changesOf(seen, read()) } : undefined);
  });
  useEffect(() => keep(), [title, notes, priority, dueDate, tags]);

  function onKeyDown(event: KeyPress) {
    if (event.key === "Escape") onCancel();
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) form.current?.requestSubmit();
  }

  return (
    <form
      ref={form}
      className="edit"
      method="post"
      aria-label={`Edit ${seen.title}`}
      onKeyDown={onKeyDown}
      onSubmit={(event) => {
        event.preventDefault();
        onSave({ seen, changes: changesOf(seen, read()) });
      }}
    >
      <p className="gone" role="alert">
        {isGone && "This task was deleted elsewhere. What you typed is still here."}
      </p>
      <label htmlFor={`${id}-title`}>Title</label>
      <input
        {...field("title")}
        dir="auto"
        value={title}
        onChange={(event) => setTitle(event.target.value)}
        autoComplete="off"
        required
      />
      {problem("title")}
      <label htmlFor={`${id}-description`}>Notes</label>
      <textarea
        {...field("description")}
        dir="auto"
        rows={3}
        value={notes}
        onChange={(event) => setNotes(event.target.value)}
      />
      {problem("description")}
      <div className="pair">
        <fieldset>
          <legend>Priority</legend>
          <div className="choices">
            {PRIORITIES.map((choice) => (
              <label key={choice}>
                <input
                  type="radio"
                  name={`${id}-priority`}
                  checked={choice === priority}
                  onChange={() => setPriority(choice)}
                />
                <span>{PRIORITY_NAMES[choice]}</span>
              </label>
            ))}
          </div>
          {problem("priority")}
        </fieldset>
        <div>
          <label htmlFor={`${id}-due_date`}>Due date</label>
          <input
            {...field("due_date")}
            type="date"
            value={dueDate}
            onChange={(event) => setDueDate(event.target.value)}
          />
          {problem("due_date")}
        </div>
      </div>
      <label htmlFor={`${id}-tags`}>Tags</label>
      <TagField field={field("tags")} tags={tags} known={known} onChange={setTags} />
      {problem("tags")}
      <div className="actions">
        <button type="submit" className="primary">
          {isGone ? "Restore and save" : "Save"}
        </button>
        <button type="button" className="quiet" onClick={onCancel}>
          {isGone ? "Discard" : "Cancel"}
        </button>
      </div>
    </form>
  );
}

/** Return the problem of each field. Only the notes can make a body too large. */
function describeProblems(rejected: Change | undefined): Partial<Record<Field, string>> {
  if (!rejected?.problem || rejected.problem.status === 404) return {};
  const { fields } = rejected.problem;
  if (Object.keys(fields).length === 0) return { description: explain(rejected.problem) };
  const title = fields.title && (describeLength(rejected.changes.title ?? "") ?? fields.title);
  return { ...fields, title };
}
