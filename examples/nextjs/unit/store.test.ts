import assert from "node:assert/strict";
import { test } from "node:test";
import { createApi } from "../lib/api";
import type { Api, Task } from "../lib/api";
import { keepDrafts } from "../lib/drafts";
import type { Kept } from "../lib/drafts";
import { toRows } from "../lib/list";
import type { Intent } from "../lib/list";
import { describeRefused } from "../lib/messages";
import { EVERYTHING } from "../lib/query";
import { TaskStore } from "../lib/store";
import { aTask, tasksOf } from "./tasks";

const UNSENT = { read: () => ({ unsent: [], typed: [] }), write: () => undefined };

const unavailable = async () => ({ response: new Response(null, { status: 503 }) });
const NOBODY_LISTENS = "http://127.0.0.1:9";

test("a session storage that is full or blocked does not stop a change", async (context) => {
  const refuse = () => {
    throw new DOMException("The quota has been exceeded.", "QuotaExceededError");
  };
  const storage = { getItem: refuse, setItem: refuse };
  Object.defineProperty(globalThis, "sessionStorage", { value: storage, configurable: true });
  const warned = context.mock.method(console, "warn", () => undefined);

  const drafts = keepDrafts("ada");
  const store = new TaskStore(createApi(NOBODY_LISTENS, "ada"), drafts);
  const drawn: string[] = [];
  store.subscribe(() => drawn.push(...store.state().operations.map(({ kind }) => kind)));
  const refused = await store.run({ kind: "create", task: { title: "Kept in memory" } });
  assert.equal(refused?.problem?.status, 0); // it was sent, and nobody listens
  assert.equal(drawn[0], "create");
  assert.deepEqual(store.state().operations, [refused]);
  assert.deepEqual(drafts.read(), { unsent: [], typed: [] });
  assert(warned.mock.callCount() > 0);
});

test("what another version of the app kept loses only its Undo", (context) => {
  let text = "";
  const storage = { getItem: () => text, setItem: (_: string, now: string) => (text = now) };
  Object.defineProperty(globalThis, "sessionStorage", { value: storage, configurable: true });
  context.mock.method(console, "warn", () => undefined);
  const drafts = keepDrafts("ada");
  const typed = [{ seen: aTask(1), changes: { title: "Typed" } }];
  const undo = { text: "Deleted.", seen: true, undo: [] };
  drafts.write({ unsent: [], typed, undo });
  assert.deepEqual(drafts.read(), { unsent: [], typed, undo });
  text = JSON.stringify({ unsent: [], typed, undo: { ...undo, undo: { kind: "restore", tasks: [] } } });
  assert.deepEqual(drafts.read(), { unsent: [], typed });
  text = "no JSON";
  assert.deepEqual(drafts.read(), { unsent: [], typed: [] });
});

test("a change has a key where `crypto.randomUUID` is missing, as on plain http", async (context) => {
  context.mock.method(crypto, "randomUUID", () => {
    throw new TypeError("crypto.randomUUID is not a function");
  });
  const store = new TaskStore(createApi(NOBODY_LISTENS, "ada"), UNSENT);
  const [one, other] = await Promise.all(
    ["One", "Other"].map((title) => store.run({ kind: "create", task: { title } })),
  );
  assert.match(one?.key ?? "", /^[\d-]{7,255}$/);
  assert.notEqual(one?.key, other?.key);
});

test("a change that cannot begin throws, so that its field keeps the text", (context) => {
  context.mock.method(crypto, "getRandomValues", () => {
    throw new Error("no random values");
  });
  const store = new TaskStore(createApi(NOBODY_LISTENS, "ada"), UNSENT);
  assert.throws(() => store.run({ kind: "create", task: { title: "Kept" } }), /no random values/);
});

