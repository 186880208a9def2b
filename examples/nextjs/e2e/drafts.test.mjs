import assert from "node:assert/strict";
import { after, test } from "node:test";
import { API, PAGE, Person, browser } from "./person.mjs";

after(() => browser.close());

test("what is typed into an edit is never lost", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  const title = page.getByLabel("Title");
  const isOpenWith = async (/** @type {string} */ text) => assert.equal(await title.inputValue(), text);
  const { id } = await (await ada.add("Other")).json();
  await ada.add("Call Ben");
  await ada.hears("Added “Call Ben”.");

  // An outage
  await page.route(`${API}/**`, (route) => route.abort("internetdisconnected"));
  await ada.press("Edit Call Ben");
  await title.fill("Call Ben about the boat");
  await page.getByLabel("Notes").fill("Before noon");
  await ada.press("Save");
  const ben = ada.row("Call Ben about the boat");
  await ben.getByText("Waiting. It will be saved when the service responds.").waitFor();
  await ben.getByText("Before noon").waitFor();
  await ada.press("Edit Call Ben about the boat");
  await isOpenWith("Call Ben about the boat");
  await title.press("Escape");
  await ben.getByText("Waiting.").waitFor();
  await page.getByRole("link", { name: "Trash" }).click();
  await page.getByRole("heading", { name: "Trash" }).waitFor();
  await page.getByText("The trash could not be loaded.").waitFor();
  await page.getByRole("link", { name: "Tasks" }).click();
  await ada.row("Other").waitFor();
  await ben.getByText("Before noon").waitFor();
  await ben.getByRole("button", { name: "Discard" }).click();
  await ada.shows(["Call Ben", "Other"]);
  await page.unroute(`${API}/**`);
  await ada.press("Undo");
  await ben.getByText("Unsaved changes.").waitFor();
  await ben.getByRole("button", { name: "Save" }).click();
  await ada.hears("Saved “Call Ben about the boat”.");

  // Another task, another page, a reload
  await ada.press("Edit Other");
  await title.fill("Other things");
  await ada.press("Edit Call Ben about the boat");
  await ada.focuses("Title");
  await ada.row("Other things").getByText("Unsaved changes.").waitFor();
  await ada.isAccessible("unsaved changes");
  await page.getByLabel("New task").fill("Half a title");
  await page.getByRole("link", { name: "Trash" }).click();
  await page.getByText("The trash is empty.").waitFor();
  await page.getByRole("link", { name: "Tasks" }).click();
  await ada.shows(["Call Ben about the boat", "Other things"]);
  const newTask = page.getByLabel("New task");
  assert.equal(await newTask.inputValue(), "Half a title");
  await ada.press("Details");
  await page.getByRole("combobox", { name: "Priority" }).selectOption("Low");
  await ada.press("Edit Other things");
  await page.getByRole("form", { name: "Edit Other" }).getByLabel("Tags").fill("Half a tag");
  await ada.reload();
  await ada.shows(["Call Ben about the boat", "Other things"]);
  assert.equal(await newTask.inputValue(), "Half a title");
  await page.getByRole("button", { name: "Take off: Low priority" }).waitFor();
  await ada.press("Edit Other things");
  await isOpenWith("Other things");
  await page.getByRole("button", { name: "Remove the tag half a tag" }).waitFor();
  await title.press("Escape");
  await ada.shows(["Call Ben about the boat", "Other"]);
  await page.keyboard.press("z");
  await ada.shows(["Call Ben about the boat", "Other things"]);

  // Deleted elsewhere, before Save and after
  await ada.press("Edit Other things");
  const remove = async (/** @type {import("playwright-core").Route} */ route) => {
    await ada.ask("DELETE", `/api/tasks/${id}`);
    await route.continue();
  };
  await page.route(`${API}/api/tasks/${id}`, remove, { times: 1 });
  await ada.press("Save");
  await page.getByText("This task was deleted elsewhere.").waitFor();
  await isOpenWith("Other things");
  await ada.isAccessible("an edit of a deleted task");
  await ada.press("Restore and save");
  await ada.hears("Restored and saved “Other things”.");
  await ada.press("Edit Other things");
  await title.fill("All other things");
  await ada.ask("DELETE", `/api/tasks/${id}`);
  await ada.sync();
  await page.getByText("This task was deleted elsewhere.").waitFor();
  await ada.ask("DELETE", "/api/tasks?status=deleted");
  await ada.sync();
  await ada.press("Restore and save");
  await ada.hears("Restored and saved “All other things”.");
  await ada.reload();
  await ada.shows(["All other things", "Call Ben about the boat"]);
  ada.forgiveOffline();
  await ada.leave(404, 412);
});

test("a completion that leaves the list can be undone, and Space does not complete the next", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  for (const title of ["Two", "One"]) await ada.add(title);
  await ada.show("Active");
  await ada.tick("One").focus();
  await page.keyboard.press("Space");
  await ada.shows(["Two"]);
  await ada.focuses("Edit Two");
  const notice = page.locator(".notice[data-seen=true]");
  await notice.getByText("Completed “One”.").waitFor();
  await notice.getByRole("button", { name: "Undo" }).waitFor();
  await page.keyboard.press("z");
  await ada.shows(["One", "Two"]);
  await ada.focuses("Edit One");
  await ada.hears("“One” is active again."); // not visibly, if the row had not left yet
  await page.keyboard.press("z"); // One was added last
  await ada.shows(["Two"]);
  await ada.leave();
});

test("an edit that is stored can be undone with the button of its message", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  const { id } = await (await ada.add("Call Ben")).json();
  await ada.press("Edit Call Ben");
  await page.getByLabel("Title").fill("Call Ann");
  await page.getByLabel("Notes").fill("Before noon");
  await ada.press("Save");
  await page.locator(".notice[data-seen=true]").getByText("Saved “Call Ann”.").waitFor();
  await ada.press("Undo");
  await ada.hears("“Call Ben” is as before.");
  const { title, description } = await (await ada.ask("GET", `/api/tasks/${id}`)).json();
  assert.deepEqual([title, description], ["Call Ben", null]);
  assert.equal(await page.getByRole("button", { name: "Undo" }).count(), 0);
  await ada.leave();
});

test("the browser asks before it closes a tab with a new task that is not added", async () => {
  const ada = await Person.signUp("Ada");
  const tab = await ada.page.context().newPage();
  await tab.goto(PAGE);
  await tab.locator("ul[aria-busy=false]").waitFor({ state: "attached" }); // its scripts run
  await tab.getByLabel("New task").click();
  await tab.keyboard.type("Half a title");
  const asked = tab.waitForEvent("dialog");
  await tab.close({ runBeforeUnload: true });
  const question = await asked;
  assert.equal(question.type(), "beforeunload");
  await question.dismiss();
  await tab.keyboard.press("Enter");
  await tab.getByRole("status").getByText("Added “Half a title”.").waitFor({ state: "attached" });
  const closed = tab.waitForEvent("close"); // nothing is lost
  await tab.close({ runBeforeUnload: true });
  await closed;
  await ada.leave();
});
