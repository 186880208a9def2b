import { useEffect, useEffectEvent, useLayoutEffect, useRef, useState } from "react";
import type { Counts } from "@/lib/counts";
import { focusStatus, moveFocus } from "@/lib/focus";
import { DUE_NAMES, PRIORITY_NAMES } from "@/lib/messages";
import { DUES, PRIORITIES, SORTS, STATUSES, countFilters, formatQuery, isPossible, toggled } from "@/lib/query";
import type { Query, Sort } from "@/lib/query";

type Props = { query: Query; onChange: (query: Query) => void };

const STATUS_NAMES = { all: "All", active: "Active", completed: "Completed" };
const MAX_SEARCH = 200;
const FEW_TAGS = 2; // they fit beside the others

type CountedProps = Props & { counts?: Counts };

export type SearchProps = Props & {
  onSearch: (text: string) => void;
  busy: boolean;
};

export function Search({ query, onSearch, onChange, busy }: SearchProps) {
  const field = useRef<HTMLInputElement>(null);
  const isLeaving = useRef(false); // for the first result, when it is there
  const keepEarlyText = useEffectEvent(() => {
    const typed = field.current?.value; // before the scripts of the page ran
    if (typed && typed !== query.q) onSearch(typed);
  });
  useLayoutEffect(() => keepEarlyText(), []);

  useEffect(() => {
    if (!busy && isLeaving.current) leave();
  }, [busy]);

  function leave() {
    isLeaving.current = false;
    moveFocus(document.querySelector(".list"), 1);
  }

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
          onChange={(event) => {
            isLeaving.current = false;
            onSearch(event.target.value);
          }}
          onBlur={() => {
            isLeaving.current = false;
          }}
          onKeyDown={(event) => {
            const { key, nativeEvent } = event;
            if (key === "Escape" && !query.q) field.current?.blur();
            else if (key === "Escape") onSearch("");
            else if (["Enter", "ArrowDown"].includes(key) && !nativeEvent.isComposing) {
              event.preventDefault();
              isLeaving.current = busy;
              if (!busy) leave();
            }
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
      {countFilters({ ...query, q: "" }) > 0 && (
        <button
          type="button"
          className="quiet clear-filters"
          onClick={() => {
            focusStatus(); // the button disappears
            onChange({ ...query, due: undefined, priority: [], tag: [] });
          }}
        >
          Clear filters
        </button>
      )}
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

type Chip = { name: string; value?: number; isOn: boolean; change: Partial<Query> };

/**
 * The filters for due date, priority and tag that would find something, or are on. Each shows how many
 * tasks it would leave. After a click, none leaves or changes its place under the pointer.
 */
export function Chips({ query, counts, onChange }: CountedProps) {
  const [showsAll, setShowsAll] = useState(false);
  const [kept, setKept] = useState<string[]>([]); // the names of all chips at the last click
  const isShown = ({ name, value, isOn }: Chip) => isOn || Boolean(value) || kept.includes(name);

  const dues = DUES.filter((due) => isPossible(due, query.status)).map((due): Chip => {
    const isOn = query.due === due;
    const change = { due: isOn ? undefined : due };
    return { name: DUE_NAMES[due], value: counts?.dues[due], isOn, change };
  });
  const priorities = PRIORITIES.map((priority): Chip => {
    const isOn = query.priority.includes(priority);
    // A task is of medium priority unless it says otherwise: only offered by a URL.
    const value = isOn || priority !== "medium" ? counts?.priorities[priority] : undefined;
    const change = { priority: toggled(query.priority, priority) };
    return { name: PRIORITY_NAMES[priority], value, isOn, change };
  });
  const keptTags = kept.filter((name) => name.startsWith("#")).map((name) => name.slice(1));
  const allTags = new Set([...keptTags, ...query.tag, ...(counts?.tags.keys() ?? [])]);
  const tags = [...allTags].map((tag): Chip => {
    const change = { tag: toggled(query.tag, tag) };
    const value = counts && (counts.tags.get(tag) ?? 0);
    return { name: `#${tag}`, value, isOn: query.tag.includes(tag), change };
  });
  const few = tags.filter(({ isOn }, index) => showsAll || isOn || index < FEW_TAGS);
  const all = [...dues, ...priorities, ...tags].filter(isShown);

  return (
    <div className="chips" role="group" aria-label="Filter">
      {[...dues, ...priorities, ...few].filter(isShown).map(({ name, value, isOn, change }) => (
        <button
          key={name}
          type="button"
          aria-pressed={isOn}
          data-finds={value !== 0}
          onClick={() => {
            setKept(all.map((chip) => chip.name));
            onChange({ ...query, ...change });
          }}
        >
          <bdi>{name}</bdi> <span className="count">{value}</span>
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

/** A number that keeps its place while it is not known. Zero says nothing. */
function Count({ value }: { value?: number }) {
  return <span className="count">{value || undefined}</span>;
}
