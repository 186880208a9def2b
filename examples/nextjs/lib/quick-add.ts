/** What a typed title says about its task: `tomorrow`, `4 Dec`, `!high`, `#home`. */

import type { Task } from "./api";
import { addDays } from "./due";
import { PRIORITIES, toTag } from "./query";

export type Details = Pick<Task, "due_date" | "priority" | "tags">;

/**
 * What the user has typed and chosen, the words that stay in the title, and the tags of the filter
 * that the user does not want.
 */
export type Draft = { text: string; chosen: Details; kept: string[]; unwanted?: string[] };

/** A detail, and what changes in the draft when the user takes it off. */
export type Chip = { details: Partial<Details>; without: Partial<Draft> };

const PLAIN: Details = { due_date: null, priority: "medium", tags: [] };
export const EMPTY: Draft = { text: "", chosen: PLAIN, kept: [], unwanted: [] };

/** Return whether the user would lose something with this draft. */
export function isBegun({ text, chosen }: Draft): boolean {
  return text !== "" || toChips(chosen).length > 0;
}

const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS = [
  "january february march april may june",
  "july august september october november december",
].flatMap((half) => half.split(" "));
const MOST_WORDS = 3; // of a date
const NO_DAY = /^(a|every|in|last|next|of|some|the|this)$/i; // before a weekday
const DATE = /^\d{4}-\d\d-\d\d$/;
const TAG = /^[#＃]([\p{N}_-]*\p{L}[\p{L}\p{M}\p{N}\p{Cf}_-]*)$/u; // not the number of an issue

/**
 * Read a task from a draft. It also gets the tags that the list is filtered by, or the filter would
 * hide it.
 */
export function readDraft(draft: Draft, today: string, filtered: string[] = []) {
  const { task, found } = readText(draft, today);
  const { unwanted = [] } = draft;
  const given = filtered.filter((tag) => !task.tags.includes(tag) && !unwanted.includes(tag));
  const chips = given.map((tag): Chip => {
    return { details: { tags: [tag] }, without: { unwanted: [...unwanted, tag] } };
  });
  return { task: { ...task, tags: [...task.tags, ...given] }, found: [...chips, ...found] };
}

/**
 * Read what is typed and chosen. The last date and priority count, unless others were chosen. The
 * title is empty if all of the text is details.
 */
function readText({ text, chosen, kept }: Draft, today: string) {
  const words = text.trim().split(/\s+/);
  const found: Chip[] = [];
  let { due_date, priority } = chosen;
  let isLast = true; // no word of the title follows
  for (let end = words.length; end > 0; end -= 1) {
    const read = readEnd(words.slice(0, end), { kept, today, isLast });
    const { details = {}, phrase = "", start = end } = read ?? {};
    const isTaken = details.due_date ? due_date : details.priority && priority !== PLAIN.priority;
    const isKept = kept.includes(words[end - 1] ?? "");
    isLast &&= (Boolean(read) || isKept) && !isTaken;
    if (!read || isTaken) continue;
    found.unshift({ details, without: { kept: [...kept, phrase] } });
    ({ due_date, priority } = { due_date, priority, ...details });
    const hasPreposition = details.due_date && isPreposition(words[start - 1] ?? "", phrase);
    const first = hasPreposition ? start - 1 : start;
    words.splice(first, end - first);
    end = first + 1;
  }
  if (found.length === 0) return { task: { ...chosen, title: text }, found };
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

type Context = { kept: string[]; today: string; isLast: boolean };

/** Read the last words that say something, as many as belong together. */
function readEnd(words: string[], { kept, today, isLast }: Context) {
  for (let start = Math.max(words.length - MOST_WORDS, 0); start < words.length; start += 1) {
    const [phrase, before = ""] = [words.slice(start).join(" "), words[start - 1]];
    if (kept.includes(phrase)) continue;
    const isFirst = start === 0 && /^to(day|morrow)$/i.test(phrase);
    // Elsewhere, it is a word of the title: "Watch Friday night lights".
    const mayBeDate = isLast || isFirst || isPreposition(before, phrase);
    const due_date = mayBeDate && readDate(phrase.toLowerCase(), before, today);
    const details = due_date ? { due_date } : readWord(phrase);
    if (details) return { details, phrase, start };
  }
  return undefined;
}

function readWord(word: string): Partial<Details> | undefined {
  const [, tag] = TAG.exec(word) ?? [];
  if (tag) return { tags: [toTag(tag)] };
  const priority = PRIORITIES.find((known) => word.toLowerCase() === `!${known}`);
  return priority && { priority };
}

function readDate(text: string, before: string, today: string): string | undefined {
  if (text === "today") return today;
  if (text === "tomorrow") return addDays(today, 1);
  if (isDate(text)) return text;
  const [, next = ""] = /^next (\w+)$/.exec(text) ?? [];
  const [, amount, unit] = /^in ([1-9]\d?) (day|week)s?$/.exec(text) ?? [];
  const monday = nextWeekday(1, today); // of next week
  if (next === "week") return monday;
  if (indexOf(WEEKDAYS, next) >= 0) return addDays(monday, (indexOf(WEEKDAYS, next) + 6) % 7);
  if (amount) return addDays(today, Number(amount) * (unit === "week" ? 7 : 1));
  const weekday = NO_DAY.test(before) ? -1 : indexOf(WEEKDAYS, text);
  return weekday >= 0 ? nextWeekday(weekday, today) : readDayAndMonth(text, today);
}

/** Read `4 Dec`, `Dec 4` or `4 Dec 2027`. Without a year, it is the next such day. */
function readDayAndMonth(text: string, today: string): string | undefined {
  const [, day = "", name = "", year] =
    /^(\d\d?) ([a-z]+)(?: (\d{4}))?$/.exec(text.replace(/^([a-z]+) (\d\d?)(?= |$)/, "$2 $1")) ?? [];
  const thisYear = Number(today.slice(0, 4));
  const month = `${indexOf(MONTHS, name) + 1}`.padStart(2, "0");
  return (year ? [year] : [thisYear, thisYear + 1])
    .map((each) => `${each}-${month}-${day.padStart(2, "0")}`)
    .find((date) => isDate(date) && (year || date >= today));
}

/** Return the index of a name, which may be short: `fri`, `thurs`, `dec`. */
function indexOf(names: string[], text: string): number {
  return text.length < 3 ? -1 : names.findIndex((name) => name.startsWith(text));
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

/** Nobody says "on today" or "on next week", but "Turn it on today". */
function isPreposition(before: string, day: string): boolean {
  return /^(by|due|until)$/i.test(before) || (/^on$/i.test(before) && !/^(to|next |in )/i.test(day));
}
