import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Person, browser } from "./person.mjs";

after(() => browser.close());

// Where these people live, it is already Saturday.
const NOW = new Date("2026-12-25T11:00:00Z");
const [YESTERDAY, TODAY, TOMORROW] = ["2026-12-25", "2026-12-26", "2026-12-27"];
const ISLAND = { timezoneId: "Pacific/Kiritimati" };

test("date, priority and tags are given by typing and by choosing", async () => {
  const ada = await Person.signUp("Ada", ISLAND);
  const { page } = ada;
  await page.clock.setFixedTime(NOW);
  await ada.reload();
  const field = page.getByLabel("New task");
  await field.fill("#home");
  await page.getByRole("button", { name: "Add", exact: true }).press("Enter");
  await page.getByRole("alert").getByText("Write a title too.").waitFor();
  await ada.focuses("New task");
  assert.equal(await field.inputValue(), "#home");
  await field.fill("Call Ben Tomorrow !high #phone #home");
  await ada.hears("Tomorrow, High priority, #phone, #home");
  await ada.press("Take off: #home");
  await ada.hears("Tomorrow, High priority, #phone");
  await ada.focuses("New task");
  const typed = ada.answered("POST");
  await page.keyboard.press("Enter");
  const { title, due_date, priority, tags } = await (await typed).json();
  assert.deepEqual([title, due_date, priority, tags], ["Call Ben #home", TOMORROW, "high", ["phone"]]);
  assert.equal(await field.inputValue(), "");

  await ada.press("Details");
  await field.fill("Rest tomorrow !high");
  await ada.hears("Tomorrow, High priority");
  assert.equal(await page.getByLabel("Due date").inputValue(), TOMORROW);
  assert.equal(await page.getByRole("combobox", { name: "Priority" }).inputValue(), "high");
  await page.getByLabel("Due date").fill(TODAY);
  await page.getByRole("combobox", { name: "Priority" }).selectOption("Low");
  await page.getByRole("group", { name: "Understood" }).waitFor({ state: "detached" });
  await page.getByLabel("Tags", { exact: true }).fill("long tags,garden");
  await ada.isAccessible("details of a new task");
  await page.keyboard.press("Escape");
  await ada.focuses("New task");
  await ada.press("Take off: Low priority");
  const long = "א".repeat(201);
  await field.fill(`${long} #home`);
  const reason = "The title is 201 characters long. The limit is 200.";
  await page.getByRole("alert").getByText(reason).waitFor(); // before it is sent
  const refused = ada.answered("POST");
  await field.press("Enter");
  await refused;
  await page.locator(`#new-task[aria-invalid="true"]`).waitFor();
  await page.getByRole("alert").getByText(reason).waitFor();
  await ada.hears("Today, #long tags, #garden, #home"); // nothing is lost
  const chosen = await (await ada.add("לצבוע #home")).json();
  const { due_date: date, priority: normal, tags: all } = chosen;
  assert.deepEqual([date, normal, all.toSorted()], [TODAY, "medium", ["garden", "home", "long tags"]]);
  await ada.hears("Added “לצבוע”.");
  const directions = await page
    .locator(".title, .details")
    .evaluateAll((titles) => titles.map((each) => getComputedStyle(each).direction));
  assert.deepEqual(directions, ["rtl", "rtl", "ltr", "ltr"]);
  assert.equal(await page.getByRole("status").locator("bdi").textContent(), "לצבוע");
  await ada.leave(400);
});

