import { useRef, useState } from "react";
import { focusNewTask } from "@/lib/focus";
import type { Operation } from "@/lib/list";

type Props = {
  onAdd: (title: string) => Promise<Operation | undefined>;
  onDismiss: (key: string) => void;
};

export function NewTask({ onAdd, onDismiss }: Props) {
  const [title, setTitle] = useState("");
  const [problem, setProblem] = useState<string>();
  const field = useRef<HTMLInputElement>(null);

  async function submit() {
    setTitle("");
    setProblem(undefined);
    const refused = await onAdd(title);
    // Put the text back for editing. If the user is typing the next title, the row keeps it.
    if (refused?.problem?.status !== 400 || field.current?.value) return;
    onDismiss(refused.key);
    setTitle(title);
    setProblem(refused.problem.fields.title ?? refused.problem.detail);
    focusNewTask();
  }

  return (
    <form
      className="new"
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
        value={title}
        onChange={(event) => {
          setTitle(event.target.value);
          setProblem(undefined);
        }}
        placeholder="What needs to be done?"
        autoComplete="off"
        enterKeyHint="done"
        required
        aria-invalid={Boolean(problem)}
        aria-describedby="new-task-problem"
      />
      <button type="submit" className="primary">
        Add
      </button>
      <p id="new-task-problem" className="problem" role="alert">
        {problem}
      </p>
    </form>
  );
}