test("fast moves are sent in order, without those that the next one replaces", async () => {
  const sent: unknown[] = [];
  let answer = () => {};
  const PATCH = async (_: string, { params, body }: { params: { path: object }; body: object }) => {
    sent.push({ ...params.path, ...body });
    await new Promise<void>((resolve) => (answer = resolve));
    return { data: aTask(1), response: new Response() };
  };
  const store = new TaskStore({ GET: unavailable, PATCH } as unknown as Api, UNSENT);
  const move = (id: number, after: number, place: number) =>
    store.run({ kind: "move", task: aTask(id), to: { after }, place });
  const turn = () => new Promise((resolve) => setTimeout(resolve));
  const moves = [move(1, 2, 2)];
  await turn();
  moves.push(move(1, 3, 3), move(1, 4, 4), move(2, 1, 5));
  const [first, third, last] = [
    { task_id: 1, after: 2 },
    { task_id: 1, after: 4 },
    { task_id: 2, after: 1 },
  ];
  for (const expected of [[first], [first, third], [first, third, last]]) {
    await turn();
    assert.deepEqual(sent, expected);
    answer();
  }
  await Promise.all(moves);
  assert.equal(store.state().notice?.text, "Moved to place 5: “Task 2”."); // not that of a response
  assert.deepEqual(store.state().operations, []);
});

test("after an outage, the counts come back, and all that it refused is sent at once", async () => {
  let status = 503;
  const answer = async (data: unknown) => ({
    data: status < 300 ? data : undefined,
    response: new Response(null, { status }),
  });
  const counted = { total: 2, active: 2, completed: 0, by_priority: {}, by_tag: {} };
  const GET = (path: string) => answer(path.endsWith("stats") ? counted : []);
  const sent: string[] = [];
  const POST = (_: string, { body }: { body: { title: string } }) => {
    sent.push(body.title);
    return answer({ ...aTask(sent.length), ...body });
  };
  const store = new TaskStore({ GET, POST } as unknown as Api, UNSENT);
  const add = (title: string) => store.run({ kind: "create", task: { title } });
  const until = (isDone: () => boolean) =>
    new Promise<void>((resolve) => store.subscribe(() => isDone() && resolve()));
  store.reload();
  await until(() => store.state().problem !== undefined);
  status = 200;
  store.reload();
  await until(() => store.state().counts?.statuses.active === 2);
  status = 503;
  await Promise.all([add("One"), add("Two")]);
  status = 400;
  await add("Rejected");
  status = 200;
  sent.length = 0;
  store.retryAll();
  await until(() => store.state().operations.length === 1);
  assert.deepEqual(sent, ["One", "Two"]);
});

test("new tasks are sent one after the other, so that they keep their order", async () => {
  const seen: string[] = [];
  const POST = async (_: string, { body }: { body: { title: string } }) => {
    seen.push(body.title);
    await new Promise((resolve) => setTimeout(resolve, body.title === "One" ? 20 : 0));
    seen.push(`${body.title} is stored`);
    return { data: aTask(seen.length), response: new Response(null, { status: 201 }) };
  };
  const store = new TaskStore({ GET: unavailable, POST } as unknown as Api, UNSENT);
  await Promise.all(["One", "Two"].map((title) => store.run({ kind: "create", task: { title } })));
  assert.deepEqual(seen, ["One", "One is stored", "Two", "Two is stored"]);
});

test("what waits survives a reload, and is sent by itself when the service responds", async () => {
  let status = 503;
  const sent: string[] = [];
  const answer = async (name: string) => {
    sent.push(name);
    const data = name.includes("ids") ? [aTask(3)] : aTask(1);
    return { data, response: new Response(null, { status }) };
  };
  const GET = async (path: string) =>
    path.endsWith("stats") ? unavailable() : { data: [], response: new Response(null, { status }) };
  const PATCH = (path: string, { body }: { body: object }) => answer(`${path} ${JSON.stringify(body)}`);
  const DELETE = (path: string) => answer(`DELETE ${path}`);
  let kept: Kept = { unsent: [], typed: [] };
  const drafts = { read: () => kept, write: (now: Kept) => (kept = structuredClone(now)) };
  const open = () => new TaskStore({ GET, PATCH, DELETE } as unknown as Api, drafts);
  const waiting: Intent[] = [
    { kind: "change", task: aTask(1), changes: { completed: true } },
    { kind: "delete", task: aTask(2) },
    { kind: "changeMany", tasks: [aTask(3)], changes: { priority: "low" } },
    { kind: "clear", tasks: [aTask(4)] },
  ];
  const first = open();
  for (const intent of waiting) await first.run(intent);
  const kinds = (store: TaskStore) => store.state().operations.map(({ kind }) => kind);
  assert.deepEqual(kinds(first), ["change", "delete", "changeMany", "clear"]);

  const reloaded = open();
  browse();
  sent.length = 0;
  reloaded.start()();
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(sent.length, 3); // they were sent again, and refused again
  [status, sent.length] = [200, 0];
  reloaded.reload();
  await new Promise<void>((resolve) => {
    reloaded.subscribe(() => kinds(reloaded).length === 1 && resolve());
  });
  assert.deepEqual([...sent].sort(), [
    '/api/tasks {"ids":[3],"changes":{"priority":"low"}}',
    '/api/tasks/{task_id} {"completed":true}',
    "DELETE /api/tasks/{task_id}",
  ]);
  assert.deepEqual(kinds(reloaded), ["clear"]); // it would delete what was completed since
});

