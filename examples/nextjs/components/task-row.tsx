import { useRef } from "react";
import type { Task } from "@/lib/api";
import { describeDue, useToday } from "@/lib/due";
import { useFocusWhenClosed } from "@/lib/focus";
import { isEdit, isForEditing } from "@/lib/list";
import type { Draft, Row } from "@/lib/list";
import type { TaskStore } from "@/lib/store";
import type { Order } from "@/lib/use-order";
import { Conflict } from "./conflict";
import { EditForm } from "./edit-form";
import { MoveHandle } from "./move-handle";
import { PriorityName } from "./priority-name";
import { Refusal } from "./refusal";
import { Unsaved } from "./unsaved";

type Props = {
  row: Row;
  order?: Order; // undefined unless the list is in the order by hand
  store: TaskStore;
  tags: string[]; // to suggest
  filtered: string[]; // the tags that the list is filtered by
  onFilter: (tag: string) => void;
  isOpen: boolean;
  onOpen: (open: boolean) => void;
  selected?: boolean; // undefined unless several tasks are being selected
  onSelect: (extend: boolean) => void;
};

export function TaskRow(props: Props) {
  const { row, order, store, tags, isOpen, onOpen, selected, onSelect, ...tagged } = props;
  const { task, saving, refused, unsaved } = row;
  const title = useRef<HTMLButtonElement>(null);
  const conflict = refused?.kind === "change" && refused.theirs ? refused : undefined;
  const rejected = isForEditing(refused) ? refused : undefined;
  const edit = refused && isEdit(refused) ? refused : undefined;
  const isGone = task.deleted_at !== null;
  const isEditing = !conflict && (isOpen || rejected !== undefined);
  useFocusWhenClosed(isEditing || Boolean(conflict), title);

  /** Discard what is typed. A change that only waits is kept. */
  function cancel() {
    onOpen(false);
    const { seen = task, changes } = unsaved ?? rejected ?? {};
    if (changes) store.discard({ kind: "type", seen, changes }, rejected?.key);
  }

  function save({ seen, changes }: Draft) {
    if (Object.keys(changes).length > 0) {
      void store.run({ kind: "change", task, changes, seen, restore: isGone });
    } else {
      if (edit) store.dismiss(edit.key);
      if (isGone) void store.run({ kind: "restore", tasks: [task] });
    }
    store.type(task.id);
    onOpen(false);
  }

  if (conflict) {
    return (
      <li className="row" data-key={row.key}>
        <Conflict operation={conflict} store={store} />
      </li>
    );
  }
  if (isEditing) {
    return (
      <li className="row" data-key={row.key}>
        <EditForm
          task={task}
          refused={edit}
          unsaved={unsaved}
          isGone={isGone}
          tags={tags}
          onType={(draft) => store.type(task.id, draft)}
          onSave={save}
          onCancel={cancel}
        />
      </li>
    );
  }
  const isDraft = task.id === 0;
  const notes = task.description?.replace(/\s*\n\s*/g, "\n").trim(); // a blank line says nothing
  return (
    <li
      className="row"
      data-key={row.key}
      data-completed={task.completed}
      data-selected={selected}
      aria-busy={saving}
    >
      {order && <MoveHandle row={row} order={order} />}
      <label className="tick" data-square={selected !== undefined}>
        {selected === undefined ? (
          <input
            type="checkbox"
            data-control="tick"
            checked={task.completed}
            disabled={isDraft}
            onChange={(event) => {
              const changes = { completed: event.target.checked };
              void store.run({ kind: "change", task, changes });
            }}
            aria-label={`Completed: ${task.title}`}
          />
        ) : (
          <input
            type="checkbox"
            data-control="tick"
            checked={selected}
            disabled={isDraft}
            onClick={(event) => onSelect(event.shiftKey)}
            onChange={() => undefined} // the click has the shift key
            aria-label={`Select ${task.title}`}
          />
        )}
      </label>
      <div className="text" dir="auto">
        <button
          ref={title}
          type="button"
          className="title"
          data-control="title"
          disabled={isDraft}
          onClick={(event) => (selected === undefined ? onOpen(true) : onSelect(event.shiftKey))}
          aria-label={selected === undefined ? `Edit ${task.title}` : undefined}
          aria-pressed={selected}
        >
          {task.title}
        </button>
        {notes && <p className="notes" dir="auto">{notes}</p>}
        <Details task={task} {...tagged} />
        {saving && <p className="later saving" dir="ltr">Saving…</p>}
        {refused && !unsaved && <Refusal operation={refused} store={store} />}
        {unsaved && <Unsaved isGone={isGone} onSave={() => save(unsaved)} onDiscard={cancel} />}
      </div>
      <button
        type="button"
        className="delete"
        data-control="delete"
        disabled={isDraft}
        onClick={() => void store.run({ kind: "delete", task })}
        aria-label={`Delete ${task.title}`}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M2.5 4.5h11M6 4.5V2.5h4v2M4 4.5l.5 9h7l.5-9M6.5 7v4M9.5 7v4" />
        </svg>
      </button>
    </li>
  );
}

type DetailsProps = Pick<Props, "filtered" | "onFilter"> & { task: Task };

function Details({ task, filtered, onFilter }: DetailsProps) {
  const { priority, due_date, tags, completed } = task;
  const today = useToday();
  const due = due_date ? describeDue(due_date, today, completed) : undefined;
  const isOrdinary = priority === "medium";
  if (isOrdinary && !due && tags.length === 0) return null;
  return (
    <p className="details">
      {!isOrdinary && <PriorityName priority={priority} />}
      {due && (
        <span className="due" dir="ltr" data-state={due.state}>
          {due.state === "overdue" ? <strong>Overdue </strong> : <span className="hidden">Due: </span>}
          {due.state === "overdue" && <span aria-hidden="true">· </span>}
          {due.text}
        </span>
      )}
      {tags.map((tag) => (
        <button
          key={tag}
          type="button"
          className="tag"
          dir="auto"
          aria-label={`Filter by the tag ${tag}`}
          aria-pressed={filtered.includes(tag)}
          onClick={() => onFilter(tag)}
        >
          #{tag}
        </button>
      ))}
    </p>
  );
}
