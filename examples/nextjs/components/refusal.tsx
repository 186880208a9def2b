import type { Operation } from "@/lib/list";
import { describeRefused } from "@/lib/messages";
import type { TaskStore } from "@/lib/store";
import { Reason } from "./reason";
import { Sentence } from "./sentence";

type Props = { operation: Operation; store: TaskStore; wide?: boolean };

/** Why an operation was refused, and what to do. A wide one names the task. */
export function Refusal({ operation, store, wide = false }: Props) {
  const { key, kind, problem } = operation;
  if (!problem || problem.status === 401) return null;
  return (
    <div className={wide ? "failed" : "refusal"} dir="ltr">
      <p className="problem" role="alert">
        <Sentence text={describeRefused(operation, !wide)} /> <Reason problem={problem} />
      </p>
      <div>
        <button type="button" onClick={() => void store.retry(operation)}>
          Try again
        </button>
        <button type="button" onClick={() => store.dismiss(key)}>
          {kind === "create" ? "Discard" : "Dismiss"}
        </button>
      </div>
    </div>
  );
}
