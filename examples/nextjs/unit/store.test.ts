import assert from "node:assert/strict";
import { test } from "node:test";
import { createApi } from "../lib/api";
import { keepDrafts } from "../lib/drafts";
import { TaskStore } from "../lib/store";

const UNSENT = { read: () => ({ creates: [] }), write: () => undefined };

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
  assert.deepEqual(drafts.read(), { creates: [] });
  assert(warned.mock.callCount() > 0);
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
