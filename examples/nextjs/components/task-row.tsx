import { useEffect, useId, useRef, useState } from "react";
import type { KeyboardEvent } from "react";
import type { TaskChanges } from "@/lib/api";
import type { Operation, Row } from "@/lib/use-tasks";

type Props = {
  row: Row;
  onChange: (changes: TaskChanges) => void;
  onDelete: () => void;
  onRetry: () => void;
  onDismiss: () => void;
};

export function TaskRow({ row, onChange, onDelete, onRetry, onDismiss }: Props) {
  const { task, saving, refused } = row;
  const [opened, setOpened] = useState(false);
  const title = useRef<HTMLButtonElement>(null);
  const editing = opened || isForEditing(refused);
  useFocusWhenClosed(editing, title);

  if (editing) {
    return (
      <li className="row">
        <EditForm
          row={row}
          onSave={(changes) => {
            setOpened(false);
            if (Object.keys(changes).length) onChange(changes);
            else onDismiss();
          }}
          onCancel={() => {
            setOpened(false);
            onDismiss();
          }}
        />
      </li>
    );
  }
  const isDraft = task.id === 0;
  return (
    <li className="row" data-completed={task.completed} data-saving={saving}>
      <label className="tick">
        <input
          type="checkbox"
          data-control="tick"
          checked={task.completed}
          disabled={isDraft}
          onChange={(event) => onChange({ completed: event.target.checked })}
          aria-label={`Completed: ${task.title}`}
        />
      </label>
      <div className="text">
        <button
          ref={title}
          type="button"
          className="title"
          disabled={isDraft}
          onClick={() => setOpened(true)}
          aria-label={`Edit ${task.title}`}
        >
          {task.title}
        </button>
        {task.description && <p className="notes">{task.description}</p>}
        {refused && <Refusal refused={refused} onRetry={onRetry} onDismiss={onDismiss} />}
      </div>
      <button
        type="button"
        className="delete"
        data-control="delete"
        disabled={isDraft}
        onClick={onDelete}
        aria-label={`Delete ${task.title}`}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M4 4l8 8M12 4l-8 8" />
        </svg>
      </button>
    </li>
  );
}

type RefusalProps = { refused: Operation } & Pick<Props, "onRetry" | "onDismiss">;

function Refusal({ refused, onRetry, onDismiss }: RefusalProps) {
  const what = refused.kind === "delete" ? "Not deleted." : "Not saved.";
  return (
    <div className="refusal">
      <p className="problem" role="alert">
        {what} {refused.problem?.detail}
      </p>
      <button type="button" onClick={onRetry}>
        Try again
      </button>
      <button type="button" onClick={onDismiss}>
        {refused.kind === "create" ? "Discard" : "Dismiss"}
      </button>
    </div>
  );
}

type EditProps = { row: Row; onSave: (changes: TaskChanges) => void; onCancel: () => void };

function EditForm({ row: { task, refused }, onSave, onCancel }: EditProps) {
  const typed = refused?.kind === "change" ? refused.changes : {};
  const [title, setTitle] = useState(typed.title ?? task.title);
  const [notes, setNotes] = useState(typed.description ?? task.description ?? "");
  const id = useId();
  const problems = useFieldProblems(refused);
  const titleField = useRef<HTMLInputElement>(null);
  const notesField = useRef<HTMLTextAreaElement>(null);
  const misplaced = problems.notes && !problems.title;

  useEffect(() => {
    (misplaced ? notesField : titleField).current?.focus();
  }, [misplaced]);

  function save() {
    const changes: TaskChanges = {};
    if (title !== task.title) changes.title = title;
    if (notes !== (task.description ?? "")) changes.description = notes || null;
    onSave(changes);
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === "Escape") onCancel();
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) save();
  }

  return (
    <form
      className="edit"
      aria-label={`Edit ${task.title}`}
      onKeyDown={onKeyDown}
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <label htmlFor={`${id}-title`}>Title</label>
      <input
        id={`${id}-title`}
        ref={titleField}
        value={title}
        onChange={(event) => setTitle(event.target.value)}
        autoComplete="off"
        required
        aria-invalid={Boolean(problems.title)}
        aria-describedby={`${id}-title-problem`}
      />
      <p id={`${id}-title-problem`} className="problem" role="alert">
        {problems.title}
      </p>
      <label htmlFor={`${id}-notes`}>Notes</label>
      <textarea
        id={`${id}-notes`}
        ref={notesField}
        rows={3}
        value={notes}
        onChange={(event) => setNotes(event.target.value)}
        aria-invalid={Boolean(problems.notes)}
        aria-describedby={`${id}-notes-problem`}
      />
      <p id={`${id}-notes-problem`} className="problem" role="alert">
        {problems.notes}
      </p>
      <div className="actions">
        <button type="submit" className="primary">
          Save
        </button>
        <button type="button" className="quiet" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </form>
  );
}

/** Return whether the user can fix a rejected change by editing it. */
function isForEditing(refused: Operation | undefined): boolean {
  if (refused?.kind !== "change" || refused.changes.completed !== undefined) return false;
  return refused.problem?.status === 400 || refused.problem?.status === 413;
}

function useFieldProblems(refused: Operation | undefined): { title?: string; notes?: string } {
  if (!isForEditing(refused) || !refused?.problem) return {};
  const { fields, detail } = refused.problem;
  if (fields.title || fields.description) return { title: fields.title, notes: fields.description };
  return { notes: detail }; // only the notes can make a body too large
}

function useFocusWhenClosed(editing: boolean, title: React.RefObject<HTMLButtonElement | null>) {
  const wasEditing = useRef(false);
  useEffect(() => {
    if (wasEditing.current && !editing) title.current?.focus();
    wasEditing.current = editing;
  }, [editing, title]);
}
