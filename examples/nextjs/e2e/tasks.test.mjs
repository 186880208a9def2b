import assert from "node:assert/strict";
import { after, test } from "node:test";
import { holdWrites } from "./database.mjs";
import { PAGE, PASSWORD, Person, browser, userOf } from "./person.mjs";

after(() => browser.close());

test("a task is added, completed and edited, with all its fields", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  await page.getByText("No tasks.").waitFor();

  assert.equal((await ada.add("  Buy milk ")).status(), 201);
  assert.equal((await ada.add("Write to Charles")).status(), 201);
  await ada.shows(["Write to Charles", "Buy milk"]);

  const ticked = ada.answered("PATCH");
  await ada.tick("Buy milk").click();
  assert.equal((await ticked).status(), 200);
  await ada.show("Active");
  await ada.shows(["Write to Charles"]);
  await ada.show("Completed");
  await ada.shows(["Buy milk"]);
  const unticked = ada.answered("PATCH");
  await ada.tick("Buy milk").click();
  await unticked;
  await page.getByText("No completed tasks.").waitFor();
  await ada.show("All");

  await ada.press("Edit Buy milk");
  await page.getByLabel("Title").fill("Buy oat milk");
  await page.getByLabel("Notes").fill("Two litres\nnot sweetened");
  await page.getByRole("radio", { name: "High" }).check();
  await page.getByLabel("Due date").fill("2026-11-01");
  const tags = page.getByLabel("Tags");
  await tags.fill("Dairy");
  await tags.press("Enter");
  await tags.pressSequentially("errand,shop");
  const saved = ada.answered("PATCH");
  await tags.press("Control+Enter");
  const stored = await (await saved).json();
  assert.deepEqual([stored.priority, stored.due_date], ["high", "2026-11-01"]);
  assert.deepEqual(stored.tags, ["dairy", "errand", "shop"]);

  await ada.reload();
  await ada.shows(["Write to Charles", "Buy oat milk"]);
  for (const text of ["not sweetened", "High", "#dairy", "Overdue · 1 Nov"]) {
    await ada.row("Buy oat milk").getByText(text).first().waitFor();
  }
  assert.equal(await ada.row("Write to Charles").getByText("Medium").count(), 0); // the default

  await ada.press("Edit Write to Charles");
  await tags.fill("shop,");
  const suggested = page.locator("datalist option:not([value=shop])");
  await suggested.nth(1).waitFor({ state: "attached" });
  const values = await suggested.evaluateAll((all) => all.map((each) => each.getAttribute("value")));
  assert.deepEqual(values.toSorted(), ["dairy", "errand"]); // those in use, without its own
  assert.equal(await page.locator("datalist option[value=shop]").count(), 0);
  await ada.leave();
});

test("what takes long shows that it is under way", async () => {
  const ada = await Person.signUp("Ada");
  await ada.add("Slow");
  await ada.hears("Added “Slow”.");
  const held = await holdWrites(userOf(ada));
  try {
    const atOnce = await ada.tick("Slow").evaluate(async (tick) => {
      tick.dispatchEvent(new MouseEvent("click", { bubbles: true }));
      await new Promise(requestAnimationFrame);
      const saving = document.querySelector(".saving");
      return saving && getComputedStyle(saving).visibility;
    });
    assert.equal(atOnce, "hidden");
    await ada.row("Slow").getByText("Saving…").waitFor({ state: "visible" });
  } finally {
    await held.release();
  }
  await ada.row("Slow").getByText("Saving…").waitFor({ state: "detached" });
  for (const { button, text } of [
    { button: "Clear completed", text: "Deleting…" },
    { button: "Undo", text: "Restoring…" },
  ]) {
    const lock = await holdWrites(userOf(ada));
    try {
      await ada.press(button);
      await ada.page.getByText(text).waitFor({ state: "visible" });
    } finally {
      await lock.release();
    }
    await ada.page.getByText(text).waitFor({ state: "detached" });
  }
  await ada.leave();
});

