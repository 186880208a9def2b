import assert from "node:assert/strict";
import { test } from "node:test";
import type { Problem, Task } from "../lib/api";
import { START, changesOf, isConflict, isReplaced, otherRefusals, reduce, toRows } from "../lib/list";
import type { Action, Intent, Place, State } from "../lib/list";
import { BY_HAND, EVERYTHING, TRASH, formatQuery } from "../lib/query";
import type { Query } from "../lib/query";
import { aTask } from "./tasks";

const UNREACHABLE: Problem = { status: 0, detail: "The service cannot be reached.", fields: {} };
const FORBIDDEN: Problem = { status: 403, detail: "That is not allowed.", fields: {} };
const STALE: Problem = { status: 412, detail: "The task has changed.", fields: {} };
const ALL = formatQuery(EVERYTHING);
let lastKey = 0;

function operation<T extends Intent>(intent: T): T & { key: string } {
  return { ...intent, key: `${(lastKey += 1)}` };
}

function after(...actions: Action[]): State {
  return actions.reduce(reduce, START);
}

function loaded(...tasks: Task[]): Action {
  return { type: "loaded", listed: ALL, tasks, more: false };
}

function titles(state: State, query: Query = EVERYTHING): string[] {
  return toRows(state, query, ALL).map(({ task }) => task.title);
}

test("tasks are shown in the order of the service", () => {
  assert.deepEqual(titles(after(loaded(aTask(2), aTask(1)))), ["Task 2", "Task 1"]);
});

test("another page follows, without duplicates", () => {
  const more: Action = { ...loaded(aTask(2), aTask(1)), more: true } as Action;
  const state = after(loaded(aTask(3), aTask(2)), more);
  assert.deepEqual(titles(state), ["Task 3", "Task 2", "Task 1"]);
});

test("a list that cannot be loaded leaves the last one readable", () => {
  const state = after(loaded(aTask(1)), { type: "loading" }, { type: "failed", problem: UNREACHABLE });
  assert.deepEqual(titles(state), ["Task 1"]);
  assert.equal(state.problem, UNREACHABLE);
});

test("a pending create is shown first", () => {
  const create = operation({ kind: "create", task: { title: "New" } });
  const state = after(loaded(aTask(1)), { type: "began", operation: create });
  const [first] = toRows(state, EVERYTHING, ALL);
  assert.deepEqual([first?.task.title, first?.saving], ["New", true]);
});

test("an accepted create takes the place of its draft", () => {
  const create = operation({ kind: "create", task: { title: "New" } });
  const stored = [aTask(2, { title: "New" })];
  const state = after(
    loaded(aTask(1)),
    { type: "began", operation: create },
    { type: "accepted", operation: create, stored },
  );
  assert.deepEqual(titles(state), ["New", "Task 1"]);
  assert.deepEqual(state.operations, []);
});

test("a create that was replayed from the trash is not shown", () => {
  const create = operation({ kind: "create", task: { title: "New" } });
  const stored = [aTask(2, { deleted_at: "2026-11-23T09:31:00Z" })];
  const state = after(
    { type: "began", operation: create },
    { type: "accepted", operation: create, stored },
  );
  assert.deepEqual(titles(state), []);
});

test("a refused create keeps its key and its reason", () => {
  const create = operation({ kind: "create", task: { title: "New" } });
  const state = after(
    { type: "began", operation: create },
    { type: "refused", operation: create, problem: UNREACHABLE },
  );
  const [row] = toRows(state, EVERYTHING, ALL);
  assert.deepEqual(row?.refused, { ...create, problem: UNREACHABLE, theirs: undefined });
});

test("a pending change is shown over the stored task", () => {
  const change = operation({ kind: "change", task: aTask(1), changes: { title: "Changed" } });
  const state = after(loaded(aTask(1)), { type: "began", operation: change });
  assert.deepEqual(titles(state), ["Changed"]);
});

test("a refused change is rolled back, and its row says why", () => {
  const change = operation({ kind: "change", task: aTask(1), changes: { title: "Changed" } });
  const state = after(
    loaded(aTask(1)),
    { type: "began", operation: change },
    { type: "refused", operation: change, problem: FORBIDDEN },
  );
  const [row] = toRows(state, EVERYTHING, ALL);
  assert.deepEqual([row?.task.title, row?.refused?.problem], ["Task 1", FORBIDDEN]);
});

