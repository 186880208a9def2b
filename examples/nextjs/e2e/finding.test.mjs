import assert from "node:assert/strict";
import { after, test } from "node:test";
import { PAGE, Person, browser } from "./person.mjs";

after(() => browser.close());

const TASKS = [
  { title: "Buy milk", description: "At the market", tags: ["home"], due_date: "2026-12-03" },
  { title: "Call Ben", priority: "high", due_date: "2026-12-01" },
  { title: "apply for leave", priority: "low", tags: ["home", "work"], completed: true },
];

/** @param {Record<string, unknown>[]} tasks */
async function withTasks(tasks = TASKS) {
  const ada = await Person.signUp("Ada");
  for (const task of tasks) await ada.ask("POST", "/api/tasks", task);
  await ada.reload();
  return ada;
}

test("a search shows what matches as you type, and is kept in the URL", async () => {
  const ada = await withTasks();
  await ada.page.getByLabel("Search").pressSequentially("market");
  await ada.page.keyboard.press("Enter");
  await ada.shows(["Buy milk"]);
  await ada.focuses("Edit Buy milk");
  await ada.hears("1 task found.");
  await ada.page.waitForURL("**/?q=market");
  await ada.reload();
  await ada.shows(["Buy milk"]);
  assert.equal(await ada.page.getByLabel("Search").inputValue(), "market");
  await ada.press("Clear");
  await ada.shows(["apply for leave", "Call Ben", "Buy milk"]);
  await ada.focuses("Search");
  await ada.leave();
});

test("a search waits for the last letter, and the next letter cancels it", async () => {
  const ada = await withTasks();
  const { page } = ada;
  await page.clock.install();
  await ada.reload();
  await page.clock.pauseAt(Date.now() + 60_000);
  await page.evaluate(() => {
    const { fetch } = window;
    window.fetch = (input, init) => {
      if (!(input instanceof Request) || !/tasks\?.*q=mil$/.test(input.url)) return fetch(input, init);
      const { signal } = init ?? {};
      document.title = "searches";
      return new Promise((_, reject) => {
        signal?.addEventListener("abort", () => {
          document.title = "cancelled";
          reject(signal.reason);
        });
      });
    };
  });
  await page.getByLabel("Search").pressSequentially("mil");
  await page.clock.runFor(200);
  assert.equal(await page.title(), "Tasks");
  await page.clock.runFor(100);
  await page.waitForFunction(() => document.title === "searches");
  await page.getByLabel("Search").pressSequentially("k");
  await page.waitForFunction(() => document.title === "cancelled");
  await page.clock.runFor(300);
  await ada.shows(["Buy milk"]);
  const searched = ada.requests.map((request) => new URL(request.url()).searchParams.get("q"));
  assert(!searched.includes("m") && !searched.includes("mi"));
  await page.getByLabel("New task").pressSequentially("Sweep #home");
  await page.getByRole("button", { name: "Take off: #home" }).waitFor();
  await page.clock.runFor(500);
  assert.equal(await page.getByRole("status").filter({ hasText: "#" }).count(), 0); // not each letter
  await page.clock.runFor(1000);
  await ada.hears("#home");
  await ada.leave();
});

test("filters narrow the list down, and back undoes them", async () => {
  const ada = await withTasks();
  const { page } = ada;
  await page.getByRole("button", { name: "#home 2" }).click();
  await ada.shows(["apply for leave", "Buy milk"]);
  await page.getByRole("button", { name: "Low" }).click();
  await ada.shows(["apply for leave"]);
  await page.getByRole("link", { name: "Completed" }).click();
  await page.waitForURL("**/?status=completed&priority=low&tag=home");
  await ada.shows(["apply for leave"]);
  await page.goBack();
  await page.goBack();
  await page.waitForURL("**/?tag=home");
  await ada.shows(["apply for leave", "Buy milk"]);
  await ada.leave();
});

