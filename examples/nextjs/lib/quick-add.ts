/** What a typed title says about its task: `tomorrow`, `!high`, `#home`. */

import type { Task } from "./api";
import { addDays } from "./due";
import { PRIORITIES, toTag } from "./query";

export type Details = Pick<Task, "due_date" | "priority" | "tags">;

/** What the user has typed and chosen, and the words that stay in the title. */
export type Draft = { text: string; chosen: Details; kept: string[] };

/** A detail, and what changes in the draft when the user takes it off. */
export type Chip = { details: Partial<Details>; without: Partial<Draft> };

const PLAIN: Details = { due_date: null, priority: "medium", tags: [] };
export const EMPTY: Draft = { text: "", chosen: PLAIN, kept: [] };

const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const OTHER_DAY = /^(every|last|next|this)$/i; // before a weekday
const DATE = /^\d{4}-\d\d-\d\d$/;
const TAG = /^[#＃]([\p{N}_-]*\p{L}[\p{L}\p{M}\p{N}\p{Cf}_-]*)$/u; // not the number of an issue

/** Read a task from a draft. The last date and priority count, unless others were chosen. */
export function readDraft({ text, chosen, kept }: Draft, today: string) {
  const words = text.trim().split(/\s+/);
  const found: Chip[] = [];
  let { due_date, priority } = chosen;
  for (let index = words.length - 1; index >= 0; index -= 1) {
    const [word = "", before = ""] = [words[index], words[index - 1]];
    const details = kept.includes(word) ? undefined : readWord(word, before, today);
    const isTaken = details?.due_date ? due_date : details?.priority && priority !== PLAIN.priority;
    if (!details || isTaken) continue;
    found.unshift({ details, without: { kept: [...kept, word] } });
    ({ due_date, priority } = { due_date, priority, ...details });
    const hasPreposition = details.due_date && isPreposition(before, word);
    if (hasPreposition) index -= 1;
    words.splice(index, hasPreposition ? 2 : 1);
  }
  if (words.length === 0 || found.length === 0) return { task: { ...chosen, title: text }, found: [] };
  const tags = [...chosen.tags, ...found.flatMap(({ details }) => details.tags ?? [])];
  return { task: { title: words.join(" "), due_date, priority, tags: [...new Set(tags)] }, found };
}

/** Return a chip for each detail that was chosen. */
export function toChips(chosen: Details): Chip[] {
  const chip = (details: Partial<Details>, rest: Partial<Details>) => ({
    details,
    without: { chosen: { ...chosen, ...rest } },
  });
  const { due_date, priority, tags } = chosen;
  const chips = tags.map((tag) => chip({ tags: [tag] }, { tags: tags.filter((each) => each !== tag) }));
  if (priority !== PLAIN.priority) chips.unshift(chip({ priority }, { priority: PLAIN.priority }));
  if (due_date) chips.unshift(chip({ due_date }, { due_date: null }));
  return chips;
}

function readWord(word: string, before: string, today: string): Partial<Details> | undefined {
  const text = word.toLowerCase();
  const [, tag] = TAG.exec(word) ?? [];
  const weekday = OTHER_DAY.test(before) ? -1 : WEEKDAYS.indexOf(text);
  const priority = PRIORITIES.find((known) => text === `!${known}`);
  if (tag) return { tags: [toTag(tag)] };
  if (priority) return { priority };
  if (text === "today") return { due_date: today };
  if (text === "tomorrow") return { due_date: addDays(today, 1) };
  if (weekday >= 0) return { due_date: nextWeekday(weekday, today) };
  return isDate(word) ? { due_date: word } : undefined;
}

/** Return the next such day. On a Friday, that of `friday` is a week later. */
function nextWeekday(weekday: number, today: string): string {
  const tomorrow = addDays(today, 1);
  return addDays(tomorrow, (weekday - new Date(tomorrow).getUTCDay() + 7) % 7);
}

function isDate(word: string): boolean {
  // The browser reads 30 February as 2 March.
  return DATE.test(word) && !Number.isNaN(Date.parse(word)) && addDays(word, 0) === word;
}

/** Nobody says "on today", but "Turn it on today". */
function isPreposition(before: string, day: string): boolean {
  return /^by$/i.test(before) || (/^on$/i.test(before) && !/^to/i.test(day));
}
