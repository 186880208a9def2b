import assert from "node:assert/strict";
import { test } from "node:test";
import type { Api } from "../lib/api";
import type { Intent } from "../lib/list";
import { describeDone } from "../lib/messages";
import { send } from "../lib/send";
import { aTask, tasksOf } from "./tasks";

type Moved = { ids: number[]; has_more?: boolean };

/** Send an operation to a service with these responses. Return what the page says about it. */
async function say(intent: Intent, respond: (ids: number[]) => Moved) {
  const answer = async (_: string, { body }: { body?: { ids: number[] } }) => ({
    data: respond(body?.ids ?? []),
    response: new Response(),
  });
  const result = await send({ POST: answer, DELETE: answer } as unknown as Api, { ...intent, key: "1" });
  assert("operation" in result);
  return describeDone(result.operation, result.stored);
}

test("Undo of Clear completed restores what the service deleted, not what the page showed", async () => {
  const answers = [{ ids: [1, 2], has_more: true }, { ids: [3], has_more: false }];
  const clear: Intent = { kind: "clear", tasks: [aTask(1), aTask(4)] };
  const { text, undo } = await say(clear, () => answers.shift() ?? { ids: [] });
  assert.equal(text, "Deleted 3 tasks.");
  assert.deepEqual(tasksOf(undo), [1, 2, 3]);
});

for (const [ids, text] of [
  [[1], "Deleted “Task 1”."],
  [[2], "Deleted 1 task."], // the page has never loaded it
  [[], "There was nothing to delete."],
] as const) {
  test(`a service that clears ${ids.length} tasks: ${text}`, async () => {
    const clear: Intent = { kind: "clear", tasks: [aTask(1)] };
    assert.equal((await say(clear, () => ({ ids: [...ids] }))).text, text);
  });
}

test("more tasks than one request may have are restored, but for those that are erased", async () => {
  const tasks = Array.from({ length: 1001 }, (_, index) => ({ id: index + 1 }));
  const sizes: number[] = [];
  const { text } = await say({ kind: "restore", tasks }, (ids) => {
    sizes.push(ids.length);
    return { ids: ids.slice(1) };
  });
  assert.deepEqual(sizes, [1000, 1]);
  assert.equal(text, "Restored 999 tasks.");
});

test("an edit of a task that is erased elsewhere is added as a new task", async () => {
  const sent: unknown[] = [];
  const POST = async (path: string, { body }: { body: object }) => {
    sent.push([path, body]);
    return { data: path.endsWith("restore") ? { ids: [] } : aTask(2), response: new Response() };
  };
  const PATCH = async () => ({ response: new Response(null, { status: 404 }) });
  const [seen, changes] = [aTask(1, { tags: ["home"] }), { title: "Typed" }];
  const edit = { kind: "change", task: seen, seen, changes, restore: true, key: "1" } as const;
  const result = await send({ POST, PATCH } as unknown as Api, edit);
  assert("stored" in result && result.stored[0]?.id === 2);
  const typed = { title: "Typed", description: null, priority: "medium", due_date: null };
  const added = ["/api/tasks", { ...typed, tags: ["home"] }];
  assert.deepEqual(sent, [["/api/tasks/restore", { ids: [1] }], added]);
});
