import { useEffectEvent, useLayoutEffect, useRef, useState } from "react";
import type { Counts } from "@/lib/counts";
import { DUE_NAMES, PRIORITY_NAMES } from "@/lib/messages";
import { DUES, PRIORITIES, SORTS, STATUSES, formatQuery, isPossible, toggled } from "@/lib/query";
import type { Query, Sort } from "@/lib/query";

type Props = { query: Query; onChange: (query: Query) => void };

const STATUS_NAMES = { all: "All", active: "Active", completed: "Completed" };
const MAX_SEARCH = 200;
const FEW_TAGS = 2; // they fit beside the priorities

type CountedProps = Props & { counts?: Counts };

export type SearchProps = CountedProps & {
  onSearch: (text: string) => void;
  busy: boolean;
};

export function Search({ query, counts, onSearch, onChange, busy }: SearchProps) {
  const field = useRef<HTMLInputElement>(null);
  const keepEarlyText = useEffectEvent(() => {
    const typed = field.current?.value; // before the scripts of the page ran
    if (typed && typed !== query.q) onSearch(typed);
  });
  useLayoutEffect(() => keepEarlyText(), []);

  return (
    <search className="find">
      <div className="search" data-busy={busy}>
        <label htmlFor="search" className="hidden">
          Search
        </label>
        <input
          ref={field}
          id="search"
          dir="auto"
          type="search"
          value={query.q}
          maxLength={MAX_SEARCH}
          placeholder="Search"
          autoComplete="off"
          onChange={(event) => onSearch(event.target.value)}
          onKeyDown={({ key, currentTarget }) => {
            if (key === "Escape" && !query.q) currentTarget.blur();
            else if (key === "Escape") onSearch("");
          }}
        />
        {query.q && (
          <button
            type="button"
            className="clear"
            aria-label="Clear"
            onClick={() => {
              onSearch("");
              field.current?.focus(); // the button disappears
            }}
          >
            ×
          </button>
        )}
      </div>
      <label htmlFor="sort" className="hidden">
        Sort
      </label>
      <select
        id="sort"
        value={query.sort}
        onChange={(event) => onChange({ ...query, sort: event.target.value as Sort })}
      >
        {Object.entries(SORTS).map(([sort, name]) => (
          <option key={sort} value={sort}>
            {name}
          </option>
        ))}
      </select>
      <div className="chips" role="group" aria-label="Due">
        {DUES.map((due) => (
          <button
            key={due}
            type="button"
            aria-pressed={query.due === due}
            disabled={!isPossible(due, query.status)}
            onClick={() => onChange({ ...query, due: query.due === due ? undefined : due })}
          >
            {DUE_NAMES[due]}{" "}
            {isPossible(due, query.status) && <Count value={counts?.dues[due]} />}
          </button>
        ))}
      </div>
    </search>
  );
}

export function Tabs({ query, counts, onChange }: CountedProps) {
  return (
    <nav className="tabs" aria-label="Status">
      {STATUSES.map((status) => (
        <a
          key={status}
          href={`?${formatQuery({ ...query, status })}`}
          aria-current={status === query.status ? "page" : undefined}
          onClick={(event) => {
            if (event.metaKey || event.ctrlKey || event.shiftKey) return;
            event.preventDefault();
            onChange({ ...query, status });
          }}
        >
          {STATUS_NAMES[status]} <Count value={counts?.statuses[status]} />
        </a>
      ))}
    </nav>
  );
}

/** The filters for priority and tag. Each shows how many tasks it would leave. */
export function Chips({ query, counts, onChange }: CountedProps) {
  const [showsAll, setShowsAll] = useState(false);
  const found = [...(counts?.tags.keys() ?? [])].filter((tag) => !query.tag.includes(tag));
  const tags = [...query.tag, ...found];
  const shown = showsAll ? tags : tags.slice(0, Math.max(FEW_TAGS, query.tag.length));
  return (
    <div className="chips" role="group" aria-label="Filter" data-all={showsAll}>
      {PRIORITIES.map((priority) => (
        <button
          key={priority}
          type="button"
          aria-pressed={query.priority.includes(priority)}
          onClick={() => onChange({ ...query, priority: toggled(query.priority, priority) })}
        >
          {PRIORITY_NAMES[priority]} <Count value={counts?.priorities[priority]} />
        </button>
      ))}
      {shown.map((tag) => (
        <button
          key={tag}
          type="button"
          aria-pressed={query.tag.includes(tag)}
          onClick={() => onChange({ ...query, tag: toggled(query.tag, tag) })}
        >
          <bdi>#{tag}</bdi> <Count value={counts?.tags.get(tag) ?? 0} />
        </button>
      ))}
      {tags.length > FEW_TAGS && (
        <button type="button" aria-expanded={showsAll} onClick={() => setShowsAll(!showsAll)}>
          {showsAll ? "Fewer tags" : "All tags"}
        </button>
      )}
    </div>
  );
}

/** A number that keeps its place while it is not known. */
function Count({ value }: { value?: number }) {
  return <span className="count">{value}</span>;
}