test("a list, a search or a page that is on its way shows it", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  const isTurning = (/** @type {string} */ selector) =>
    page.waitForFunction((found) => {
      const element = document.querySelector(found);
      return element && getComputedStyle(element, "::after").visibility === "visible";
    }, selector);

  const isLoading = async () => {
    await page.getByText("Loading tasks").waitFor();
    await ada.isAccessible("a list that loads");
  };
  await whileHeld(ada, "**/api/tasks?*", () => page.reload(), isLoading);
  await page.getByText("No tasks.").waitFor();
  await ada.add("Buy bread");
  const search = () => page.getByLabel("Search").fill("milk");
  await whileHeld(ada, "**/api/tasks?*q=milk", search, () => isTurning(".search"));
  await page.getByText("No tasks contain").waitFor();
  const open = () => page.getByRole("link", { name: "Trash" }).click({ noWaitAfter: true });
  await whileHeld(ada, "**/trash*", open, () => isTurning(".turning"));
  await page.getByRole("heading", { name: "Trash" }).waitFor();
  const leave = () => ada.press("Sign out");
  const isLeaving = () => page.getByText("Signing out…").waitFor();
  await whileHeld(ada, "**/sign-out", leave, isLeaving);
  await page.waitForURL("**/sign-in");
  await ada.leave();
});

/**
 * Hold the requests to a URL from an action until a condition is met.
 * @param {Person} person @param {string} url
 * @param {() => Promise<unknown>} act @param {() => Promise<unknown>} until
 */
async function whileHeld({ page }, url, act, until) {
  let release = () => {};
  const released = new Promise((resolve) => (release = () => resolve(undefined)));
  await page.route(url, async (route) => {
    await released;
    await route.continue();
  });
  await act();
  await until();
  release();
}

test("what is typed before the scripts run is kept, and Enter sends it nowhere", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  const scripts = "**/_next/static/**/*.js";
  const load = () => page.reload({ waitUntil: "commit" });
  const button = (/** @type {string} */ name) => page.getByRole("button", { name, disabled: false });
  await page.getByLabel("New task").fill("Before the reload");
  await whileHeld(ada, scripts, load, async () => {
    await page.getByLabel("Search").fill("Early");
    await page.getByLabel("New task").fill("Early bird");
    await page.getByLabel("New task").press("Enter");
  });
  await button("Add").waitFor();
  await page.waitForURL(`${PAGE}/?q=Early`);
  const added = ada.answered("POST");
  await page.getByLabel("New task").press("Enter");
  assert.equal((await added).status(), 201);
  await ada.shows(["Early bird"]);

  await ada.press("Sign out");
  await page.waitForURL("**/sign-in");
  await whileHeld(ada, scripts, load, async () => {
    await page.getByLabel("E-mail").fill("ada@example.com");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByLabel("Password").press("Enter");
    await page.getByRole("button", { name: "Create an account", disabled: true }).waitFor();
  });
  await button("Sign in").waitFor();
  assert.equal(page.url(), `${PAGE}/sign-in`);
  assert.equal(await page.getByLabel("E-mail").inputValue(), "ada@example.com");
  assert.equal(await page.getByLabel("Password").inputValue(), PASSWORD);
  assert.equal(await page.locator("form").getAttribute("method"), "post");
  await ada.leave();
});

test("a list of more than 100 tasks loads page by page, without gaps or duplicates", async () => {
  const ada = await Person.signUp("Ada");
  const expected = Array.from({ length: 230 }, (_, index) => `Task ${index}`);
  for (const title of expected) await ada.ask("POST", "/api/tasks", { title });
  expected.reverse();
  await ada.reload();
  await ada.shows(expected.slice(0, 100));
  await ada.isAccessible("a list with more pages");
  for (const count of [200, 230]) {
    const before = (await ada.titles()).length;
    const answered = ada.answered("GET");
    await ada.page.getByRole("button", { name: "Load more" }).focus();
    await ada.page.keyboard.press("Enter");
    await answered;
    await ada.idle();
    await ada.shows(expected.slice(0, count));
    await ada.focuses(`Completed: ${expected[before]}`);
    await ada.hears(`Loaded ${count - before} more tasks.`);
  }
  assert.equal(await ada.page.getByRole("button", { name: "Load more" }).count(), 0);
  await ada.leave();
});