test("what waits is sent before all completed tasks are deleted", async () => {
  let status = 503;
  const sent: string[] = [];
  const answer = async (data: object) => {
    sent.push(JSON.stringify(data));
    return { data, response: new Response(null, { status }) };
  };
  const PATCH = () => answer(aTask(1, { completed: true }));
  const DELETE = () => answer({ ids: [1], has_more: false });
  const store = new TaskStore({ GET: unavailable, PATCH, DELETE } as unknown as Api, UNSENT);
  const clear = () => store.run({ kind: "clear", tasks: [aTask(1)] });
  await store.run({ kind: "change", task: aTask(1), changes: { completed: true } });
  await clear();
  assert.deepEqual(store.state().operations.map(({ kind }) => kind), ["change", "clear"]);
  await store.run({ kind: "change", task: aTask(1), changes: { completed: true } });
  // While the change is refused again, the service does not know what is completed.
  for (const [again, answers] of [[() => store.retryAll(), 1], [() => void clear(), 2]] as const) {
    sent.length = 0;
    again();
    await new Promise((resolve) => setTimeout(resolve));
    assert.equal(sent.length, answers);
    assert.match(sent.join(), answers === 1 ? /completed/ : /completed.*ids/);
    status = 200;
  }
  assert.deepEqual(store.state().operations, []);
});

test("a deletion that waits is sent after the trash is emptied, which would erase its task", async () => {
  let status = 503;
  const sent: string[] = [];
  const DELETE = async (path: string) => {
    await new Promise((resolve) => setTimeout(resolve, path === "/api/tasks" ? 20 : 0));
    sent.push(path);
    return { data: { ids: [9], has_more: false }, response: new Response(null, { status }) };
  };
  const store = new TaskStore({ GET: unavailable, DELETE } as unknown as Api, UNSENT);
  await store.run({ kind: "empty", tasks: [] });
  await store.run({ kind: "delete", task: aTask(5) });
  status = 200;
  for (const again of [() => store.retryAll(), () => void store.run({ kind: "empty", tasks: [] })]) {
    sent.length = 0;
    again();
    await store.run({ kind: "delete", task: aTask(6) });
    while (store.state().operations.length > 0) await new Promise((resolve) => setTimeout(resolve));
    assert.equal(sent[0], "/api/tasks"); // that of the trash
    status = 503;
    await store.run({ kind: "delete", task: aTask(5) });
    status = 200;
  }
});

test("Undo takes back a change that waits before one that is stored", async () => {
  let status = 200;
  const sent: string[] = [];
  const answer = (name: string) => async () => {
    sent.push(name);
    return { data: aTask(1), response: new Response(null, { status }) };
  };
  const api = { GET: unavailable, DELETE: answer("DELETE"), PATCH: answer("PATCH"), POST: answer("POST") };
  const store = new TaskStore(api as unknown as Api, UNSENT);
  await store.run({ kind: "delete", task: aTask(2) });
  status = 503;
  await store.run({ kind: "change", task: aTask(1), changes: { completed: true } });
  await store.undo();
  assert.deepEqual(store.state().operations, []);
  assert.equal(store.state().notice?.text, "“Task 1” is as before.");
  assert.deepEqual(sent, ["DELETE", "PATCH"]);
});

