/** The list of one user: loads it, sends changes and listens for changes from elsewhere. */

import { isProblem, nextCursor, settle } from "./api";
import type { Api, Outcome, Problem, Task } from "./api";
import { readCounts } from "./counts";
import type { Drafts } from "./drafts";
import {
  START,
  asStored,
  fromFirstPlace,
  isDeletion,
  isEdit,
  isForAll,
  isOutage,
  isReopened,
  isReplaced,
  isSentLater,
  isWaiting,
  obstacle,
  readyToSend,
  reduce,
  targets,
  toRows,
} from "./list";
import type { Action, Draft, Intent, Notice, Operation, State, Undo } from "./list";
import {
  NOTHING_TO_UNDO,
  describeAsBefore,
  describeDiscarded,
  describeDone,
  describeGone,
  describeHidden,
  describeNeighbourGone,
  describeRefused,
  describeReverted,
} from "./messages";
import type { Typed } from "./messages";
import { EVERYTHING, contains, formatQuery, isNarrowed, toParameters } from "./query";
import type { Query } from "./query";
import { EMPTY, isBegun } from "./quick-add";
import type { Draft as NewTask } from "./quick-add";
import { randomId } from "./random-id";
import { isGone, send, withIds } from "./send";
import { startSync } from "./sync";
import type { SyncResult } from "./sync";

type Page = { tasks: Task[]; cursor?: string; tag?: string; unchanged?: boolean };
type Read = (signal: AbortSignal) => Promise<Outcome<Page>>;
export const TYPING_MS = 250;
const UNCHANGED = 304;
const SIGNED_OUT = 401;
const IN_ORDER: Partial<Record<Operation["kind"], number>> = { move: 0, create: -1 }; // no ids of tasks
const MANY_UNDOS = 20;

export class TaskStore {
  #state = START;
  #query = EVERYTHING;
  #listeners = new Set<() => void>();
  #listing?: AbortController; // the load that is running
  #counting?: AbortController;
  #visibleLoad = { read: (signal: AbortSignal) => this.#readPages(signal), more: false };
  #pages = 1;
  #tag?: string; // the ETag of the first page
  #isStale = false;
  #turns = new Map<number, Promise<unknown>>(); // the last operation of each task
  #emptied?: Promise<unknown>; // the last time that the trash was emptied
  #running = 0;
  #settled = 0;
  #sync?: ReturnType<typeof startSync>;
  #isSynced = false; // since the page began
  #isRestored = false;
  #begun?: NewTask;
  #openId?: number; // the task in the edit form
  #ended: Promise<unknown> = Promise.resolve(); // all operations until now
  #undos: Undo[][] = []; // the last one takes back the last change

  constructor(
    readonly api: Api,
    readonly drafts: Drafts,
  ) {}

  readonly subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly state = (): State => this.#state;

