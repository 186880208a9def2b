import { useEffect, useEffectEvent, useId, useLayoutEffect, useRef, useState } from "react";
import type { NewTask as Task } from "@/lib/api";
import { describeDue, useToday } from "@/lib/due";
import { focusNewTask } from "@/lib/focus";
import type { Operation } from "@/lib/list";
import { PRIORITY_NAMES, describeLength, explain } from "@/lib/messages";
import { EMPTY, isBegun, readDraft, toChips } from "@/lib/quick-add";
import type { Chip, Details, Draft } from "@/lib/quick-add";
import { useHydrated } from "@/lib/use-hydrated";
import { NewDetails } from "./new-details";

const PAUSE_MS = 1000;

type Props = {
  tags: string[]; // to suggest
  filtered: string[]; // the tags that the list is filtered by
  begun: () => Draft; // before a reload, or before the user went to another page
  onType: (draft: Draft) => void;
  onAdd: (task: Task) => Promise<Operation | undefined>;
  onDismiss: (key: string) => void;
};

export function NewTask({ tags, filtered, begun, onType, onAdd, onDismiss }: Props) {
  const [draft, setDraft] = useState(EMPTY);
  const [isOpen, setOpen] = useState(false);
  const [problem, setProblem] = useState<string>();
  const field = useRef<HTMLInputElement>(null); // it has the text: a state loses early text
  const id = useId();
  const hydrated = useHydrated();
  const today = useToday();
  const { task, found } = readDraft(draft, today, isBegun(draft) ? filtered : []);
  const chips = [...(isOpen ? [] : toChips(draft.chosen)), ...found];
  const heard = useAfterPause(chips.map((chip) => describe(chip, today)).join(", "));
  const wrongLength = (task.title.trim() && describeLength(task.title)) ?? "";
  const tooLong = useAfterPause(wrongLength) && wrongLength;

  const change = (changes: Partial<Draft>) => keep({ ...draft, ...changes });

  function keep(next: Draft) {
    setProblem(undefined);
    setDraft(next);
    onType(next);
  }

  /** A chosen date or priority counts. A word for another one stays in the title. */
  function choose(changes: Partial<Details>) {
    const isChosen = (name: string) => name !== "tags" && name in changes;
    const typed = found.find(({ details }) => Object.keys(details).some(isChosen));
    change({ chosen: { ...draft.chosen, ...changes }, ...typed?.without });
  }

  function write(next: Draft, reason?: string) {
    if (field.current) field.current.value = next.text;
    keep(next);
    setProblem(reason);
  }

  const takeUp = useEffectEvent(() => {
    const before = begun();
    write({ ...before, text: field.current?.value || before.text }); // early text wins
  });
  useLayoutEffect(() => takeUp(), []);
  // On a phone, the form stays in view only while its details are closed.
  useLayoutEffect(() => {
    if (isOpen) field.current?.scrollIntoView({ block: "nearest" });
  }, [isOpen]);

  async function submit() {
    if (!task.title) {
      setProblem("Write a title too.");
      return focusNewTask();
    }
    const adding = onAdd(task); // if it throws, the text stays
    write(EMPTY);
    const refused = await adding;
    // Put the text back for editing. If the user is typing the next title, the row keeps it.
    if (refused?.problem?.status !== 400 || field.current?.value !== "") return;
    onDismiss(refused.key);
    write(draft, describeLength(task.title) ?? explain(refused.problem));
    focusNewTask();
  }

  return (
    <form
      className="new"
      method="post"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <label htmlFor="new-task" className="hidden">
        New task
      </label>
      <input
        id="new-task"
        ref={field}
        dir="auto"
        onChange={({ target: { value: text } }) =>
          change(text ? { text } : { ...EMPTY, chosen: draft.chosen })
        }
        onKeyDown={({ key, currentTarget }) => key === "Escape" && currentTarget.blur()}
        placeholder="What needs to be done?"
        autoComplete="off"
        enterKeyHint="done"
        required
        aria-invalid={Boolean(problem || tooLong)}
        aria-describedby="new-task-problem"
      />
      <button
        type="button"
        className="quiet"
        aria-label="Details"
        aria-expanded={isOpen}
        aria-controls={id}
        title="Due date, priority and tags"
        onClick={() => setOpen(!isOpen)}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M1 5h7m4 0h3M1 11h3m4 0h7" />
          <circle cx="10" cy="5" r="2" />
          <circle cx="6" cy="11" r="2" />
        </svg>
        <span>Details</span>
      </button>
      <button type="submit" className="primary" disabled={!hydrated}>
        Add
      </button>
      <p id="new-task-problem" className="problem" role="alert">
        {problem ?? tooLong}
      </p>
      <div
        id={id}
        hidden={!isOpen}
        onKeyDown={({ key }) => {
          if (key !== "Escape") return;
          setOpen(false);
          focusNewTask();
        }}
      >
        {isOpen && (
          <NewDetails
            id={id}
            known={tags}
            chosen={{ ...task, tags: draft.chosen.tags }} // typed tags are chips
            onChange={choose}
          />
        )}
      </div>
      {chips.length > 0 && (
        <div
          ref={(line) => line?.scrollTo({ left: line.scrollWidth })} // the last one was just typed
          className="tags"
          role="group"
          aria-label="Understood"
        >
          {chips.map((chip, index) => (
            <button
              key={index}
              type="button"
              className="tag"
              dir="auto"
              aria-label={`Take off: ${describe(chip, today)}`}
              onClick={() => {
                change(chip.without);
                focusNewTask(); // the chip disappears
              }}
            >
              {describe(chip, today)} <span aria-hidden="true">×</span>
            </button>
          ))}
        </div>
      )}
      <p className="hidden" role="status">
        {heard}
      </p>
    </form>
  );
}

/** Return a text when it stays the same for a moment, so that not each letter is announced. */
function useAfterPause(text: string): string {
  const [settled, setSettled] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

function describe({ details: { due_date, priority, tags = [] } }: Chip, today: string): string {
  if (due_date) return describeDue(due_date, today, false).text;
  return priority ? `${PRIORITY_NAMES[priority]} priority` : `#${tags.join()}`;
}
