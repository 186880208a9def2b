/** Which tasks the list shows, and in which order. It is part of the URL. */

import type { Task } from "./api";
import type { operations } from "./api-types";
import { addDays, localDate } from "./due";

type ListParameters = NonNullable<operations["listTasks"]["parameters"]["query"]>;
export type Status = "all" | "active" | "completed" | "deleted";
export type Priority = Task["priority"];
export type Due = (typeof DUES)[number];
export type Sort = NonNullable<ListParameters["sort"]>;
export type Query = {
  status: Status;
  q: string;
  due: Due | undefined; // a word and not a date, so that a bookmark stays right
  priority: Priority[];
  tag: string[];
  sort: Sort;
};

export const STATUSES = ["all", "active", "completed"] as const;
export const DUES = ["today", "overdue"] as const;
export const PRIORITIES = ["high", "medium", "low"] as const;
export const SORTS: Partial<Record<Sort, string>> = {
  "-created_at": "Newest first",
  created_at: "Oldest first",
  position: "My order",
  due_date: "Due first",
  "-due_date": "Due last",
  "-priority": "High priority first",
  priority: "Low priority first",
  title: "Title, A to Z",
  "-title": "Title, Z to A",
  "-updated_at": "Last changed first",
  updated_at: "Longest unchanged first",
};
const DEFAULT_SORT = "-created_at";
export const BY_HAND: Sort = "position";

export const EVERYTHING: Query = {
  status: "all",
  q: "",
  due: undefined,
  priority: [],
  tag: [],
  sort: DEFAULT_SORT,
};
export const TRASH: Query = { ...EVERYTHING, status: "deleted", sort: "-updated_at" };

/** Read a query from the part of a URL after `?`. Invalid values are ignored. */
export function parseQuery(search: string): Query {
  const values = new URLSearchParams(search);
  const sort = values.get("sort") ?? "";
  return {
    status: STATUSES.find((known) => known === values.get("status")) ?? "all",
    q: values.get("q") ?? "",
    due: DUES.find((known) => known === values.get("due")),
    priority: PRIORITIES.filter((known) => values.getAll("priority").includes(known)),
    tag: [...new Set(values.getAll("tag").map(toTag))],
    sort: isSort(sort) ? sort : DEFAULT_SORT,
  };
}

/** Write a tag as the service stores it: in NFC, in lower case, and a Turkish capital i as i. */
export function toTag(typed: string): string {
  const lower = typed.normalize("NFC").trim().toLowerCase();
  return lower.replace(/i\u0307+/g, "i").normalize("NFC");
}

function isSort(value: string): value is Sort {
  return Object.hasOwn(SORTS, value);
}

/** Write a query for a URL. Equal queries give equal texts; defaults are left out. */
export function formatQuery({ status, q, due, priority, tag, sort }: Query): string {
  const values = new URLSearchParams();
  if (status !== "all") values.set("status", status);
  if (q) values.set("q", q);
  if (due && isPossible(due, status)) values.set("due", due);
  for (const each of PRIORITIES) if (priority.includes(each)) values.append("priority", each);
  for (const each of tag) values.append("tag", each);
  if (sort !== DEFAULT_SORT) values.set("sort", sort);
  return values.toString();
}

export function toUrl(path: string, query: string): string {
  return query ? `${path}?${query}` : path;
}

/** No completed task is overdue. */
export function isPossible(due: Due, status: Status): boolean {
  return due !== "overdue" || status !== "completed";
}

/** Return the query parameters of the service. Days are those of the user. */
export function toParameters({ q, due, ...query }: Query, today = localDate()) {
  const dates = {
    today: { due_after: today, due_before: today },
    overdue: { due_before: addDays(today, -1), status: "active" as const },
  };
  return { ...query, ...(q.trim() && { q: q.trim() }), ...(due && dates[due]) };
}

export function toggled<T>(values: T[], value: T): T[] {
  return values.includes(value) ? values.filter((each) => each !== value) : [...values, value];
}

/** Return whether the list may lack tasks, by its status or a filter. */
export function isNarrowed(query: Query): boolean {
  return query.status !== "all" || isFiltered(query);
}

export function isFiltered(query: Query): boolean {
  return countFilters(query) > 0;
}

/** Return how many filters are set, without the status. */
export function countFilters({ q, due, priority, tag }: Query): number {
  return Number(q.trim() !== "") + Number(due !== undefined) + priority.length + tag.length;
}

/** Return whether a task belongs in the list, apart from the text of the search. */
export function matches(task: Task, query: Query, today = localDate()): boolean {
  const { status, due, priority, tag } = query;
  if ((task.deleted_at !== null) !== (status === "deleted")) return false;
  if (status === "active" && task.completed) return false;
  if (status === "completed" && !task.completed) return false;
  if (due === "today" && task.due_date !== today) return false;
  if (due === "overdue" && (task.completed || !task.due_date || task.due_date >= today)) return false;
  if (priority.length > 0 && !priority.includes(task.priority)) return false;
  return tag.every((each) => task.tags.includes(each));
}

/** Return whether a task contains the text of the search, as far as the browser can tell. */
export function contains({ title, description }: Task, { q }: Query): boolean {
  return fold(`${title}\n${description ?? ""}`).includes(fold(q.trim()));
}

function fold(text: string): string {
  return text.normalize("NFC").toLowerCase();
}
