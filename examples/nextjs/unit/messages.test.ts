import assert from "node:assert/strict";
import { test } from "node:test";
import { describeDone, describeLength, explain, referenceOf } from "../lib/messages";
import { aTask } from "./tasks";

const PROBLEM = { detail: "Retry with its new ETag.", fields: {}, requestId: "abc" };

for (const [status, others, text] of [
  [400, { fields: { title: "Must have 1 to 200 characters." } }, "Must have 1 to 200 characters."],
  [403, { type: "quota_exceeded_error", detail: "Erase some first." }, "Erase some first."],
  [412, {}, "It was changed elsewhere. Try again."],
  [429, { retryAfter: 1 }, "That was too much at once. Try again in a moment."],
  [503, { retryAfter: 30 }, "The service is not available. Try again in 30 seconds."],
] as const) {
  test(`a ${status} in words for people: ${text}`, () => {
    const problem = { ...PROBLEM, status, ...others };
    assert.deepEqual([explain(problem), referenceOf(problem)], [text, undefined]);
  });
}

test("a title of a wrong length is described in the page's words", () => {
  assert.equal(describeLength(" "), "The title is empty. Write one.");
  assert.equal(describeLength(` ${"😀".repeat(200)} `), undefined);
  const text = "The title is 201 characters long. The limit is 200.";
  assert.equal(describeLength("😀".repeat(201)), text);
});

test("what nobody expects shows an id that finds it in the log, but not its own words", () => {
  for (const status of [403, 422, 500, 502]) {
    const problem = { ...PROBLEM, status };
    assert.equal(explain(problem), "Something went wrong. Try again in a moment.");
    assert.equal(referenceOf(problem), "abc");
  }
});

test("Undo of a completion names the tasks that it completed, and that still exist", () => {
  const tasks = [aTask(1), aTask(2, { completed: true }), aTask(3)];
  const operation = { kind: "changeMany", tasks, changes: { completed: true }, key: "" } as const;
  const undo = { kind: "changeMany", tasks: [aTask(1)], changes: { completed: false } };
  const { text, ...notice } = describeDone({ ...operation, tasks }, [aTask(1), aTask(2)]);
  assert.deepEqual([text, notice.undo], ["Completed 2 tasks.", [undo]]);
  assert.equal(describeDone({ ...operation, tasks: [aTask(2, { completed: true })] }, [aTask(2)]).undo, undefined);
});

test("Undo of a priority gives each task the one that it had", () => {
  const tasks = [aTask(1), aTask(2, { priority: "high" }), aTask(3), aTask(4, { priority: "low" })];
  const operation = { kind: "changeMany", tasks, changes: { priority: "low" }, key: "" } as const;
  const { text, undo } = describeDone({ ...operation, tasks }, tasks);
  assert.equal(text, "Set 4 tasks to low priority.");
  assert.deepEqual(undo, [
    { kind: "changeMany", tasks: [tasks[1]], changes: { priority: "high" } },
    { kind: "changeMany", tasks: [tasks[0], tasks[2]], changes: { priority: "medium" } },
  ]);
});
