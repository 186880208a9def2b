import { focusSearch } from "@/lib/focus";
import { NOTHING } from "@/lib/messages";
import { EVERYTHING, isFiltered } from "@/lib/query";
import type { Query } from "@/lib/query";
import { Sentence } from "./sentence";

/** Why the list is empty, and a way out. */
export function Empty({ query, onChange }: { query: Query; onChange: (query: Query) => void }) {
  if (!isFiltered(query)) {
    return (
      <>
        <p>{NOTHING[query.status]}</p>
        {query.status === "all" && <p className="lead">For example: Call Ben tomorrow #home !high</p>}
      </>
    );
  }
  const { q, due, priority, tag, status } = query;
  const search = q.trim() && `contain “${q.trim()}”`;
  const parts = [
    search,
    status !== "all" && `are ${status}`,
    due && `are ${due === "today" ? "due today" : due}`,
    priority.length > 0 && `have ${priority.join(" or ")} priority`,
    tag.length > 0 && `have the tag ${tag.join(" and ")}`,
  ];
  const set = parts.filter(Boolean);
  return (
    <>
      <p>
        <Sentence text={`No tasks ${set.join(" and ")}.`} />
      </p>
      <button
        type="button"
        className="more"
        onClick={() => {
          onChange({ ...EVERYTHING, sort: query.sort });
          focusSearch();
        }}
      >
        {search && set.length === 1 ? "Clear the search" : "Clear the filters"}
      </button>
    </>
  );
}