test("a change that waits stays as the user made it, with its row, until a bug refuses it", () => {
  const complete = operation(tick(1));
  const high = operation({ ...HIGH, tasks: [aTask(1)] });
  const rowAfter = (problem: Problem, ...operations: Intent[]) => {
    const refused = operations.map((each): Action => ({ type: "refused", operation: operation(each), problem }));
    return toRows(after(loaded(aTask(1)), ...refused), { ...EVERYTHING, status: "active" }, ALL)[0];
  };
  const row = rowAfter(UNREACHABLE, complete, high);
  assert.deepEqual([row?.task.completed, row?.task.priority, row?.saving], [true, "high", false]);
  assert(row?.refused);
  assert.equal(rowAfter({ ...UNREACHABLE, status: 500 }, complete)?.task.completed, false);
  assert.equal(rowAfter(UNREACHABLE, { kind: "delete", task: aTask(1) })?.refused?.kind, "delete");
});

const TYPED = { seen: aTask(1), changes: { title: "Typed" } };
const EDIT = { kind: "change", task: aTask(1), ...TYPED } as const;

function afterRefusal(): State {
  const edit = operation(EDIT);
  return after(
    loaded(aTask(2), aTask(1)),
    { type: "began", operation: edit },
    { type: "refused", operation: edit, problem: UNREACHABLE },
  );
}

test("a refused edit shows what was typed, also where a later list lacks the task", () => {
  const state = afterRefusal();
  assert.deepEqual(titles(state), ["Task 2", "Typed"]);
  assert.deepEqual(titles(reduce(state, loaded(aTask(3), aTask(2)))), ["Task 3", "Typed", "Task 2"]);
});

test("an edit that is refused after a list without its task came still has its row", () => {
  const edit = operation(EDIT);
  const state = after(
    loaded(aTask(2), aTask(1)),
    { type: "began", operation: edit },
    { type: "synced", tasks: [], deleted: [1] },
    loaded(aTask(2)),
    { type: "refused", operation: edit, problem: { ...UNREACHABLE, status: 404 } },
  );
  assert.deepEqual(titles(state), ["Task 2", "Typed"]);
});

test("a deletion of the task turns a refused edit into a draft", () => {
  const remove = operation({ kind: "delete", task: aTask(1) });
  const state = reduce(afterRefusal(), { type: "began", operation: remove });
  assert.deepEqual([state.operations, [...state.typed.values()]], [[remove], [TYPED]]);
});

/** What is left of refused operations when others begin. */
function left(...intents: Intent[]): Partial<Intent>[] {
  const [newest, ...refused] = intents.map((intent) => operation(intent)).reverse();
  if (!newest) return [];
  const state = after(
    ...refused.reverse().flatMap((each): Action[] => [
      { type: "began", operation: each },
      { type: "refused", operation: each, problem: UNREACHABLE },
    ]),
    { type: "began", operation: newest },
  );
  assert.equal(state.typed.size, 0);
  return state.operations.filter(({ problem }) => problem);
}

const tick = (id: number, completed = true): Intent => {
  return { kind: "change", task: aTask(id), changes: { completed } };
};
const HIGH = { kind: "changeMany", changes: { priority: "high" } } as const;

test("a change takes from those that wait only its own fields and tasks", () => {
  const many: Intent = { ...HIGH, tasks: [aTask(1), aTask(2)] };
  const low: Intent = { kind: "changeMany", tasks: [aTask(1)], changes: { priority: "low" } };
  const [kept] = left(many, tick(1));
  assert(kept && "tasks" in kept);
  assert.deepEqual(kept.tasks?.map(({ id }) => id), [1, 2]);
  const [rest] = left(many, low);
  assert(rest && "tasks" in rest);
  assert.deepEqual(rest.tasks?.map(({ id }) => id), [2]);
  assert.equal(left(many, { kind: "deleteMany", tasks: [aTask(1), aTask(2)] }).length, 1); // for an Undo
  assert.equal(left(tick(1), EDIT).length, 1);
  assert.equal(left(EDIT, tick(1)).length, 1);
  assert.equal(left(tick(1), tick(1, false)).length, 0);
  assert.equal(left({ kind: "clear", tasks: [aTask(1)] }, tick(1, false)).length, 1);
});

test("a deletion keeps a tick that waits until the service has deleted the task", () => {
  const [complete, remove] = [operation(tick(1)), operation({ kind: "delete", task: aTask(1) })];
  const waits = after(
    loaded(aTask(1)),
    { type: "refused", operation: complete, problem: UNREACHABLE },
    { type: "began", operation: remove },
    { type: "refused", operation: remove, problem: UNREACHABLE },
  );
  assert.deepEqual(waits.operations.map(({ kind }) => kind), ["change", "delete"]);
  const undone = reduce(waits, { type: "dismissed", key: remove.key });
  assert.equal(toRows(undone, EVERYTHING, ALL)[0]?.task.completed, true);
  const accepted = reduce(waits, { type: "accepted", operation: remove, stored: [] });
  assert.deepEqual(accepted.operations, []); // nobody is told that it was deleted elsewhere
});