test("a filter that was not loaded before starts at its first page", async () => {
  const ada = await Person.signUp("Ada");
  for (let index = 0; index < 101; index += 1) {
    await ada.ask("POST", "/api/tasks", { title: `Task ${index}`, completed: index === 0 });
  }
  await ada.ask("POST", "/api/tasks", { title: "Older pages do not hold it", completed: false });
  await ada.reload();
  await ada.show("Completed");
  await ada.shows(["Task 0"]);
  const query = ada.requests.map((request) => new URL(request.url()).searchParams.get("cursor"));
  assert(query.every((cursor) => cursor === null));
  await ada.leave();
});

test("a rejected title returns to its field with the reason", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  const long = "x".repeat(201);
  assert.equal((await ada.add(long)).status(), 400);
  await page.getByText("The title is 201 characters long. The limit is 200.").waitFor();
  assert.equal(await page.getByLabel("New task").inputValue(), long);
  await ada.shows([]);
  await ada.hears(`“${long}” was not added.`);

  await ada.add("Short");
  await ada.hears("Added “Short”.");
  await ada.press("Edit Short");
  await page.getByLabel("Title").fill("   ");
  await page.getByLabel("Title").press("Enter");
  const description = "The title is empty. Write one.";
  const field = page.getByRole("textbox", { name: "Title", description });
  await field.waitFor();
  await field.fill("Fixed");
  const saved = ada.answered("PATCH");
  await field.press("Enter");
  assert.equal((await saved).status(), 200);
  await ada.shows(["Fixed"]);
  await ada.leave(400);
});

test("a task that was deleted elsewhere leaves the list", async () => {
  const ada = await Person.signUp("Ada");
  const { id } = await (await ada.add("Gone")).json();
  await ada.add("Stays");
  await ada.shows(["Stays", "Gone"]);
  await ada.page.route("**/changes?*", () => {}); // the page learns it from its own request alone
  await ada.page.route(`**/api/tasks/${id}`, async (route) => {
    await ada.ask("DELETE", `/api/tasks/${id}`);
    await route.continue();
  });
  await ada.tick("Gone").click();
  const notice = ada.page.locator(".notice[data-seen=true]");
  await notice.getByText("“Gone” was deleted elsewhere.").waitFor();
  assert.equal(await notice.evaluate((it) => it.getAnimations().length), 0); // it does not fade
  await ada.shows(["Stays"]);
  await ada.leave(404);
});

test("notes that are too large show the error beside their field", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  await ada.add("Write a novel");
  await ada.press("Edit Write a novel");
  const notes = "n".repeat(140_000);
  await page.getByLabel("Notes").fill(notes);
  const answered = ada.answered("PATCH");
  await ada.press("Save");
  assert.equal((await answered).status(), 413);
  const description = "This text is too long. Shorten it.";
  const field = page.getByRole("textbox", { name: "Notes", description });
  assert.equal(await field.inputValue(), notes);
  await ada.press("Cancel");
  await ada.shows(["Write a novel"]);
  await ada.leave(413);
});

test("changes show at once, and the last change is stored", async () => {
  const ada = await Person.signUp("Ada");
  const { id } = await (await ada.add("Make up my mind")).json();
  await ada.page.evaluate(() => {
    const { fetch } = window;
    let delay = 600; // the first request is held for longer than the second
    window.fetch = async (input, init) => {
      if (!(input instanceof Request) || input.method !== "PATCH") return fetch(input, init);
      await new Promise((resolve) => setTimeout(resolve, (delay -= 200)));
      return fetch(input, init);
    };
  });
  let patches = 0;
  const second = ada.page.waitForResponse(
    (response) => response.request().method() === "PATCH" && (patches += 1) === 2,
  );
  const box = ada.tick("Make up my mind");
  for (const checked of [true, false]) {
    await box.click();
    assert.equal(await box.isChecked(), checked);
  }
  await second;
  assert.equal((await (await ada.ask("GET", `/api/tasks/${id}`)).json()).completed, false);
  assert.equal(await box.isChecked(), false);
  await ada.leave();
});
