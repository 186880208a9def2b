/** The numbers beside the filters, from `GET /api/tasks/stats`. */

import { settle } from "./api";
import type { Api } from "./api";
import type { components } from "./api-types";
import { EVERYTHING, formatQuery, toParameters } from "./query";
import type { Due, Query } from "./query";

type Stats = components["schemas"]["TaskStats"];

export type Counts = {
  statuses: Record<"all" | "active" | "completed", number>;
  dues: Record<Due, number>;
  priorities: Stats["by_priority"];
  tags: ReadonlyMap<string, number>; // of the tasks in the list; a tag may be `__proto__`
  knownTags: string[]; // of all tasks, most used first
};

/**
 * Count what each filter would show: the tasks that match all the other filters. Return undefined
 * if a request fails. Equal requests are sent once, so without a filter there are only three.
 */
export async function readCounts(
  api: Api,
  query: Query,
  signal: AbortSignal,
): Promise<Counts | undefined> {
  const sent = new Map<string, Promise<Stats | undefined>>();
  const ask = (asked: Query) => {
    const key = formatQuery(asked);
    const known = sent.get(key) ?? readStats(api, asked, signal);
    sent.set(key, known);
    return known;
  };
  const base: Query = { ...query, sort: EVERYTHING.sort };
  const [statuses, today, overdue, priorities, tags, all] = await Promise.all([
    ask({ ...base, status: "all" }),
    ask({ ...base, due: "today" }),
    ask({ ...base, due: "overdue" }),
    ask({ ...base, priority: [] }),
    ask(base),
    ask(EVERYTHING),
  ]);
  if (!statuses || !today || !overdue || !priorities || !tags || !all) return undefined;
  const { total, active, completed } = statuses;
  return {
    statuses: { all: total, active, completed },
    dues: { today: today.total, overdue: overdue.total },
    priorities: priorities.by_priority,
    tags: new Map(Object.entries(tags.by_tag)),
    knownTags: Object.keys(all.by_tag),
  };
}

async function readStats(api: Api, query: Query, signal: AbortSignal) {
  const { sort: _, ...filters } = toParameters(query);
  const outcome = await settle(
    api.GET("/api/tasks/stats", { params: { query: filters }, signal }),
  );
  return "problem" in outcome ? undefined : outcome.data;
}