test("a tick that waits is sent before its task is deleted, and Undo brings it back ticked", async () => {
  let status = 503;
  const sent: string[] = [];
  const answer = (name: string) => async () => {
    sent.push(name);
    return { data: { ...aTask(1), ids: [1] }, response: new Response(null, { status }) };
  };
  const api = { GET: unavailable, DELETE: answer("DELETE"), PATCH: answer("PATCH"), POST: answer("POST") };
  const store = new TaskStore(api as unknown as Api, UNSENT);
  const kinds = () => store.state().operations.map(({ kind }) => kind);
  await store.run({ kind: "change", task: aTask(1), changes: { completed: true } });
  await store.run({ kind: "delete", task: aTask(1) });
  assert.deepEqual(kinds(), ["change", "delete"]);
  await store.undo();
  assert.deepEqual(kinds(), ["change"]);
  [status, sent.length] = [200, 0];
  await store.run({ kind: "delete", task: aTask(1) });
  await store.undo();
  assert.deepEqual([sent, kinds()], [["PATCH", "DELETE", "POST"], []]);
});

test("Undo goes back to what is stored, not to a change that waited and was replaced", async () => {
  let status = 200;
  const sent: object[] = [];
  let stored = aTask(1);
  const change = async (changes: object) => {
    sent.push(changes);
    if (status < 300) stored = { ...stored, ...changes, version: stored.version + 1 };
    return { data: stored, response: new Response(null, { status }) };
  };
  const PATCH = async (path: string, { body }: { body: { changes: object } }) => {
    if (path.endsWith("{task_id}")) return change(body);
    const { data, response } = await change(body.changes);
    return { data: [data], response };
  };
  const store = new TaskStore({ GET: unavailable, PATCH } as unknown as Api, UNSENT);
  const rank = (priority: "high" | "low") => (task: Task): Intent => {
    return { kind: "changeMany", tasks: [task], changes: { priority } };
  };
  const write = (title: string) => (task: Task): Intent => {
    return { kind: "change", task, seen: task, changes: { title } };
  };
  const tick = (task: Task): Intent => {
    return { kind: "change", task, changes: { completed: !task.completed } };
  };
  await store.run(tick(stored)); // from now on, the store knows the task
  for (const [waits, waiting, replaces, back] of [
    [rank("high"), { priority: "high" }, rank("low"), { priority: "medium" }],
    [write("Waits"), { title: "Waits" }, write("New"), { title: "Task 1" }],
    [tick, { completed: false }, tick, undefined],
  ] as const) {
    const row = { ...stored, ...waiting };
    [status, sent.length] = [503, 0];
    await store.run(waits(stored));
    status = 200;
    await store.run(replaces(row));
    const undo = store.state().notice?.undo;
    if (undo) await store.undo(undo);
    assert.deepEqual(sent[2], back);
  }
  void store.run(rank("high")(stored)); // the service gets both
  await store.run(rank("low")({ ...stored, priority: "high" }));
  await store.undo(store.state().notice?.undo);
  assert.deepEqual(sent.at(-1), { priority: "high" });
});

test("an edit that waits is not sent while the user writes it again", async () => {
  let sent = 0;
  const PATCH = async () => ({ response: new Response(null, { status: (sent += 1) && 503 }) });
  const POST = async () => ({ data: aTask(2), response: new Response() });
  const store = new TaskStore({ GET: unavailable, PATCH, POST } as unknown as Api, UNSENT);
  const seen = aTask(1);
  await store.run({ kind: "change", task: seen, seen, changes: { title: "Waits" } });
  store.type(1, { seen, changes: { title: "Waits, and goes on" } });
  await store.run({ kind: "create", task: { title: "Goes through" } });
  assert.equal(sent, 1);
  store.type(1);
  await store.run({ kind: "create", task: { title: "Goes through" } });
  await new Promise(setImmediate);
  assert.equal(sent, 2);
  const close = store.open(1); // the form shows what waits
  await store.run({ kind: "create", task: { title: "Goes through" } });
  await new Promise(setImmediate);
  assert.equal(sent, 2);
  close();
  await store.run({ kind: "create", task: { title: "Goes through" } });
  await new Promise(setImmediate);
  assert.equal(sent, 3);
});

