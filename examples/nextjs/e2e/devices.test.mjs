import assert from "node:assert/strict";
import { after, test } from "node:test";
import { PAGE, Person, browser } from "./person.mjs";

after(() => browser.close());

test("a change on one device appears on the other within 15 seconds", async () => {
  const ada = await Person.signUp("Ada");
  const phone = await ada.onAnotherDevice();
  await phone.page.clock.install();
  await phone.reload();

  await ada.add("From the laptop");
  await phone.page.clock.runFor(15_000);
  await phone.row("From the laptop").waitFor();

  await phone.tick("From the laptop").click();
  await phone.hears("Completed “From the laptop”.");
  await ada.sync();
  await ada.page.locator("[data-completed=true]").waitFor();

  await ada.press("Delete From the laptop");
  await ada.hears("Deleted “From the laptop”.");
  await phone.page.clock.runFor(15_000);
  await phone.row("From the laptop").waitFor({ state: "detached" });
  await ada.leave();
  await phone.leave();
});

test("a hidden page asks for nothing until it is visible again", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  await page.clock.install();
  const caughtUp = ada.answered("GET", /changes$/);
  await ada.reload();
  await caughtUp;
  const syncs = () => ada.requests.filter((request) => request.url().includes("/changes?"));
  const show = (/** @type {string} */ value) =>
    page.evaluate((state) => {
      Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, value);
  await show("hidden");
  const before = syncs().length;
  await page.clock.runFor(60_000);
  assert.equal(syncs().length, before);
  assert(before > 0);
  const answered = ada.answered("GET", /changes$/);
  await show("visible");
  assert.equal((await answered).status(), 200);
  await ada.leave();
});

test("a sync token that has expired is replaced, and the user sees nothing of it", async () => {
  const ada = await Person.signUp("Ada");
  await ada.add("Erased");
  await ada.hears("Added “Erased”.");
  assert.equal((await ada.ask("DELETE", "/api/account")).status, 204);
  await ada.ask("POST", "/api/tasks", { title: "The new start" });
  const refused = ada.answered("GET", /changes$/);
  await ada.sync();
  assert.equal((await refused).status(), 410);
  await ada.row("The new start").waitFor();
  await ada.shows(["The new start"]);
  assert.equal(await ada.page.locator("[role=alert]:not(:empty)").count(), 0);
  await ada.leave(410);
});

for (const { choice, title } of [
  { choice: "Keep your version", title: "From the phone" },
  { choice: "Take the other version", title: "From the laptop" },
]) {
  test(`two edits of one task: the second person is asked, and may ${choice}`, async () => {
    const ada = await Person.signUp("Ada");
    const { id } = await (await ada.add("Original")).json();
    const phone = await ada.onAnotherDevice();
    await ada.add("Next"); // it has a control that could take the focus
    await phone.sync();
    await phone.row("Next").waitFor();
    await phone.press("Edit Original");
    await phone.page.getByLabel("Title").fill("From the phone");

    await ada.press("Edit Original");
    await ada.page.getByLabel("Title").fill("From the laptop");
    await ada.page.getByLabel("Notes").fill("Also from the laptop");
    await ada.press("Save");
    await ada.hears("Saved “From the laptop”.");
    await phone.sync(); // the form still has the version that the user saw

    const refused = phone.answered("PATCH");
    await phone.press("Save");
    assert.equal((await refused).status(), 412);
    const name = "“Original” was changed elsewhere while you edited it";
    const conflict = phone.page.getByRole("region", { name });
    await conflict.waitFor();
    assert(await conflict.evaluate((panel) => panel === document.activeElement));
    const titles = await conflict.getByRole("row", { name: "Title" }).getByRole("cell").allInnerTexts();
    assert.deepEqual(titles, ["From the phone", "From the laptop"]);
    await conflict.getByText("Choose which version to keep.").waitFor();
    assert.equal(await conflict.getByText("Also from the laptop").count(), 0); // nothing to choose
    await conflict.getByRole("button", { name: choice }).click();
    await conflict.waitFor({ state: "detached" });
    await phone.focuses(`Edit ${title}`);
    await phone.row(title).getByText("Saving…").waitFor({ state: "detached" });
    const stored = await (await ada.ask("GET", `/api/tasks/${id}`)).json();
    assert.deepEqual([stored.title, stored.description], [title, "Also from the laptop"]);
    if (choice === "Take the other version") {
      await phone.press("Undo"); // their own text is not lost
      await phone.row("From the phone").getByText("Unsaved changes.").waitFor();
    }
    await ada.leave();
    await phone.leave(412);
  });
}

test("a completion elsewhere is no conflict with an edit", async () => {
  const ada = await Person.signUp("Ada");
  const { id } = await (await ada.add("Original")).json();
  await ada.press("Edit Original");
  await ada.page.getByLabel("Title").fill("Edited");
  await ada.ask("PATCH", `/api/tasks/${id}`, { completed: true });
  await ada.press("Save");
  await ada.hears("Saved “Edited”.");
  const stored = await (await ada.ask("GET", `/api/tasks/${id}`)).json();
  assert.deepEqual([stored.title, stored.completed], ["Edited", true]);
  await ada.leave(412);
});

test("a shared link shows the same list on another device", async () => {
  const ada = await Person.signUp("Ada");
  await ada.ask("POST", "/api/tasks", { title: "At home", tags: ["home"], priority: "high" });
  await ada.ask("POST", "/api/tasks", { title: "Elsewhere", priority: "high" });
  const phone = await ada.onAnotherDevice();
  await phone.page.goto(`${PAGE}/?priority=high&tag=home`);
  await phone.idle();
  await phone.shows(["At home"]);
  await ada.leave();
  await phone.leave();
});
