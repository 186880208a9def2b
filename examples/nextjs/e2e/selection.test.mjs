import assert from "node:assert/strict";
import { after, test } from "node:test";
import { PAGE, Person, browser } from "./person.mjs";

after(() => browser.close());

/** @param {Record<string, unknown>[]} tasks */
async function withTasks(...tasks) {
  const ada = await Person.signUp("Ada");
  const ids = [];
  for (const task of tasks) ids.push((await (await ada.ask("POST", "/api/tasks", task)).json()).id);
  await ada.reload();
  return { ada, ids };
}

const FIVE = ["Five", "Four", "Three", "Two", "One"];
const ONE_TO_FIVE = [...FIVE].reverse().map((title) => ({ title }));

test("several tasks are selected with shift-click, and changed at once", async () => {
  const { ada } = await withTasks(...ONE_TO_FIVE);
  const { page } = ada;
  await ada.tick("Four").click();
  await ada.hears("Completed “Four”.");
  await ada.press("Select");
  await page.getByLabel("Select Five").click();
  await ada.row("Three").locator(".title").click({ modifiers: ["Shift"] }); // all of a row selects it
  await page.getByText("3 selected").waitFor();
  const changed = ada.answered("PATCH");
  await ada.press("High priority");
  assert.equal((await (await changed).json()).length, 3); // in one request
  await ada.hears("Set 3 tasks to high priority.");
  await ada.press("Undo");
  await ada.hears("Set 3 tasks to medium priority.");
  await ada.press("High priority");
  await ada.hears("Set 3 tasks to high priority.");
  await ada.press("Complete");
  await ada.hears("Completed 3 tasks.");
  await page.getByRole("button", { name: "Make active" }).waitFor();
  await ada.press("Undo");
  await ada.hears("Active again: 2 tasks."); // the third one was completed before
  await ada.show("Active");
  await ada.press("Complete");
  await ada.shows(["Two", "One"]);
  await ada.hears("Completed 2 tasks.");
  await ada.focuses("Complete");
  await page.keyboard.press("Escape");
  await ada.focuses("Select");
  const stored = await (await ada.ask("GET", "/api/tasks?priority=high")).json();
  assert.deepEqual(
    stored.map((/** @type {{ title: string, completed: boolean }} */ task) => [
      task.title,
      task.completed,
    ]),
    [["Five", true], ["Four", true], ["Three", true]],
  );
  await ada.leave();
});

test("the keyboard selects tasks, and Undo brings deleted ones back to their places", async () => {
  const { ada, ids } = await withTasks(...ONE_TO_FIVE);
  const { page } = ada;
  await page.getByRole("heading", { name: "Tasks" }).click();
  for (const key of ["j", "j", "x", "j", "j", "Shift+X"]) await page.keyboard.press(key);
  await page.getByText("3 selected").waitFor();
  const deleted = ada.answered("POST", /trash$/);
  await ada.press("Delete");
  assert.deepEqual((await (await deleted).json()).ids, ids.slice(1, 4).reverse()); // in one request
  await ada.hears("Deleted 3 tasks.");
  await ada.shows(["Five", "One"]);
  await page.keyboard.press("Escape");
  await page.keyboard.press("z");
  await ada.shows(FIVE);
  await page.getByRole("heading", { name: "Tasks" }).click();
  for (const key of ["j", "x", "j", "x"]) await page.keyboard.press(key);
  await page.getByText("2 selected").waitFor();
  await page.keyboard.press("c");
  await page.getByRole("link", { name: "Completed 2", exact: true }).waitFor();
  await page.keyboard.press("c");
  await page.getByRole("link", { name: "Active 5", exact: true }).waitFor();
  await page.keyboard.press("Backspace");
  await ada.hears("Deleted 2 tasks.");
  await page.keyboard.press("z");
  await ada.shows(FIVE);
  await ada.focuses("Five");
  const stored = await (await ada.ask("GET", "/api/tasks?sort=created_at")).json();
  assert.deepEqual(stored.map((/** @type {{ id: number }} */ task) => task.id), ids);
  await ada.leave();
});

test("a deleted task comes back whole, also after a reload", async () => {
  const task = { description: "All of it", priority: "high", due_date: "2026-12-24", tags: ["a"] };
  const { ada, ids } = await withTasks({ title: "Below" }, { title: "Lost", ...task }, { title: "Above" });
  const before = await (await ada.ask("GET", `/api/tasks/${ids[1]}`)).json();
  await ada.press("Delete Lost");
  await ada.hears("Deleted “Lost”.");
  const message = await ada.page.locator(".notice").boundingBox();
  const list = await ada.page.locator(".list").boundingBox();
  assert(message && list && message.x + message.width < list.x, "the message is beside the list");
  await ada.reload();
  await ada.shows(["Above", "Below"]);
  await ada.press("Undo");
  await ada.hears("Restored “Lost”.");
  await ada.shows(["Above", "Lost", "Below"]);
  await ada.focuses("Edit Lost");
  const stored = await (await ada.ask("GET", `/api/tasks/${ids[1]}`)).json();
  assert(stored.version > before.version);
  assert.deepEqual({ ...stored, version: 0, updated_at: "" }, { ...before, version: 0, updated_at: "" });
  await ada.leave();
});

