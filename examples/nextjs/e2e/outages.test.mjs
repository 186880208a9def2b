import assert from "node:assert/strict";
import { after, test } from "node:test";
import { database, holdWrites } from "./database.mjs";
import { Person, browser, userOf } from "./person.mjs";

after(() => browser.close());

test("the network is cut in the middle of a create: it is sent again by itself, and stored once", async () => {
  const ada = await Person.signUp("Ada");
  await ada.add("Before");
  await ada.hears("Added “Before”.");
  await ada.page.evaluate(() => {
    const { fetch } = window;
    window.fetch = async (input, init) => {
      // Counts and changes may be asked for in between. Only the create loses its response.
      if (!(input instanceof Request) || input.method !== "POST") return fetch(input, init);
      window.fetch = fetch;
      await fetch(input, init);
      await new Promise((resolve) => addEventListener("offline", resolve)); // or it is sent again
      throw new TypeError("the response is lost");
    };
  });
  const stored = ada.answered("POST");
  await ada.type("Only once");
  assert.equal((await stored).status(), 201);
  await ada.page.context().setOffline(true);
  const row = ada.row("Only once");
  await row.getByText("It will be added when the service responds.").waitFor();
  await row.getByRole("button", { name: "Try again" }).click();
  await row.getByText("It will be added when the service responds.").waitFor();
  const replayed = ada.answered("POST");
  await ada.page.context().setOffline(false);
  assert.equal((await replayed).headers()["idempotency-replayed"], "true");
  await ada.hears("Added “Only once”.");
  await ada.reload();
  await ada.shows(["Only once", "Before"]);
  ada.forgiveOffline();
  await ada.leave();
});

test("a reload in the middle of a create sends it again, and stores one task", async () => {
  const ada = await Person.signUp("Ada");
  await ada.add("Before");
  await ada.hears("Added “Before”.");
  const held = await holdWrites(userOf(ada));
  try {
    await ada.type("Only once");
    await held.waiting();
    await ada.page.reload();
  } finally {
    await held.release();
  }
  await ada.hears("Added “Only once”.");
  await ada.reload();
  await ada.shows(["Only once", "Before"]);
  await ada.leave();
});

test("a create that an outage refused is sent again after a reload", async () => {
  const ada = await Person.signUp("Ada");
  await database("stop");
  try {
    assert.equal((await ada.add("Typed in the dark")).status(), 503);
    await ada.row("Typed in the dark").getByText("It will be added when").waitFor();
  } finally {
    await database("restart");
  }
  const sent = ada.answered("POST");
  await ada.page.reload();
  assert.equal((await sent).status(), 201);
  await ada.hears("Added “Typed in the dark”.");
  await ada.reload();
  await ada.shows(["Typed in the dark"]);
  assert.equal(await ada.page.evaluate(() => sessionStorage.length), 0);
  await ada.leave(503);
});

test("without a network the list stays readable, and changes wait until it is back", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  await ada.add("Read me");
  await page.getByRole("link", { name: "All 1", exact: true }).waitFor(); // the last response
  const place = () => page.locator(".list").evaluate((list) => list.getBoundingClientRect().y);
  const before = await place();
  await page.context().setOffline(true);
  await page.getByText("Offline · changes will wait").waitFor();
  assert.equal(await place(), before, "the banner moves the list");
  await ada.tick("Read me").click();
  await ada.row("Read me").getByText("Waiting. It will be saved when the service responds.").waitFor();
  assert(await ada.tick("Read me").isChecked());
  await page.getByRole("link", { name: "Active" }).click();
  await page.getByText("Your tasks could not be loaded.").waitFor();
  await ada.shows(["Read me"]);
  await page.getByRole("link", { name: "Trash" }).click();
  await ada.hears("You can open “Trash” when you are back online.");
  const closing = page.waitForEvent("dialog");
  await page.close({ runBeforeUnload: true });
  const question = await closing;
  assert.equal(question.type(), "beforeunload");
  await question.dismiss();

  await page.context().setOffline(false);
  await page.getByText("Offline").waitFor({ state: "detached" });
  await page.getByText("Your tasks could not be loaded.").waitFor({ state: "detached" });
  await page.getByText("All done.").waitFor();
  ada.forgiveOffline();
  await ada.leave();
});

test("after a database outage every change is sent, also after a reload, and nothing is lost", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  await ada.add("Outlive the outage");
  await database("stop");
  try {
    const refused = ada.answered("PATCH");
    await ada.tick("Outlive the outage").click();
    assert.equal((await refused).status(), 503);
    await ada.hears("“Outlive the outage” will be saved when the service responds.");
    assert(await ada.tick("Outlive the outage").isChecked());
    await ada.press("Delete Outlive the outage");
    await ada.hears("“Outlive the outage” will be deleted when the service responds.");
    await ada.row("Outlive the outage").getByRole("button", { name: "Discard" }).click();
    await ada.hears("“Outlive the outage” is as before.");
    assert(await ada.tick("Outlive the outage").isChecked()); // it still waits
    assert.equal((await ada.add("Typed in the dark")).status(), 503);
    await ada.hears("“Typed in the dark” will be added when the service responds.");
    await ada.show("Active");
    await page.getByText("Your tasks could not be loaded.").waitFor();
    await page.getByText("2 changes wait in this tab", { exact: true }).waitFor();
    await ada.isAccessible("two changes that can be sent again");
    await ada.press("Try again: all changes");
    await ada.focuses("Tasks");
    await page.getByText("2 changes wait in this tab", { exact: true }).waitFor();
    await ada.press("Sign out");
    await page.getByText("If you sign out now, you lose them.").waitFor();
    await ada.isAccessible("a question before the sign-out");
    await ada.press("Cancel");
    await ada.focuses("Sign out");
  } finally {
    await database("restart");
  }
  await ada.idle();
  await ada.focuses();
  await ada.reload();
  await ada.shows(["Typed in the dark"]);
  await ada.show("Completed");
  await ada.shows(["Outlive the outage"]);
  await ada.leave(503);
});

test("a page that fails to load can be retried", async () => {
  const ada = await Person.signUp("Ada");
  await database("stop");
  try {
    await ada.page.reload();
    await ada.page.getByText("This page could not be loaded.").waitFor();
    await ada.isAccessible("a page that could not be loaded");
  } finally {
    await database("restart");
  }
  await ada.press("Try again");
  await ada.idle();
  // The page gets no details, and an error document without an icon may be asked for one (404).
  const expected = /Minified React error #441|status of 404/;
  ada.errors = ada.errors.filter((error) => !expected.test(error));
  await ada.leave(500);
});