test("an edit that waits is not sent by a reload if the user has typed more", async () => {
  let sent = 0;
  const PATCH = async () => ({ response: new Response(null, { status: (sent += 1) && 503 }) });
  let kept: Kept = { unsent: [], typed: [] };
  const drafts = { read: () => kept, write: (now: Kept) => (kept = structuredClone(now)) };
  const open = () => new TaskStore({ GET: unavailable, PATCH } as unknown as Api, drafts);
  const first = open();
  const seen = aTask(1);
  await first.run({ kind: "change", task: seen, seen, changes: { title: "Waits" } });
  first.type(1, { seen, changes: { title: "Waits, and goes on" } });
  browse();
  const reloaded = open();
  reloaded.start()();
  await new Promise((resolve) => setTimeout(resolve));
  const [waiting] = reloaded.state().operations;
  assert.deepEqual([sent, waiting?.problem?.status], [1, 503]);
});

test("a change that fails after the next one began is not sent over it", async () => {
  const sent: unknown[] = [];
  const PATCH = async (_: string, { body }: { body: object }) => {
    const status = sent.push(body) === 1 ? 503 : 200;
    return { data: aTask(1), response: new Response(null, { status }) };
  };
  const store = new TaskStore({ GET: unavailable, PATCH } as unknown as Api, UNSENT);
  const tick = (completed: boolean) =>
    store.run({ kind: "change", task: aTask(1), changes: { completed } });
  assert.deepEqual(await Promise.all([tick(true), tick(false)]), [undefined, undefined]);
  await new Promise(setImmediate);
  assert.deepEqual(sent, [{ completed: true }, { completed: false }]);
  assert.deepEqual(store.state().operations, []);
});

test("an edit that waits is sent and leaves no draft after a tick that waits too", async () => {
  let status = 503;
  const PATCH = async () => ({ data: aTask(1), response: new Response(null, { status }) });
  const store = new TaskStore({ GET: unavailable, PATCH } as unknown as Api, UNSENT);
  const task = aTask(1);
  await store.run({ kind: "change", task, changes: { completed: true } });
  await store.run({ kind: "change", task, seen: task, changes: { title: "Typed" } });
  assert.equal(store.state().operations.length, 2);
  status = 200;
  store.retryAll();
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual([store.state().operations, store.state().typed.size], [[], 0]);
});

test("what is sent again by itself says nothing if it is refused, and leaves an Undo", async () => {
  let status = 503;
  let sent = 0;
  const PATCH = async () => ({ data: aTask(1), response: new Response(null, { status: (sent += 1) && status }) });
  const DELETE = async () => ({ response: new Response(null, { status: 204 }) });
  const store = new TaskStore({ GET: unavailable, PATCH, DELETE } as unknown as Api, UNSENT);
  await store.run({ kind: "change", task: aTask(1), changes: { completed: true } });
  for (status of [503, 200]) {
    await store.run({ kind: "delete", task: aTask(2) });
    await new Promise((resolve) => setTimeout(resolve));
    assert.equal(store.state().notice?.text, "Deleted “Task 2”.");
  }
  assert.deepEqual([sent, store.state().operations], [3, []]);
});

test("a discarded task that comes back is not added twice", async () => {
  const keys: unknown[] = [];
  const POST = async (_: string, { params }: { params: { header: object } }) => {
    const status = keys.push(params.header) === 1 ? 503 : 201; // its response may be what was lost
    return { data: aTask(1), response: new Response(null, { status }) };
  };
  const store = new TaskStore({ GET: unavailable, POST } as unknown as Api, UNSENT);
  const task = { title: "Once" };
  const refused = await store.run({ kind: "create", task });
  store.discard({ kind: "create", task }, refused?.key);
  await store.undo();
  assert.deepEqual(keys, [{ "Idempotency-Key": refused?.key }, { "Idempotency-Key": refused?.key }]);
});

test("a change that a bug refuses is not sent again by itself", async () => {
  let sent = 0;
  const PATCH = async () => ({ response: new Response(null, { status: (sent += 1) && 500 }) });
  const POST = async () => ({ data: aTask(2), response: new Response() });
  const store = new TaskStore({ GET: unavailable, PATCH, POST } as unknown as Api, UNSENT);
  await store.run({ kind: "change", task: aTask(1), changes: { completed: true } });
  await store.run({ kind: "create", task: { title: "Goes through" } });
  assert.equal(sent, 1);
});