test("each filter that would find something says how many tasks it would show", async () => {
  const ada = await withTasks(TASKS.map((task) => ({ ...task, due_date: null })));
  const { page } = ada;
  for (const name of ["All 3", "Active 2", "Completed 1"]) {
    await page.getByRole("link", { name, exact: true }).waitFor();
  }
  /** @param {string} names */
  const offers = (names) =>
    page.waitForFunction((expected) => {
      const filters = [...document.querySelectorAll(".chips button")];
      return filters.map(({ textContent }) => textContent?.trim()).join() === expected;
    }, names);
  await offers("High 1,Low 1,#home 2,#work 1");
  await page.getByRole("link", { name: "Active" }).click();
  await offers("High 1,#home 1");
  await page.getByRole("link", { name: "Completed 1", exact: true }).waitFor();
  await page.getByRole("button", { name: "High 1" }).click();
  await offers("High 1,#home 0"); // nothing leaves its place
  await ada.press("Clear filters");
  await ada.shows(["Call Ben", "Buy milk"]);
  await ada.focuses("Active 2");
  await ada.tick("Call Ben").click();
  await page.getByRole("link", { name: "Completed 2", exact: true }).waitFor();
  await ada.leave();
});

test("two tags are offered first, and all of them on request", async () => {
  const ada = await withTasks([{ title: "Tagged", tags: ["a", "b", "c"] }]);
  const { page } = ada;
  await page.getByRole("button", { name: "#b 1" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "#c 1" }).count(), 0);
  await ada.press("All tags");
  await page.getByRole("button", { name: "#c 1" }).click();
  await page.waitForURL("**/?tag=c");
  assert.equal(await page.getByRole("button", { name: "Take off: #c" }).count(), 0);
  await page.getByLabel("New task").fill("Another");
  await ada.hears("#c"); // the new task gets the tag, too
  await page.getByLabel("New task").press("Enter");
  await ada.shows(["Another", "Tagged"]);
  await page.getByLabel("New task").fill("Without it");
  await ada.press("Take off: #c");
  await ada.focuses("New task");
  await page.getByLabel("New task").press("Enter");
  await ada.hears("Added “Without it”. The filter hides it.");
  await ada.shows(["Another", "Tagged"]);
  await page.goto(`${PAGE}/?tag=__proto__&tag=constructor`); // what every object has
  for (const name of ["#__proto__ 0", "#constructor 0"]) {
    await page.getByRole("button", { name, exact: true }).waitFor();
  }
  await ada.leave();
});

test("the list is sorted in each order", async () => {
  const ada = await withTasks();
  const orders = {
    "Newest first": ["apply for leave", "Call Ben", "Buy milk"],
    "Oldest first": ["Buy milk", "Call Ben", "apply for leave"],
    "My order": ["apply for leave", "Call Ben", "Buy milk"],
    "Due first": ["Call Ben", "Buy milk", "apply for leave"],
    "Due last": ["Buy milk", "Call Ben", "apply for leave"],
    "High priority first": ["Call Ben", "Buy milk", "apply for leave"],
    "Low priority first": ["apply for leave", "Buy milk", "Call Ben"],
    "Title, A to Z": ["apply for leave", "Buy milk", "Call Ben"],
    "Title, Z to A": ["Call Ben", "Buy milk", "apply for leave"],
    "Last changed first": ["apply for leave", "Call Ben", "Buy milk"],
    "Longest unchanged first": ["Buy milk", "Call Ben", "apply for leave"],
  };
  const { page } = ada;
  const sort = page.getByLabel("Sort");
  assert.deepEqual(await sort.locator("option").allTextContents(), Object.keys(orders));
  for (const [name, titles] of Object.entries(orders)) {
    await sort.selectOption(name);
    await ada.shows(titles);
  }
  await page.setViewportSize({ width: 1280, height: 460 });
  await sort.selectOption("Title, A to Z");
  await ada.add("Zip the tent");
  await ada.press("Show"); // it is below the screen
  await ada.focuses("Edit Zip the tent");
  await ada.leave();
});

test("an empty result says why, and offers to clear the filters", async () => {
  const ada = await withTasks();
  const { page } = ada;
  await page.getByRole("button", { name: "High" }).click();
  await page.getByLabel("Search").fill("nothing like it");
  await page.getByText("contain “nothing like it” and have high priority.").waitFor();
  await ada.press("Clear the filters");
  await ada.shows(["apply for leave", "Call Ben", "Buy milk"]);
  await ada.focuses("Search");
  assert.equal(new URL(page.url()).search, "");
  await ada.leave();
});

test("a search that the service rejects says why, in its words", async () => {
  const ada = await withTasks([]);
  const tags = Array.from({ length: 11 }, (_, index) => `tag=t${index}`).join("&");
  await ada.page.goto(`${ada.page.url()}?${tags}`);
  await ada.page.getByText("Must have at most 10 items.").waitFor();
  await ada.leave(400);
});
