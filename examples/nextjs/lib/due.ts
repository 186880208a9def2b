/** Due dates in words. A due date is a calendar date of the user's own time zone. */

import { useSyncExternalStore } from "react";

const DAY_MS = 86_400_000;
const NEAR: Record<number, string> = { 0: "Today", 1: "Tomorrow", [-1]: "Yesterday" };

export type Due = { text: string; state: "overdue" | "today" | "later" };

export function describeDue(due: string, today: string, completed: boolean): Due {
  const days = Math.round((Date.parse(due) - Date.parse(today)) / DAY_MS);
  const date = formatDate(due, today);
  if (completed) return { text: date, state: "later" };
  return { text: NEAR[days] ?? date, state: days < 0 ? "overdue" : days === 0 ? "today" : "later" };
}

/** Format a date or time like "24 Dec", with the year if it is not this year. */
export function formatDate(value: string, today: string): string {
  const year = value.slice(0, 4) === today.slice(0, 4) ? undefined : "numeric";
  const timeZone = value.length === today.length ? "UTC" : undefined; // a date has no time zone
  return new Date(value).toLocaleDateString("en-GB", { day: "numeric", month: "short", year, timeZone });
}

/** Return today's date, also on a page that stays open over midnight. */
export function useToday(): string {
  return useSyncExternalStore(subscribe, () => localDate(), () => "1970-01-01");
}

function subscribe(listener: () => void) {
  const timer = setInterval(listener, 60_000);
  document.addEventListener("visibilitychange", listener);
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", listener);
  };
}

/** Return the date some days after another one. */
export function addDays(date: string, days: number): string {
  return new Date(Date.parse(date) + days * DAY_MS).toISOString().slice(0, 10);
}

/** Return the local date as YYYY-MM-DD. */
export function localDate(): string {
  const date = new Date();
  const two = (value: number) => `${value}`.padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