test("Undo takes back one change after the other, the last one first", async () => {
  const sent: string[] = [];
  let task = aTask(1, { priority: "high" });
  const answer = async (method: string, path: string, { body = {} }: { body?: object }) => {
    sent.push(`${method} ${path.replace("/api/tasks", "")} ${JSON.stringify(body)}`);
    const isMany = "ids" in body && method === "PATCH";
    task = { ...task, ...("changes" in body ? (body.changes as object) : body), version: task.version + 1 };
    return { data: "ids" in body ? (isMany ? [task] : body) : task, response: new Response() };
  };
  const as = (method: string) => (path: string, options: object) => answer(method, path, options);
  const [PATCH, POST, DELETE] = ["PATCH", "POST", "DELETE"].map(as);
  const store = new TaskStore({ GET: unavailable, PATCH, POST, DELETE } as unknown as Api, UNSENT);
  await store.run({ kind: "create", task: { title: task.title } });
  await store.run({ kind: "changeMany", tasks: [task], changes: { priority: "low" } });
  await store.run({ kind: "change", task, seen: task, changes: { title: "New" } });
  const [to, back] = [{ after: 2 }, { to: { before: 3 }, place: 1 }];
  await store.run({ kind: "move", task, to, place: 2, back });
  await store.run({ kind: "change", task, changes: { completed: true } });
  void store.run({ kind: "delete", task }); // it is under way
  const done = 6;
  for (let times = 0; times < done; times += 1) await store.undo();
  assert.deepEqual(sent.slice(done), [
    'POST /restore {"ids":[1]}',
    'PATCH /{task_id} {"completed":false}',
    'PATCH /{task_id}/position {"before":3}',
    'PATCH /{task_id} {"title":"Task 1"}',
    'PATCH  {"ids":[1],"changes":{"priority":"high"}}',
    "DELETE /{task_id} {}",
  ]);
  await store.undo();
  assert.equal(store.state().notice?.text, "Nothing to undo.");
  assert.equal(sent.length, 2 * done);
});

test("the button takes back what its message says, also while another change is under way", async () => {
  const restored: unknown[] = [];
  let answer = () => {};
  const DELETE = async (_: string, { params }: { params: { path: { task_id: number } } }) => {
    if (params.path.task_id === 2) await new Promise<void>((resolve) => (answer = resolve));
    return { response: new Response(null, { status: 204 }) };
  };
  const POST = async (_: string, { body }: { body: { ids: number[] } }) => {
    restored.push(body.ids);
    return { data: body, response: new Response() };
  };
  const store = new TaskStore({ GET: unavailable, DELETE, POST } as unknown as Api, UNSENT);
  const first = store.run({ kind: "delete", task: aTask(1) });
  const second = store.run({ kind: "delete", task: aTask(2) });
  await first;
  const pressed = store.undo(store.state().notice?.undo);
  await new Promise((resolve) => setTimeout(resolve));
  answer();
  await Promise.all([second, pressed]);
  assert.deepEqual(restored, [[1]]);
  await store.undo(); // the key
  assert.deepEqual(restored, [[1], [2]]);
});

test("Undo takes back a move once, even if it was sent several times", async () => {
  const sent: unknown[] = [];
  let status = 503;
  const answer = async (_: string, { body }: { body?: object } = {}) => {
    sent.push(body);
    return { data: { ...aTask(1), ids: [2] }, response: new Response(null, { status }) };
  };
  const DELETE = async () => ({ response: new Response(null, { status: 204 }) });
  const POST = (path: string, options: { body: object }) => answer(path, options);
  const store = new TaskStore({ GET: unavailable, PATCH: answer, POST, DELETE } as unknown as Api, UNSENT);
  await store.run({ kind: "delete", task: aTask(2) });
  const [to, back] = [{ after: 3 }, { to: { before: 3 }, place: 1 }];
  const refused = await store.run({ kind: "move", task: aTask(1), to, place: 2, back });
  assert(refused);
  status = 200;
  await store.retry(refused);
  sent.length = 0;
  await store.undo();
  await store.undo();
  assert.deepEqual(sent, [back.to, { ids: [2] }]);
});

