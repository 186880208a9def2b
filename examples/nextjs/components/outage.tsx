import { LIST, leaveControl, useFocusWhenClosed } from "@/lib/focus";
import { isWaiting } from "@/lib/list";
import type { State } from "@/lib/list";
import { count } from "@/lib/messages";
import type { TaskStore } from "@/lib/store";

/** What an outage means, and a way to send again all that it refused. */
export function Outage({ store, state }: { store: TaskStore; state: State }) {
  const { problem, ids } = state;
  const isEmpty = problem !== undefined && ids.length === 0; // the list says why
  const isOffline = state.offline && !isEmpty;
  const waiting = state.operations.filter(isWaiting);
  const isMany = waiting.length > 1;
  const wait = isMany ? "wait" : "waits";
  const what = waiting.length > 0 ? `${count(waiting, "change")} ${wait}` : "changes will wait";
  useFocusWhenClosed(isMany, LIST);

  function retryAll() {
    leaveControl(LIST.current); // the button disappears
    store.retryAll();
  }

  return (
    <div className="outage">
      <p role="status">
        {isOffline && "Offline · "}
        {(isOffline || isMany) && `${what} in this tab`}
      </p>
      {isMany && (
        <button
          type="button"
          className="primary"
          aria-label="Try again: all changes"
          onClick={retryAll}
        >
          Try again
        </button>
      )}
    </div>
  );
}