  /** Return the new task that the user has begun to type, also before a reload. */
  readonly begun = (): NewTask => (this.#begun ??= this.drafts.read().begun ?? EMPTY);

  /** Keep the new task that the user has begun to type, for when they are back on the page. */
  readonly begin = (newTask: NewTask): void => {
    this.#begun = newTask;
    if (this.#isRestored) this.#keep();
  };

  /** Return what is lost when the tab is closed, or its user signs out. */
  unsaved(): unknown[] {
    const { operations, typed } = this.#state;
    return [...operations, ...typed.values(), ...(isBegun(this.begun()) ? [this.begun()] : [])];
  }

  /** Listen for changes from elsewhere, while a page shows the list. Return how to stop. */
  start(): () => void {
    this.#restore();
    this.#isSynced = false;
    const disconnect = () => this.#dispatch({ type: "connected", offline: true });
    window.addEventListener("offline", disconnect);
    const sync = startSync(this.api, {
      onExpired: () => this.#forget(),
      onChanges: (changes) => this.#dispatch({ type: "synced", ...changes }),
      onEnd: (result) => this.#afterSync(result),
    });
    this.#sync = sync;
    return () => {
      window.removeEventListener("offline", disconnect);
      sync.stop();
      this.cancel();
    };
  }

  /** Take up what a reload interrupted. */
  #restore(): void {
    if (this.#isRestored) return;
    this.#isRestored = true;
    const { unsent, typed, undo } = this.drafts.read();
    for (const draft of typed) this.type(draft.seen.id, draft);
    for (const operation of unsent) {
      const { problem } = operation;
      const isLeft = isForAll(operation) || (isWaiting(operation) && isReopened(this.#state, operation));
      if (problem && isLeft) this.#dispatch({ type: "refused", operation, problem });
      else this.#sendAgain([operation]);
    }
    if (undo) this.say(undo);
    this.#keep(); // text that was typed before the scripts ran
  }

  /** Forget what the service may no longer have. The rows stay until the list is loaded again. */
  #forget(): void {
    this.#tag = undefined;
    this.#dispatch({ type: "expired" });
  }

  #afterSync(result: SyncResult): void {
    this.#noteConnection(result);
    if ("problem" in result) {
      if (result.problem.status === SIGNED_OUT) this.#dispatch({ type: "failed", ...result });
      return;
    }
    this.#sendAgain(readyToSend(this.#state, this.#openId));
    const { problem } = this.#state;
    if (problem && isOutage(problem)) this.reload();
    else if (result.changed || this.#isStale) void this.#refresh();
  }

  // Loading

  /** Show another list soon, after the last letter of a search. Return how to cancel. */
  want(query: Query): () => void {
    const isTyping = query.q !== this.#query.q && this.#state.listed !== undefined;
    this.#turn(query);
    const timer = setTimeout(() => void this.#show(query), isTyping ? TYPING_MS : 0);
    return () => {
      clearTimeout(timer);
      this.cancel();
    };
  }

  /** Leave the list of one page for when the user is back from the other one, the trash. */
  #turn(query: Query): void {
    if ((query.status === "deleted") === (this.#query.status === "deleted")) return;
    this.#query = query;
    this.#dispatch({ type: "turned" });
  }

  async #show(query: Query): Promise<void> {
    const isFirst = !this.#isSynced;
    this.#isSynced = true;
    this.#query = query;
    this.#tag = undefined;
    this.#pages = 1;
    void this.#count();
    await this.#load((signal) => this.#readPages(signal));
    if (isFirst) await this.#sync?.catchUp();
  }

  /** Stop loading a list that is no longer wanted. */
  cancel(): void {
    this.#listing?.abort();
    this.#listing = undefined;
    this.#counting?.abort();
  }

  loadMore(): void {
    const { cursor, loading } = this.#state;
    if (cursor && !loading) void this.#load((signal) => this.#readPage(signal, { cursor }), true);
  }

  /** Try again to load what could not be loaded. */
  reload(): void {
    const { read, more } = this.#visibleLoad;
    void this.#count();
    void this.#load(read, more);
  }

  async #load(read: Read, more = false): Promise<void> {
    if (more && this.#listing) this.#isStale = true; // it interrupts a refresh
    this.#visibleLoad = { read, more };
    this.#dispatch({ type: "loading" });
    const outcome = await this.#read(read);
    if (!outcome) return;
    if (isProblem(outcome)) this.#dispatch({ type: "failed", problem: outcome.problem });
    else {
      this.#accept(outcome.data, more);
      this.#sendAgain(readyToSend(this.#state, this.#openId));
    }
    if (this.#isStale) await this.#refresh();
  }

  /** Load the same pages again, unseen, unless nothing has changed. */
  async #refresh(): Promise<void> {
    this.#isStale = true;
    if (this.#listing) return; // the load that is running refreshes when it ends
    this.#isStale = false;
    const outcome = await this.#read((signal) => this.#readPages(signal, this.#tag));
    if (!outcome) return;
    if (isProblem(outcome)) {
      this.#isStale = true; // until the next sync
      return;
    }
    if (!outcome.data.unchanged) {
      this.#accept(outcome.data);
      void this.#count();
    }
    if (this.#isStale) await this.#refresh();
  }

  /** Read once more if an operation ended meanwhile: the page may be older than its result. */
  async #read(read: Read): Promise<Outcome<Page> | undefined> {
    this.#listing?.abort();
    const listing = (this.#listing = new AbortController());
    for (;;) {
      const before = this.#settled;
      const outcome = await read(listing.signal);
      if (listing.signal.aborted) return undefined;
      this.#noteConnection(outcome);
      if (this.#settled !== before) continue;
      this.#listing = undefined;
      return outcome;
    }
  }

  #accept({ tasks, cursor, tag }: Page, more = false): void {
    if (more) this.#pages += 1;
    else this.#tag = tag;
    const listed = formatQuery(this.#query);
    this.#dispatch({ type: "loaded", listed, tasks, cursor, more });
  }

  /** Read as many pages as are shown. With the tag of the first one, stop if it is still valid. */
  async #readPages(signal: AbortSignal, tag?: string): Promise<Outcome<Page>> {
    const first = await this.#readPage(signal, { tag });
    if (isProblem(first) || first.data.unchanged) return first;
    const page = first.data;
    for (let count = 1; count < this.#pages && page.cursor; count += 1) {
      const next = await this.#readPage(signal, { cursor: page.cursor });
      if (isProblem(next)) return next;
      page.tasks.push(...next.data.tasks);
      page.cursor = next.data.cursor;
    }
    return first;
  }

  async #readPage(
    signal: AbortSignal,
    { cursor, tag }: { cursor?: string; tag?: string },
  ): Promise<Outcome<Page>> {
    const query = { ...toParameters(this.#query), cursor };
    const header = tag ? { "If-None-Match": tag } : {};
    const outcome = await settle(this.api.GET("/api/tasks", { params: { query, header }, signal }));
    if (isProblem(outcome)) return outcome;
    const { data: tasks, response } = outcome;
    if (response.status === UNCHANGED) return { data: { tasks: [], unchanged: true }, response };
    const page = { tasks, cursor: nextCursor(response), tag: response.headers.get("ETag") ?? "" };
    return { data: page, response };
  }

  async #count(): Promise<void> {
    if (this.#query.status === "deleted") return;
    this.#counting?.abort();
    const { signal } = (this.#counting = new AbortController());
    const counts = await readCounts(this.api, this.#query, signal);
    if (counts && !signal.aborted) this.#dispatch({ type: "counted", counts });
  }

  // Changing

  /** Apply a change to the page before this returns, and send it. Resolve to a refused operation. */
  run(intent: Intent, key = randomId()): Promise<Operation | undefined> {
    const from = fromFirstPlace(this.#state, intent);
    const operation: Operation = { ...from, key, problem: undefined, theirs: undefined };
    if (isDeletion(operation)) {
      // It is about the tasks as the page shows them, with what waits. No deletion fills the trash.
      const ids = targets(operation);
      const waiting = readyToSend(this.#state, this.#openId).filter((each) => !isDeletion(each));
      const isMeant = (each: Operation) => targets(each).some((id) => ids.includes(id));
      this.#sendAgain(isForAll(operation) ? waiting : waiting.filter(isMeant));
    }
    // A move is announced at once, and only then: the next one may come before the response.
    this.say(operation.kind === "move" ? { text: describe(operation, []).text } : undefined);
    return this.#start(operation);
  }

  #start(operation: Operation, isAgain = false): Promise<Operation | undefined> {
    this.#dispatch({ type: "began", operation });
    const performed = this.#perform(operation, isAgain);
    this.#ended = Promise.all([this.#ended, performed]).then(() => undefined);
    return performed;
  }

  /**
   * Take back what a message offers, or else the last change, also one that is under way. Call a
   * function with the ids of its tasks before it begins.
   */
  async undo(offered?: Undo[], onBegin?: (ids: number[]) => void): Promise<void> {
    if (!offered) await this.#ended;
    const waiting = offered ? undefined : this.#state.operations.filter(isSentLater).at(-1);
    if (waiting && waiting.kind !== "create" && !isEdit(waiting)) { // which have a text
      this.dismiss(waiting.key);
      return this.say(describeAsBefore(waiting));
    }
    const undos = offered ?? this.#undos.at(-1);
    if (!undos) return this.say(NOTHING_TO_UNDO);
    onBegin?.(undos.flatMap((undo) => (undo.kind === "type" ? [] : targets(undo))));
    this.#undos = this.#undos.filter((each) => each !== undos);
    const refused = await Promise.all(undos.map((undo) => this.#takeBack(undo)));
    if (refused.some(Boolean)) return onBegin?.([]);
    const notice = describeReverted(undos);
    if (notice) this.say(notice);
  }

  #remember(undo: Undo[] | undefined): void {
    if (undo) this.#undos = [...this.#undos, undo].slice(-MANY_UNDOS);
  }

  #takeBack(undo: Undo): Promise<Operation | undefined> | undefined {
    if (undo.kind !== "type") return this.run({ ...undo, undoes: true }, undo.key);
    const { seen, changes } = undo;
    this.say({ text: `Your changes to “${seen.title}” are back.` });
    this.type(seen.id, { seen, changes });
  }

  /** Keep what the user typed for a task, or forget it. */
  type(id: number, draft?: Draft): void {
    this.#dispatch({ type: "typed", id, draft });
  }

  /** Send no edit of a task by itself while its form is open. Return how to end that. */
  open(id?: number): () => void {
    this.#openId = id;
    return () => (this.#openId = undefined);
  }

  /** Throw away what the user typed, also a refused operation with it. Undo brings it back. */
  discard(typed: Typed, key?: string): void {
    if (typed.kind === "type") this.type(typed.seen.id);
    if (key) this.dismiss(key);
    this.say(describeDiscarded(typed.kind === "create" ? { ...typed, key } : typed));
  }

  /** Give up a change that waits. Undo lets it wait again. */
  giveUp(operation: Operation): void {
    this.dismiss(operation.key);
    this.say({ ...describeAsBefore(operation), undo: [operation] });
  }

  retry({ key, ...operation }: Operation): Promise<Operation | undefined> {
    return this.run(operation, key);
  }

  dismiss(key: string): void {
    this.#dispatch({ type: "dismissed", key });
  }

  /** Send again what was refused because nobody was signed in. */
  resume(): void {
    const refused = this.#state.operations.filter(({ problem }) => problem?.status === SIGNED_OUT);
    for (const operation of refused) void this.retry(operation);
    if (this.#state.problem) this.reload();
  }

  /** Send again all that an outage refused, at the user's wish. */
  retryAll(): void {
    // Each is sent once: what is for all sends the others first, and deletions come after it.
    const place = (operation: Operation) => (isForAll(operation) ? 1 : isDeletion(operation) ? 2 : 0);
    const waiting = this.#state.operations.filter(isWaiting);
    waiting.sort((one, other) => place(one) - place(other));
    for (const operation of waiting) void this.retry(operation);
    if (this.#state.problem) this.reload();
  }

  /** Send again what waits. It repeats no refusal, and an Undo button stays. */
  #sendAgain(operations: Operation[]): void {
    for (const operation of operations) {
      void this.#start({ ...operation, problem: undefined, theirs: undefined }, true);
    }
  }

  say(notice: Notice | undefined): void {
    this.#remember(notice?.undo);
    this.#dispatch({ type: "said", notice });
  }

  async #perform(operation: Operation, isAgain: boolean): Promise<Operation | undefined> {
    this.#running += 1;
    let before = this.#state.tasks; // as stored, when it is sent
    const result = await this.#inTurn(operation, async () => {
      before = this.#state.tasks;
      if (isReplaced(this.#state, operation)) return undefined;
      const problem = obstacle(this.#state, operation);
      return problem ? { problem } : send(this.api, operation);
    });
    this.#settled += 1;
    this.#running -= 1;
    if (result) this.#noteConnection(result);
    if (this.#running === 0) setTimeout(() => void this.#refresh());
    if (!result || (isProblem(result) && isReplaced(this.#state, operation))) {
      this.dismiss(operation.key);
      this.#remember(describe(operation, []).undo); // the next move starts from its place
      return undefined;
    }
    if (!isProblem(result)) {
      const { operation: done, stored } = result;
      this.#dispatch({ type: "accepted", operation: done, stored });
      if (isEdit(done)) this.#tag = undefined; // a list from before the response may have its task
      if (done.kind === "create" && !done.undoes) {
        this.#remember(stored.map((task) => ({ kind: "delete", task })));
      }
      const notice = describe(asStored(done, before), stored);
      const offersUndo = this.#state.notice?.seen && this.#state.notice.undo;
      if (isAgain ? offersUndo : done.kind === "move") this.#remember(notice.undo);
      else this.say(this.#showUnlessListed(notice, done, stored));
      this.#sendAgain(readyToSend(this.#state, this.#openId));
      return undefined;
    }
    const isLost = isGone(result) && !isEdit(operation); // no text would be lost
    if (isLost && (operation.kind === "change" || operation.kind === "move")) {
      this.#dispatch({ type: "accepted", operation, stored: [] });
      this.say(describeGone(operation.task));
      return undefined;
    }
    if (operation.kind === "move" && result.problem.status === 400) {
      this.dismiss(operation.key);
      this.say(describeNeighbourGone(operation.task));
      return undefined;
    }
    const { problem, theirs, partial } = result;
    const refused = partial ?? operation;
    const done = partial?.done?.length ? withIds(partial, partial.done) : undefined;
    if (done) this.#dispatch({ type: "accepted", operation: done, stored: [] });
    this.#dispatch({ type: "refused", operation: refused, problem, theirs });
    const left = this.#state.operations.find(({ key }) => key === operation.key);
    const notice = done && describe(done, []);
    if (notice?.undo) this.say(notice);
    else if (left && !isAgain) this.say({ text: describeRefused(left) });
    return left;
  }

  /**
   * Send the operations on a task one after the other, so that the last change is stored last. Also
   * new tasks, and all moves: a place depends on where its neighbour is. No deletion comes while the
   * trash is emptied, which would erase its task.
   */
  #inTurn<T>(operation: Operation, work: () => Promise<T>): Promise<T> {
    const ids = targets(operation).concat(IN_ORDER[operation.kind] ?? []);
    const before = ids.map((id) => this.#turns.get(id));
    if (isDeletion(operation)) before.push(this.#emptied);
    const turn = Promise.all(isForAll(operation) ? this.#turns.values() : before).then(work);
    for (const id of ids) this.#turns.set(id, turn);
    if (operation.kind === "empty") this.#emptied = turn;
    return turn;
  }

  /** Make a message about a new or changed task visible if the list does not show the task. */
  #showUnlessListed(notice: Notice, { kind }: Operation, stored: Task[]): Notice {
    if (notice.seen || (kind !== "create" && kind !== "change")) return notice;
    const query = this.#query;
    const row = toRows(this.#state, query, formatQuery(query)).find(({ task }) => task.id === stored[0]?.id);
    const isFound = row && contains(row.task, query); // the service searches later
    const mayHide = kind === "create" && query.status !== "deleted" && isNarrowed(query);
    return mayHide && !isFound ? describeHidden(notice) : { ...notice, seen: !row };
  }

  #noteConnection(outcome: object | { problem: Problem }): void {
    const offline = "problem" in outcome && outcome.problem.status === 0;
    this.#dispatch({ type: "connected", offline });
  }

  #dispatch(action: Action): void {
    const before = this.#state;
    const now = (this.#state = reduce(before, action));
    for (const listener of this.#listeners) listener();
    const isSame = before.operations === now.operations && before.typed === now.typed;
    if (!isSame || before.notice !== now.notice) this.#keep();
  }

  #keep(): void {
    const { operations, typed, notice } = this.#state;
    const unsent = operations.filter((each) => each.problem || !isForAll(each));
    const begun = isBegun(this.begun()) ? this.begun() : undefined;
    const undo = notice?.seen && notice.undo ? notice : undefined;
    this.drafts.write({ unsent, typed: [...typed.values()], begun, undo });
  }
}

/** Describe what was done. An Undo cannot be undone, so that one more Undo takes back what was before. */
function describe(operation: Operation, stored: Task[]): Notice {
  const { undo, ...notice } = describeDone(operation, stored);
  if (!operation.undoes) return { ...notice, undo };
  if (!isEdit(operation)) return notice;
  return { ...describeAsBefore({ ...operation, task: stored[0] ?? operation.task }), seen: false };
}
