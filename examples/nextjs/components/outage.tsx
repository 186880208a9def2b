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
  useFocusWhenClosed(isMany, LIST);

  function retryAll() {
    leaveControl(LIST.current); // the button disappears
    store.retryAll();
  }

  return (
    <div className="outage">
      <p role="status">
        {isOffline && "The service cannot be reached. You can read what is here. "}
        {isMany && `${count(waiting, "change")} are not saved yet.`}
        {isOffline && !isMany && "Changes you make now will wait here."}
      </p>
      {isMany && (
        <button type="button" className="primary" onClick={retryAll}>
          Try all again
        </button>
      )}
    </div>
  );
}