test("Undo goes back through fast moves, also those that were not sent", async () => {
  const sent: unknown[] = [];
  const PATCH = async (_: string, { body }: { body: object }) => {
    sent.push(body);
    return { data: aTask(1), response: new Response() };
  };
  const store = new TaskStore({ GET: unavailable, PATCH } as unknown as Api, UNSENT);
  for (const place of [2, 3, 4]) {
    const back = { to: { after: place - 1 }, place: place - 1 };
    void store.run({ kind: "move", task: aTask(1), to: { after: place + 1 }, place, back });
  }
  for (let times = 0; times < 3; times += 1) await store.undo();
  assert.deepEqual(sent.slice(-3), [{ after: 3 }, { after: 2 }, { after: 1 }]);
});

test("Undo of a move goes back to the stored place, not to that of a move that waited", async () => {
  const sent: unknown[] = [];
  let status = 503;
  const PATCH = async (_: string, { body }: { body: object }) => {
    sent.push(body);
    return { data: aTask(1), response: new Response(null, { status }) };
  };
  const store = new TaskStore({ GET: unavailable, PATCH } as unknown as Api, UNSENT);
  for (const place of [2, 3]) {
    const back = { to: { after: place - 1 }, place: place - 1 };
    await store.run({ kind: "move", task: aTask(1), to: { after: place + 1 }, place, back });
    status = 200;
  }
  await store.undo();
  assert.deepEqual(sent, [{ after: 3 }, { after: 4 }, { after: 1 }]);
});

test("Undo offers also what was deleted before Clear completed failed", async () => {
  const answers = [{ ids: [1, 2], has_more: true }, undefined, { ids: [3], has_more: false }];
  const DELETE = async () => {
    const data = answers.shift();
    return { data, response: new Response(null, { status: data ? 200 : 503 }) };
  };
  const store = new TaskStore({ GET: unavailable, DELETE } as unknown as Api, UNSENT);
  const undo = () => tasksOf(store.state().notice?.undo);
  const refused = await store.run({ kind: "clear", tasks: [aTask(1)] });
  assert(refused);
  assert.equal(describeRefused(refused), "The completed tasks were only partly deleted.");
  assert.deepEqual(undo(), [1, 2]);
  await store.retry(refused);
  assert.deepEqual(undo(), [1, 2, 3]);
  assert.deepEqual(store.state().operations, []);
});

test("after a 410 the page shows older tasks of a backup", { timeout: 30_000 }, async (context) => {
  const page = browse();
  let expired = false;
  let tasks = [aTask(1, { title: "Newer", version: 9 }), aTask(2, { version: 8 })];
  const answers: Record<string, (query: { since?: string }) => [status: number, data?: unknown]> = {
    "/api/tasks": () => [200, tasks],
    "/api/tasks/stats": () => [503],
    "/api/tasks/changes": ({ since }) =>
      since && expired ? [410] : [200, { tasks, deleted: [], next: "next", has_more: false }],
  };
  const GET = async (path: string, { params }: { params: { query: { since?: string } } }) => {
    const [status, data] = answers[path]?.(params.query) ?? [404];
    return { data, response: new Response(null, { status }) };
  };
  const store = new TaskStore({ GET } as unknown as Api, UNSENT);
  const titles = () => toRows(store.state(), EVERYTHING, "").map(({ task }) => task.title);
  const shows = (...expected: string[]) =>
    new Promise<void>((resolve) => {
      store.subscribe(() => `${titles()}` === `${expected}` && resolve());
    });
  context.after(store.start());
  const loaded = shows("Newer", "Task 2");
  store.want(EVERYTHING);
  await loaded;
  await new Promise(setImmediate); // the first sync ends

  [expired, tasks] = [true, [aTask(1, { title: "From the backup" })]];
  const restored = shows("From the backup");
  page.window.dispatchEvent(new Event("focus"));
  await restored;
});

/** Let the store listen to the events of a page. */
function browse() {
  const page = { window: new EventTarget(), document: new EventTarget() };
  for (const [name, value] of Object.entries(page)) {
    Object.defineProperty(globalThis, name, { value, configurable: true });
  }
  return page;
}
