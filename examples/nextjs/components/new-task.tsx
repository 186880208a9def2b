import { useRef, useState } from "react";
import { focusNewTask } from "@/lib/focus";
import type { Operation } from "@/lib/list";
import { explain } from "@/lib/messages";
import { useHydrated } from "@/lib/use-hydrated";

type Props = {
  onAdd: (title: string) => Promise<Operation | undefined>;
  onDismiss: (key: string) => void;
};

export function NewTask({ onAdd, onDismiss }: Props) {
  const [problem, setProblem] = useState<string>();
  const field = useRef<HTMLInputElement>(null); // a state loses early text
  const hydrated = useHydrated();

  async function submit(input: HTMLInputElement) {
    const title = input.value;
    const adding = onAdd(title); // if it throws, the text stays
    input.value = "";
    setProblem(undefined);
    const refused = await adding;
    // Put the text back for editing. If the user is typing the next title, the row keeps it.
    if (refused?.problem?.status !== 400 || input.value) return;
    onDismiss(refused.key);
    input.value = title;
    setProblem(explain(refused.problem));
    focusNewTask();
  }

  return (
    <form
      className="new"
      method="post"
      onSubmit={(event) => {
        event.preventDefault();
        if (field.current) void submit(field.current);
      }}
    >
      <label htmlFor="new-task" className="hidden">
        New task
      </label>
      <input
        id="new-task"
        ref={field}
        onChange={() => setProblem(undefined)}
        placeholder="What needs to be done?"
        autoComplete="off"
        enterKeyHint="done"
        required
        aria-invalid={Boolean(problem)}
        aria-describedby="new-task-problem"
      />
      <button type="submit" className="primary" disabled={!hydrated}>
        Add
      </button>
      <p id="new-task-problem" className="problem" role="alert">
        {problem}
      </p>
    </form>
  );
}
