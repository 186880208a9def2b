import assert from "node:assert/strict";
import { test } from "node:test";
import { describeDue } from "../lib/due";
import type { Task } from "../lib/api";
import {
  contains,
  countFilters,
  EVERYTHING,
  formatQuery,
  matches,
  parseQuery,
  toParameters,
  toTag,
} from "../lib/query";
import { aTask } from "./tasks";

const TODAY = "2027-01-01";

test("a query survives the URL", () => {
  const url = "status=active&q=oat+milk&due=overdue&priority=high&priority=low&tag=home&tag=a%2Cb&sort=due_date";
  assert.equal(formatQuery(parseQuery(url)), url);
});

test("equal queries have the same URL", () => {
  assert.equal(formatQuery(parseQuery("priority=low&priority=high")), "priority=high&priority=low");
});

test("the default query has an empty URL", () => {
  assert.equal(formatQuery(EVERYTHING), "");
});

test("invalid values in a URL are ignored", () => {
  const url = "status=deleted&due=soon&priority=urgent&sort=color&sort=title&page=2";
  assert.deepEqual(parseQuery(url), EVERYTHING);
});

for (const [typed, stored] of [
  [" Cafe\u0301 ", "caf\u00e9"],
  ["\u0130zmir", "izmir"],
  ["I\u0307ZMIR", "izmir"],
  ["i\u0307\u0307zmir", "izmir"],
  ["H\u0331", "\u1e96"],
] as const) {
  test(`the tag ${JSON.stringify(typed)} is stored as ${stored}`, () => {
    assert.equal(toTag(typed), stored);
    assert.deepEqual(parseQuery(`tag=${typed}`).tag, [stored]);
  });
}

test("a search finds composed and decomposed text", () => {
  const task = { title: "Caf\u00e9", description: null } as Task;
  assert(contains(task, { ...EVERYTHING, q: "cafe\u0301" }));
});

for (const [due, expected] of [
  ["2026-12-20", { text: "20 Dec", state: "overdue" }],
  ["2026-12-23", { text: "Yesterday", state: "overdue" }],
  ["2026-12-24", { text: "Today", state: "today" }],
  ["2026-12-25", { text: "Tomorrow", state: "later" }],
  ["2027-01-02", { text: "2 Jan 2027", state: "later" }],
] as const) {
  test(`on 24 December, ${due} is: ${expected.text}`, () => {
    assert.deepEqual(describeDue(due, "2026-12-24", false), expected);
  });
}

test("a completed task is not overdue", () => {
  const expected = { text: "20 Dec", state: "later" };
  assert.deepEqual(describeDue("2026-12-20", "2026-12-24", true), expected);
});

test("the filters for due dates are days of the user for the service", () => {
  const other = toParameters(EVERYTHING);
  assert.deepEqual(toParameters({ ...EVERYTHING, due: "today" }, TODAY), {
    ...other,
    due_after: TODAY,
    due_before: TODAY,
  });
  assert.deepEqual(toParameters({ ...EVERYTHING, due: "overdue" }, TODAY), {
    ...other,
    due_before: "2026-12-31",
    status: "active",
  });
});

for (const [due_date, completed, lists] of [
  ["2026-12-31", false, ["overdue"]],
  ["2026-12-31", true, []],
  [TODAY, false, ["today"]],
  [TODAY, true, ["today"]],
  ["2027-01-02", false, []],
  [null, false, []],
] as const) {
  test(`a ${completed ? "completed" : "new"} task due ${due_date} is in: ${lists.join() || "no list"}`, () => {
    const task = aTask(1, { due_date, completed });
    const found = (["today", "overdue"] as const).filter((due) =>
      matches(task, { ...EVERYTHING, due }, TODAY),
    );
    assert.deepEqual(found, lists);
  });
}

test("no completed task is overdue, so the completed tasks have no such filter", () => {
  assert.equal(formatQuery(parseQuery("status=completed&due=overdue")), "status=completed");
});

test("the filters are counted without the status", () => {
  const url = "status=active&q=oat&due=today&priority=high&priority=low&tag=home";
  assert.equal(countFilters(parseQuery(url)), 5);
  assert.equal(countFilters(parseQuery("status=active&sort=title")), 0);
});
