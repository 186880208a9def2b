import assert from "node:assert/strict";
import { test } from "node:test";
import { EMPTY, readDraft, toChips } from "../lib/quick-add";

const FRIDAY = "2026-12-25";
const PLAIN = EMPTY.chosen;

for (const [text, title, details] of [
  ["Call Ben tomorrow", "Call Ben", { due_date: "2026-12-26" }],
  ["TODAY call  Ben", "call Ben", { due_date: FRIDAY }],
  ["Pay the rent by Monday", "Pay the rent", { due_date: "2026-12-28" }],
  ["Go out on friday evening", "Go out evening", { due_date: "2027-01-01" }],
  ["Until Friday stay in bed", "stay in bed", { due_date: "2027-01-01" }],
  ["Send by fri the report", "Send the report", { due_date: "2027-01-01" }],
  ["Rent due 31 Dec at the bank", "Rent at the bank", { due_date: "2026-12-31" }],
  ["Buy Monday Night tickets monday ", "Buy Monday Night tickets", { due_date: "2026-12-28" }],
  ["Go out saturday", "Go out", { due_date: "2026-12-26" }],
  ["Go out thursday", "Go out", { due_date: "2026-12-31" }],
  ["Turn it on today", "Turn it on", { due_date: FRIDAY }],
  ["Renew 2028-02-29", "Renew", { due_date: "2028-02-29" }],
  ["Move it from today to tomorrow", "Move it from today to", { due_date: "2026-12-26" }],
  ["Call Ben fri", "Call Ben", { due_date: "2027-01-01" }],
  ["Call Ben by Thurs #phone", "Call Ben", { due_date: "2026-12-31", tags: ["phone"] }],
  ["Pay the rent on 4 Dec", "Pay the rent", { due_date: "2027-12-04" }],
  ["Pay the rent Dec 31 !high", "Pay the rent", { due_date: "2026-12-31", priority: "high" }],
  ["Pay the rent 25 december", "Pay the rent", { due_date: FRIDAY }],
  ["Vote 1 Sept 2029", "Vote", { due_date: "2029-09-01" }],
  ["Rest may 3 2028", "Rest", { due_date: "2028-05-03" }],
  ["Plan it next  week", "Plan it", { due_date: "2026-12-28" }],
  ["Turn it on next week", "Turn it on", { due_date: "2026-12-28" }],
  ["Meet next  monday", "Meet", { due_date: "2026-12-28" }],
  ["Meet next Sun", "Meet", { due_date: "2027-01-03" }],
  ["Send it in 3 days", "Send it", { due_date: "2026-12-28" }],
  ["Send it in 1 week", "Send it", { due_date: "2027-01-01" }],
  ["Meet #work fri !low", "Meet", { due_date: "2027-01-01", priority: "low", tags: ["work"] }],
  [" #home !high ", "", { priority: "high", tags: ["home"] }],
  ["by fri", "", { due_date: "2027-01-01" }],
  ["!HIGH Write !low", "!HIGH Write", { priority: "low" }],
  ["#Home Paint #to-do #home", "Paint", { tags: ["home", "to-do"] }],
  ["לצבוע #בית", "לצבוע", { tags: ["בית"] }],
  ["牛乳　＃買い物", "牛乳", { tags: ["買い物"] }],
  ["दूध #हिन्दी", "दूध", { tags: ["हिन्दी"] }],
  [
    "Buy oil !high tomorrow #car",
    "Buy oil",
    { due_date: "2026-12-26", priority: "high", tags: ["car"] },
  ],
] as const) {
  test(`read a title and more from: ${text}`, () => {
    assert.deepEqual(readDraft({ ...EMPTY, text }, FRIDAY).task, { ...PLAIN, ...details, title });
  });
}

for (const title of [
  "  Buy  milk ",
  " ",
  "Buy 'Today' magazine",
  "Read today's news",
  "Learn C# and F#",
  "Fix # and #42",
  "See https://example.com/#home",
  "This is !important",
  "Write highlights!high",
  "Stand up every friday",
  "Watch Friday night lights",
  "Buy Monday Night Football tickets",
  "Prepare tomorrow never dies review",
  "Read 2026-12-31 again",
  "Sort the minutes of Monday",
  "Turn it on today before noon",
  "Meet next monday evening",
  "Sit in the sun",
  "Sun the cushions",
  "Buy a sat nav",
  "Ask whether I may",
  "Read 4 may poems",
  "Call Ben 30 feb",
  "Call Ben 4 de",
  "Call Ben 31",
  "Clean every fri",
  "Write the agenda of next week's meeting",
  "Walk in 3 day steps",
  "Renew 2027-02-30",
  "Renew 2027-13-01",
]) {
  test(`read only a title from: ${title}`, () => {
    assert.deepEqual(readDraft({ ...EMPTY, text: title }, FRIDAY), { task: { ...PLAIN, title }, found: [] });
  });
}

test("a word that the user takes off stays in the title", () => {
  const draft = { ...EMPTY, text: "Watch Tomorrow #film" };
  const [tomorrow] = readDraft(draft, FRIDAY).found;
  const { task } = readDraft({ ...draft, ...tomorrow?.without }, FRIDAY);
  assert.deepEqual(task, { ...PLAIN, title: "Watch Tomorrow", tags: ["film"] });
  const { details } = readDraft({ ...EMPTY, text: "Call Ben fri #home", kept: ["#home"] }, FRIDAY).found[0] ?? {};
  assert.deepEqual(details, { due_date: "2027-01-01" }); // it is still at the end
});

test("a date of several words can be taken off", () => {
  const draft = { ...EMPTY, text: "Read next week" };
  const [next] = readDraft(draft, FRIDAY).found;
  assert.equal(readDraft({ ...draft, ...next?.without }, FRIDAY).task.title, "Read next week");
});

test("a second date stays in the title, and so do the words before it", () => {
  const { task } = readDraft({ ...EMPTY, text: "Move it from fri to 4 Dec" }, FRIDAY);
  assert.deepEqual([task.title, task.due_date], ["Move it from fri to", "2027-12-04"]);
});

test("what was chosen counts, and tags add up", () => {
  const chosen = { due_date: "2027-01-01", priority: "low" as const, tags: ["phone"] };
  const { task } = readDraft({ ...EMPTY, chosen, text: "Ask Ben tomorrow #work" }, FRIDAY);
  assert.deepEqual(task, { ...chosen, title: "Ask Ben tomorrow", tags: ["phone", "work"] });
});

test("each chosen detail has a chip, which takes it off", () => {
  const chosen = { due_date: FRIDAY, priority: "high" as const, tags: ["a", "b"] };
  const [date, priority, tag, ...others] = toChips(chosen);
  assert.equal(others.length, 1);
  assert.deepEqual(date?.without, { chosen: { ...chosen, due_date: null } });
  assert.deepEqual(priority?.without, { chosen: { ...chosen, priority: "medium" } });
  assert.deepEqual(tag?.without, { chosen: { ...chosen, tags: ["b"] } });
});

test("a new task has the tags of the filter, and each one has a chip, which takes it off", () => {
  const draft = { ...EMPTY, text: "Paint #home" };
  const { task, found } = readDraft(draft, FRIDAY, ["home", "work"]);
  assert.deepEqual(task, { ...PLAIN, title: "Paint", tags: ["home", "work"] });
  assert.deepEqual(found.map(({ details }) => details.tags), [["work"], ["home"]]);
  const without = readDraft({ ...draft, ...found[0]?.without }, FRIDAY, ["home", "work"]);
  assert.deepEqual(without.task.tags, ["home"]);
});