test("a saved form takes back what it no longer has of an edit that waits", () => {
  const seen = aTask(1);
  const both: Intent = { ...EDIT, changes: { title: "Typed", description: "Notes" } };
  const form: Intent = { ...EDIT, seen, changes: { description: "Other" } };
  assert.equal(left(both, form).length, 0); // the form shows the old title again
  const shown = { ...seen, title: "Typed" }; // the edit was pending when the form opened
  assert.deepEqual(left(both, { ...form, seen: shown }).map((each) => "changes" in each && each.changes), [
    { title: "Typed" },
  ]);
});

test("a row with an edit that waits keeps it beside another refusal", () => {
  const complete = operation(tick(1));
  const state = after(...[{ type: "refused", operation: complete, problem: UNREACHABLE }] as Action[]);
  const both = [...afterRefusal().operations, ...state.operations];
  const [, row] = toRows({ ...afterRefusal(), operations: both }, EVERYTHING, ALL);
  assert.equal(row?.refused?.key, both[0]?.key);
});

test("a change that is sent again replaces nothing that came after it", () => {
  const [remove, complete] = [operation({ kind: "delete", task: aTask(1) }), operation(tick(1))];
  const refuse = (each: State["operations"][number]): Action[] => [
    { type: "began", operation: each },
    { type: "refused", operation: each, problem: UNREACHABLE },
  ];
  const state = after(...refuse(remove), ...refuse(complete), { type: "began", operation: remove });
  assert.deepEqual(state.operations.map(({ kind }) => kind), ["delete", "change"]);
});

test("a draft goes to the trash with its task, and comes back with it", () => {
  const remove = operation({ kind: "delete", task: aTask(1) });
  const restore = operation({ kind: "restore", tasks: [aTask(1)] });
  const draft: Action = { type: "typed", id: 1, draft: TYPED };
  const deleted = after(loaded(aTask(1)), draft, { type: "accepted", operation: remove, stored: [] });
  assert.deepEqual(titles(deleted), []);
  const restored = reduce(deleted, { type: "accepted", operation: restore, stored: [] });
  assert.deepEqual(titles(restored), ["Typed"]);
  const empty = operation({ kind: "empty", tasks: [aTask(1)] });
  const emptied = reduce(deleted, { type: "accepted", operation: empty, stored: [] });
  assert.equal(emptied.typed.size, 0);
});

test("a draft is shown when its task is deleted elsewhere, but not in the trash", () => {
  const draft: Action = { type: "typed", id: 1, draft: TYPED };
  const state = after(loaded(aTask(1)), draft, { type: "synced", tasks: [], deleted: [1] }, loaded());
  assert.deepEqual(titles(state), ["Typed"]);
  assert.deepEqual(titles(after(loaded(), draft), TRASH), []);
});

test("a blank title that is typed does not empty its row", () => {
  const draft = { seen: aTask(1), changes: { title: " " } };
  const state = after(loaded(aTask(1)), { type: "typed", id: 1, draft });
  assert.deepEqual(titles(state), ["Task 1"]);
});

test("the list is still there after a visit to the trash", () => {
  const state = after(loaded(aTask(1)), { type: "turned" }, { type: "turned" });
  assert.deepEqual([state.listed, titles(state)], [ALL, ["Task 1"]]);
});

test("a new change replaces the refused one of the same task", () => {
  const first = operation({ kind: "change", task: aTask(1), changes: { title: "First" } });
  const second = operation({ kind: "change", task: aTask(1), changes: { title: "Second" } });
  const state = after(
    loaded(aTask(1)),
    { type: "began", operation: first },
    { type: "refused", operation: first, problem: UNREACHABLE },
    { type: "began", operation: second },
  );
  assert.deepEqual(state.operations, [second]);
});

test("a deleted task keeps its place for when it is restored", () => {
  const remove = operation({ kind: "delete", task: aTask(2) });
  const restore = operation({ kind: "restore", tasks: [aTask(2)] });
  const deleted = after(
    loaded(aTask(3), aTask(2), aTask(1)),
    { type: "began", operation: remove },
    { type: "accepted", operation: remove, stored: [] },
  );
  assert.deepEqual(titles(deleted), ["Task 3", "Task 1"]);
  const restored = reduce(deleted, { type: "accepted", operation: restore, stored: [] });
  assert.deepEqual(titles(restored), ["Task 3", "Task 2", "Task 1"]);
});

