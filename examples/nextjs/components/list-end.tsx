import type { ReactNode, RefObject } from "react";
import { useFocusAfterLoading } from "@/lib/focus";
import type { Row, State } from "@/lib/list";
import { count } from "@/lib/messages";
import type { TaskStore } from "@/lib/store";
import { Reason } from "./reason";

type Props = {
  list: RefObject<HTMLUListElement | null>;
  store: TaskStore;
  state: State;
  rows: Row[];
  isLoaded: boolean;
  failure?: string;
  children: ReactNode; // what to say if the list is empty
};

/** What follows the rows: the rest of the list, why it is empty, or why it could not be loaded. */
export function ListEnd(props: Props) {
  const { list, store, state, rows, isLoaded, children } = props;
  const { failure = "Your tasks could not be loaded." } = props;
  const { loading, problem, cursor } = state;
  const keepFocus = useFocusAfterLoading(list, {
    loading,
    failed: Boolean(problem),
    keys: rows.map(({ key }) => key),
  });
  if (problem && problem.status !== 401) {
    return (
      <div className="failed" role="alert">
        <p>
          {failure} <Reason problem={problem} />
        </p>
        <button
          type="button"
          className="primary"
          data-control="load"
          onClick={() => {
            keepFocus();
            store.reload();
          }}
        >
          Try again
        </button>
      </div>
    );
  }
  if (rows.length === 0) {
    if (isLoaded && !cursor) return <div className="empty">{children}</div>;
    if (!problem && !cursor) return <Skeleton />;
  }
  if (!cursor || problem) return null;
  return (
    <button
      type="button"
      className="more"
      data-control="load"
      aria-disabled={loading} // not `disabled`, which would drop the focus
      onClick={() => {
        if (loading) return;
        keepFocus((loaded) => store.say({ text: `Loaded ${count(Array(loaded), "more task")}.` }));
        store.loadMore();
      }}
    >
      {loading ? "Loading…" : "Load more"}
    </button>
  );
}

function Skeleton() {
  return (
    <div className="skeleton">
      <span className="hidden" role="status">
        Loading tasks
      </span>
      <div />
      <div />
      <div />
    </div>
  );
}
