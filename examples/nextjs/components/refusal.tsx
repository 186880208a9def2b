import { focusSignIn } from "@/lib/focus";
import { isEdit, isSentLater } from "@/lib/list";
import type { Operation } from "@/lib/list";
import { describeRefused } from "@/lib/messages";
import type { Typed } from "@/lib/messages";
import type { TaskStore } from "@/lib/store";
import { Reason } from "./reason";
import { Sentence } from "./sentence";

type Props = { operation: Operation; store: TaskStore; wide?: boolean };

/** Why an operation was refused or waits, and what to do. A wide one names the task. */
export function Refusal({ operation, store, wide = false }: Props) {
  const { key, problem } = operation;
  const typed = typedIn(operation);
  if (!problem) return null;
  if (problem.status === 401) {
    return (
      <div className="refusal" dir="ltr">
        <p className="problem">Not saved yet. Sign in to save it.</p>
        <button type="button" onClick={focusSignIn}>
          Go to sign-in
        </button>
      </div>
    );
  }
  const waits = isSentLater(operation);

  function discard() {
    if (typed) store.discard(typed, key);
    else if (waits) store.giveUp(operation);
    else store.dismiss(key);
  }

  const text = <Sentence text={describeRefused(operation, !wide)} />;
  return (
    <div className={wide ? "failed" : "refusal"} dir="ltr" data-waits={waits}>
      {waits ? (
        <p>{text}</p>
      ) : (
        <p className="problem" role="alert">
          {text} <Reason problem={problem} />
        </p>
      )}
      <div>
        <button type="button" onClick={() => void store.retry(operation)}>
          Try again
        </button>
        <button type="button" onClick={discard}>
          {typed || waits ? "Discard" : "Dismiss"}
        </button>
      </div>
    </div>
  );
}

/** Return the text of the user that would be lost with an operation. */
function typedIn(operation: Operation): Typed | undefined {
  if (operation.kind === "create") return { kind: "create", task: operation.task };
  if (!isEdit(operation)) return undefined;
  return { kind: "type", seen: operation.seen, changes: operation.changes };
}