test("a task that is being restored leaves the trash", () => {
  const deleted = aTask(1, { deleted_at: "2026-11-23T09:31:00Z" });
  const restore = operation({ kind: "restore", tasks: [deleted] });
  const state = after(loaded(deleted), { type: "began", operation: restore });
  assert.deepEqual(titles(after(loaded(deleted)), TRASH), ["Task 1"]);
  assert.deepEqual(titles(state, TRASH), []);
});

test("tasks of an emptied trash leave the list", () => {
  const deleted = aTask(1, { deleted_at: "2026-11-23T09:31:00Z" });
  const empty = operation({ kind: "empty", tasks: [deleted] });
  const began = after(loaded(deleted), { type: "began", operation: empty });
  assert.deepEqual(titles(began, TRASH), []);
  const emptied = reduce(began, { type: "accepted", operation: empty, stored: [] });
  assert.deepEqual(titles(emptied, TRASH), []);
});

test("a refused restore is shown above the list, because it has no row", () => {
  const restore = operation({ kind: "restore", tasks: [aTask(1)] });
  const state = after(
    { type: "began", operation: restore },
    { type: "refused", operation: restore, problem: UNREACHABLE },
  );
  const others = otherRefusals(state, toRows(state, EVERYTHING, ALL));
  assert.deepEqual(others.map(({ key }) => key), [restore.key]);
});

test("a change of several tasks hides those that no longer match the filter", () => {
  const tasks = [aTask(1), aTask(2)];
  const change = operation({ kind: "changeMany", tasks, changes: { completed: true } });
  const state = after(loaded(aTask(3), ...tasks), { type: "began", operation: change });
  assert.deepEqual(titles(state, { ...EVERYTHING, status: "active" }), ["Task 3"]);
});

test("a task of a changed selection that did not come back was deleted elsewhere", () => {
  const tasks = [aTask(1), aTask(2)];
  const change = operation({ kind: "changeMany", tasks, changes: { priority: "high" } });
  const stored = [aTask(1, { priority: "high", version: 5 })];
  const state = after(
    loaded(...tasks),
    { type: "began", operation: change },
    { type: "accepted", operation: change, stored },
  );
  assert.deepEqual(titles(state), ["Task 1"]);
});

test("a change from elsewhere is shown", () => {
  const tasks = [aTask(1, { title: "From the phone", version: 5 })];
  const state = after(loaded(aTask(1)), { type: "synced", tasks, deleted: [] });
  assert.deepEqual(titles(state), ["From the phone"]);
});

test("a response that is older than what is known changes nothing", () => {
  const newer = aTask(1, { title: "Newer", version: 5 });
  const state = after(loaded(newer), { type: "synced", tasks: [aTask(1)], deleted: [] });
  assert.deepEqual(titles(state), ["Newer"]);
});

test("a task that was deleted elsewhere leaves the list", () => {
  const state = after(loaded(aTask(2), aTask(1)), { type: "synced", tasks: [], deleted: [2] });
  assert.deepEqual(titles(state), ["Task 1"]);
});

test("until the service has searched, the page narrows down what it has", () => {
  const state = after(loaded(aTask(1, { title: "Buy Milk" }), aTask(2)));
  const query = { ...EVERYTHING, q: " milk" };
  assert.deepEqual(
    toRows(state, query, formatQuery(query)).map(({ task }) => task.id),
    [1],
  );
});

test("a sign-in is asked for in one place, not beside each change", () => {
  const change = operation({ kind: "clear", tasks: [] });
  const problem = { ...UNREACHABLE, status: 401 };
  const state = after(
    { type: "began", operation: change },
    { type: "refused", operation: change, problem },
  );
  assert.deepEqual(otherRefusals(state, []), []);
});

test("a stale edit shows the version that it would overwrite", () => {
  const seen = aTask(1);
  const theirs = aTask(1, { title: "Theirs", version: 5 });
  const edit = operation({ kind: "change", task: seen, changes: { title: "Mine" }, seen });
  const state = after(
    loaded(seen),
    { type: "began", operation: edit },
    { type: "refused", operation: edit, problem: STALE, theirs },
  );
  const [row] = toRows(state, EVERYTHING, ALL);
  assert.deepEqual([row?.task, row?.refused?.theirs], [theirs, theirs]);
});

test("an edit sends only the fields that differ from what the user saw", () => {
  const seen = aTask(1, { description: "Notes", tags: ["home"] });
  const typed = { ...seen, description: null, tags: ["home", "work"] };
  assert.deepEqual(changesOf(seen, seen), {});
  assert.deepEqual(changesOf(seen, typed), { description: null, tags: ["home", "work"] });
});