test("a phone shows the first task early, and unfolds the filters", async () => {
  const viewport = { width: 390, height: 844 };
  const ada = await Person.signUp("Ada", { ...ISLAND, viewport, isMobile: true, hasTouch: true });
  const { page } = ada;
  await page.clock.setFixedTime(NOW);
  for (const due_date of [TODAY, YESTERDAY]) {
    const task = { title: `Due ${due_date}`, due_date, tags: [`for ${due_date}`, "long", "to-do", "zoo"] };
    await ada.ask("POST", "/api/tasks", task);
  }
  await ada.reload();
  for (const width of [390, 320]) {
    await page.setViewportSize({ ...viewport, width });
    const { y = Infinity } = (await page.getByRole("listitem").first().boundingBox()) ?? {};
    assert(y <= 220, `the first task is at ${y} px of a screen of ${width} px`);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
    const details = page.locator(".details").first();
    assert(await details.evaluate((it) => it.scrollWidth <= it.clientWidth), "all tags are seen");
  }
  await ada.press("View");
  for (const name of ["Today 1", "Overdue 1"]) {
    await page.getByRole("button", { name, exact: true }).waitFor();
  }
  await ada.press("View");
  await page.getByRole("button", { name: `Filter by the tag for ${TODAY}` }).tap();
  await ada.shows([`Due ${TODAY}`]);
  await ada.press("View 1 set");
  await page.getByRole("button", { name: "Overdue" }).waitFor({ state: "detached" }); // it has none
  await page.goto(`${page.url()}&due=overdue`);
  await page.getByText(`No tasks are overdue and have the tag for ${TODAY}.`).waitFor();
  await ada.press("View 2 set");
  await ada.isAccessible("the filters of a phone");
  await ada.press("Clear filters");
  await ada.focuses("All 2");
  await ada.press("Overdue 1");
  await page.waitForURL("**/?due=overdue");
  await ada.shows([`Due ${YESTERDAY}`]);
  await ada.press("Today 1");
  await ada.shows([`Due ${TODAY}`]);
  await page.setViewportSize({ width: 320, height: 1000 }); // no button sticks to its end
  await page.getByRole("button", { name: `Edit Due ${TODAY}` }).tap();
  await page.getByLabel("Tags").fill("typed halfway to its end");
  await page.getByRole("button", { name: "Save" }).tap(); // it stays under the finger
  await ada.row(`Due ${TODAY}`).getByText("#typed halfway to its end").waitFor();
  await ada.press("Select");
  const bar = await page.getByRole("group", { name: "Selected tasks" }).boundingBox();
  assert(bar && bar.height <= 100, "the bar has two lines");
  await page.getByLabel(`Select Due ${TODAY}`).tap();
  await page.getByRole("combobox", { name: "Priority" }).selectOption("High");
  await ada.hears(`Set “Due ${TODAY}” to high priority.`);
  await ada.row(`Due ${TODAY}`).getByText("High priority").waitFor();
  await ada.press("Cancel");
  await page.getByRole("group", { name: "Selected tasks" }).waitFor({ state: "detached" });
  await ada.add("Read a book");
  await ada.hears("Added “Read a book”. The filter hides it.");
  await ada.shows([`Due ${TODAY}`]);
  await ada.press("Show");
  await ada.focuses("Edit Read a book");
  assert.equal(new URL(page.url()).search, "");
  await ada.press("View");
  await page.getByLabel("Search").waitFor({ state: "hidden" });
  await page.getByLabel("New task").fill("Read tomorrow !high #one #two #three #four");
  const chips = await page.getByRole("group", { name: "Understood" }).boundingBox();
  assert(chips && chips.height < 60, "the chips are one line");
  await page.setViewportSize({ width: 390, height: 300 });
  const isInView = () => page.getByLabel("New task").evaluate((it) => it.getBoundingClientRect().top >= 0);
  await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
  assert(await isInView(), "a task can be added from the end of the list");
  await ada.press("Details");
  assert(await isInView());
  await ada.leave();
});

test("on a phone, the whole form of a task is in view when it opens", async () => {
  const viewport = { width: 390, height: 844 };
  const ada = await Person.signUp("Ada", { viewport, isMobile: true, hasTouch: true });
  const { page } = ada;
  for (let index = 1; index <= 20; index += 1) await ada.ask("POST", "/api/tasks", { title: `Task ${index}` });
  await ada.reload();
  const row = page.getByRole("button", { name: "Edit Task 10", exact: true });
  await row.evaluate((it) => scrollBy(0, it.getBoundingClientRect().bottom - innerHeight));
  await row.tap();
  await ada.focuses("Title");
  const form = await page.getByRole("form", { name: "Edit Task 10" }).boundingBox();
  assert(form && form.y >= 0 && Math.floor(form.y + form.height) <= viewport.height, JSON.stringify(form));
  await ada.leave();
});