test("clear completed asks nothing, and Undo restores exactly what it deleted", async () => {
  const completed = Array.from({ length: 101 }, (_, index) => ({
    title: `Done ${index}`,
    completed: true,
  }));
  const { ada } = await withTasks(...completed, { title: "Active" }, { title: "Deleted before" });
  const { page } = ada;
  await ada.press("Delete Deleted before");
  await ada.hears("Deleted “Deleted before”.");
  await page.getByRole("button", { name: "Clear completed" }).press("Enter");
  await ada.hears("Deleted 101 tasks.");
  await ada.shows(["Active"]);
  await ada.focuses("Clear completed");
  await ada.press("Undo");
  await page.getByRole("link", { name: "All 102", exact: true }).waitFor();
  const trash = await (await ada.ask("GET", "/api/tasks?status=deleted")).json();
  assert.equal(trash.length, 1);
  const scrolled = () => page.evaluate(() => window.scrollY);
  await ada.press("Delete Active");
  await ada.hears("Deleted “Active”.");
  await ada.press("Undo");
  await ada.hears("Restored “Active”.");
  assert.equal(await scrolled(), 0);
  await ada.press("Select");
  await page.getByRole("button", { name: "Select all" }).focus();
  await page.evaluate(() => window.scrollTo(0, 2000));
  await ada.press("Cancel");
  await ada.focuses("Select");
  assert((await scrolled()) > 1500, "it stays where the user is");
  await ada.leave();
});

test("emptying the trash asks first, then erases all of it", async () => {
  const lost = Array.from({ length: 101 }, (_, index) => ({ title: `${index}`, completed: true }));
  const { ada, ids } = await withTasks({ title: "Kept" }, ...lost);
  const { page } = ada;
  await ada.ask("DELETE", "/api/tasks?status=completed");
  await page.getByRole("link", { name: "Trash" }).click();
  await page.getByRole("button", { name: "Load more" }).waitFor();
  await ada.press("Empty trash");
  await ada.isAccessible("the question");
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  assert.equal((await ada.titles()).length, 100);
  let asked = 0;
  await page.route(/tasks\?status=deleted$/, async (route) => {
    const response = await route.fetch();
    asked += 1;
    const json = await response.json();
    await route.fulfill({ response, json: { ...json, has_more: asked === 1 } });
  });
  await ada.press("Empty trash");
  await ada.press("Erase all");
  await ada.hears("Emptied the trash.");
  const message = page.locator(".notice");
  const isPaused = () => message.evaluate((it) => getComputedStyle(it).animationPlayState === "paused");
  await message.hover();
  await page.evaluate(() => (document.adoptedStyleSheets = []));
  assert(await isPaused(), "it stays while the mouse is on it");
  await page.mouse.move(0, 0);
  assert(!(await isPaused()));
  await message.evaluate((it) => it.getAnimations()[0]?.finish());
  await page.getByText("Emptied the trash.").waitFor({ state: "detached" });
  await page.getByText("The trash is empty.").waitFor();
  assert.equal(asked, 2);
  await ada.focuses("Trash");
  const answer = await ada.ask("POST", `/api/tasks/${ids[1]}/restore`);
  assert.equal(answer.status, 404);
  await page.getByRole("link", { name: "Tasks" }).click();
  await ada.shows(["Kept"]);
  await ada.leave();
});

test("the trash shows deleted tasks, and restores them", async () => {
  const { ada, ids } = await withTasks({ title: "Kept" }, { title: "Lost" });
  await ada.page.getByLabel("Sort").selectOption("Title, A to Z");
  await ada.press("Delete Lost");
  await ada.hears("Deleted “Lost”.");
  await ada.page.getByRole("link", { name: "Trash" }).click();
  await ada.page.getByRole("heading", { name: "Trash" }).waitFor();
  await ada.shows(["Lost"]);
  const restored = ada.answered("POST");
  await ada.press("Restore Lost");
  assert.deepEqual((await (await restored).json()).ids, [ids[1]]);
  await ada.page.getByText("The trash is empty.").waitFor();
  await ada.focuses();
  await ada.page.getByRole("link", { name: "Tasks" }).click();
  await ada.page.waitForURL("**/?sort=title");
  await ada.shows(["Kept", "Lost"]);
  await ada.page.goto(PAGE);
  await ada.page.waitForURL("**/?sort=title"); // remembered
  await ada.shows(["Kept", "Lost"]);
  await ada.leave();
});