for (const [name, theirs, expected] of [
  ["a title that was changed elsewhere is a conflict", { title: "Theirs" }, true],
  ["notes that were changed elsewhere are a conflict", { description: "Theirs" }, true],
  ["a completion is no conflict, because an edit does not change it", { completed: true }, false],
  ["a lost response is no conflict, because the edit was stored", { title: "Mine" }, false],
] as const) {
  test(name, () => {
    const seen = aTask(1);
    const edit = operation({ kind: "change", task: seen, changes: { title: "Mine" }, seen });
    assert.equal(isConflict(edit, aTask(1, { ...theirs, version: 5 })), expected);
  });
}

test("a dismissed refusal leaves the stored task", () => {
  const change = operation({ kind: "change", task: aTask(1), changes: { title: "Changed" } });
  const state = after(
    loaded(aTask(1)),
    { type: "began", operation: change },
    { type: "refused", operation: change, problem: UNREACHABLE },
    { type: "dismissed", key: change.key },
  );
  const [row] = toRows(state, EVERYTHING, ALL);
  assert.deepEqual([row?.task.title, row?.refused], ["Task 1", undefined]);
});

const HAND: Query = { ...EVERYTHING, sort: BY_HAND };
const [FIRST, SECOND, THIRD] = [1, 2, 3].map((id) => aTask(id, { position: `0${id}` })) as [
  Task,
  Task,
  Task,
];

function move(task: Task, to: Place) {
  return operation({ kind: "move", task, to, place: 1 });
}

for (const [name, task, to, expected] of [
  ["down, after a task", FIRST, { after: 2 }, [2, 1, 3]],
  ["up, before a task", THIRD, { before: 1 }, [3, 1, 2]],
  ["beside a task that the list does not have", THIRD, { before: 9 }, [1, 2, 3]],
] as const) {
  test(`a pending move is shown: ${name}`, () => {
    const state = after(loaded(FIRST, SECOND, THIRD), { type: "began", operation: move(task, to) });
    assert.deepEqual(ids(state), expected);
    assert.deepEqual(toRows(state, EVERYTHING, ALL).map(({ task: { id } }) => id), [1, 2, 3]);
  });
}

test("moves apply one after the other, then the stored positions give the order", () => {
  const [first, second] = [move(FIRST, { after: 3 }), move(SECOND, { after: 1 })];
  const began = after(
    loaded(FIRST, SECOND, THIRD),
    { type: "began", operation: first },
    { type: "began", operation: second },
  );
  assert.deepEqual(ids(began), [3, 1, 2]);
  const stored = [{ ...FIRST, position: "04", version: 5 }];
  const accepted = reduce(began, { type: "accepted", operation: first, stored });
  assert.deepEqual(ids(accepted), [3, 1, 2]);
  assert.deepEqual(ids(reduce(accepted, { type: "dismissed", key: second.key })), [2, 3, 1]);
});

test("a refused move is rolled back unless it waits, and its row says why", () => {
  const refused = move(FIRST, { after: 3 });
  for (const [problem, expected] of [[FORBIDDEN, [1, 2, 3]], [UNREACHABLE, [2, 3, 1]]] as const) {
    const state = after(
      loaded(FIRST, SECOND, THIRD),
      { type: "began", operation: refused },
      { type: "refused", operation: refused, problem },
    );
    assert.deepEqual(ids(state), expected);
    const row = toRows(state, HAND, ALL).find(({ task }) => task.id === FIRST.id);
    assert.equal(row?.refused?.problem, problem);
  }
});

test("a move keeps a refused edit of its task", () => {
  const edit = operation({ kind: "change", task: FIRST, changes: { title: "Mine" } });
  const state = after(
    loaded(FIRST, SECOND),
    { type: "began", operation: edit },
    { type: "refused", operation: edit, problem: STALE },
    { type: "began", operation: move(FIRST, { after: 2 }) },
  );
  assert.deepEqual(state.operations.map(({ kind }) => kind), ["change", "move"]);
});

test("a move does not count if the next one is of the same task", () => {
  const moves = [FIRST, FIRST, SECOND, FIRST].map((task) => move(task, { after: 3 }));
  const state = after(...moves.map((each): Action => ({ type: "began", operation: each })));
  assert.deepEqual(moves.map((each) => isReplaced(state, each)), [true, false, false, false]);
});

function ids(state: State): number[] {
  return toRows(state, HAND, ALL).map(({ task }) => task.id);
}
