import assert from "node:assert/strict";
import { after, test } from "node:test";
import { PAGE, Person, browser } from "./person.mjs";

after(() => browser.close());

const LATE = { title: "Late", description: "Notes", priority: "high", due_date: "2026-11-01" };

test("axe-core finds nothing in any state, in light and dark", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  await page.getByText("No tasks.").waitFor();
  await ada.isAccessible("no tasks");
  for (const label of ["Search", "Sort"]) assert(!(await page.getByLabel(label).isVisible()));
  assert.equal(await page.getByRole("button", { name: "Select" }).count(), 0);
  await ada.add(" ");
  await page.getByText("The title is empty. Write one.").waitFor();
  await ada.isAccessible("a rejected task");
  for (const title of ["Plain", "Done"]) await ada.add(title);
  await ada.tick("Done").click();
  const { id } = await (await ada.ask("POST", "/api/tasks", { ...LATE, tags: ["home"] })).json();
  await ada.sync();
  await page.getByRole("button", { name: "#home" }).waitFor();
  await ada.isAccessible("tasks of every kind");

  await ada.press("Edit Late");
  await ada.isAccessible("the edit form");
  await page.getByLabel("Title").fill("Later");
  await ada.ask("PATCH", `/api/tasks/${id}`, { title: "Latest", tags: [] });
  await ada.press("Save");
  await page.getByRole("region", { name: "was changed elsewhere" }).waitFor();
  await ada.isAccessible("a conflict");
  await ada.press("Take the other version");

  await ada.press("Edit Plain");
  await page.getByLabel("Title").fill(" ");
  await ada.press("Save");
  await page.getByText("The title is empty. Write one.").waitFor();
  await ada.isAccessible("a rejected edit");
  await ada.press("Cancel");

  await ada.press("Select");
  await page.getByLabel("Select Plain").click();
  await ada.isAccessible("a selection");
  await ada.press("Select");
  await page.getByRole("button", { name: "High 1" }).click();
  await page.getByLabel("Search").fill("nothing");
  await page.getByText("No tasks contain").waitFor();
  await ada.isAccessible("nothing found");
  await ada.press("Clear the filters");

  await ada.press("Keyboard shortcuts");
  await ada.isAccessible("the shortcuts");
  await page.keyboard.press("Escape");
  await ada.press("Delete my account");
  await ada.isAccessible("the deletion of the account");
  await ada.press("Cancel");
  await ada.press("Delete Plain");
  await ada.hears("Deleted “Plain”.");
  await ada.isAccessible("a message with Undo");

  await page.context().setOffline(true);
  await ada.tick("Done").click();
  await ada.row("Done").getByRole("button", { name: "Try again" }).waitFor();
  await ada.press("Clear completed");
  await page.getByRole("alert").filter({ hasText: "The completed tasks were not" }).waitFor();
  await page.getByRole("link", { name: "Active" }).click();
  await page.getByText("Your tasks could not be loaded.").waitFor();
  await ada.isAccessible("no network");
  await page.context().setOffline(false);

  await page.goto(`${PAGE}/trash`);
  await ada.shows(["Plain"]);
  await ada.isAccessible("the trash");
  await page.route(/tasks\?.*status=deleted/, (route) => route.abort("internetdisconnected"));
  await page.reload();
  await page.getByText("The trash could not be loaded.").waitFor();
  assert.equal(await page.getByRole("button", { name: "Empty trash" }).count(), 0);
  await page.context().clearCookies();
  await page.reload();
  await page.getByLabel("Password", { exact: true }).waitFor();
  await ada.isAccessible("the sign-in page");
  await page.getByRole("button", { name: "Create an account" }).click();
  await ada.isAccessible("the sign-up page");
  await page.goto(`${PAGE}/no-such-page`);
  await ada.isAccessible("an unknown page");
  ada.forgiveOffline();
  await ada.leave(400, 404, 412);
});

test("an expired session asks for a sign-in accessibly", async () => {
  const ada = await Person.signUp("Ada");
  await ada.page.context().clearCookies();
  await ada.page.clock.install();
  await ada.page.clock.fastForward("15:00");
  await ada.type("Typed meanwhile");
  await ada.page.getByText("Sign in to continue").waitFor();
  await ada.isAccessible("signed out");
  await ada.leave(401);
});

test("nothing moves while the first screen loads", async () => {
  const ada = await Person.signUp("Ada");
  for (let index = 0; index < 30; index += 1) {
    await ada.ask("POST", "/api/tasks", { ...LATE, title: `Task ${index}`, tags: ["home"] });
  }
  await ada.page.addInitScript(() => {
    const shifts = /** @type {string[]} */ ([]);
    Object.assign(window, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        for (const { node } of /** @type {any} */ (entry).sources) {
          shifts.push(node?.outerHTML?.slice(0, 200) ?? node?.textContent);
        }
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
  await ada.reload();
  await ada.page.getByRole("button", { name: "#home" }).waitFor();
  // @ts-expect-error set above
  assert.deepEqual(await ada.page.evaluate(() => window.shifts), []);
  await ada.leave();
});

test("each shortcut works, and a list of them opens under ?, which turns them off", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  for (const title of ["Two", "One"]) await ada.add(title);
  await page.getByRole("heading", { name: "Tasks" }).click();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("n");
  await ada.focuses("New task");
  await page.getByLabel("New task").fill("");
  await page.keyboard.type("?nothing/");
  assert.equal(await page.getByLabel("New task").inputValue(), "?nothing/");
  await page.keyboard.press("Escape");
  await page.keyboard.press("/");
  await ada.focuses("Search");
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await ada.focuses("Edit One");
  await page.keyboard.press("ArrowDown");
  await ada.focuses("Edit Two");
  await page.keyboard.press("k");
  await page.keyboard.press("c");
  await ada.hears("Completed “One”.");
  assert.equal(await ada.tick("One").isChecked(), true);
  await page.keyboard.press("e");
  await page.getByLabel("Title").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Delete");
  await ada.hears("Deleted “One”.");
  await ada.focuses("Edit Two");
  await page.keyboard.press("z");
  await ada.shows(["One", "Two"]);
  await ada.focuses("Edit One");
  await page.keyboard.press("j");
  for (const modifier of ["Control", "Meta"]) {
    await page.keyboard.press("Backspace");
    await ada.hears("Deleted “Two”.");
    await ada.shows(["One"]);
    await page.keyboard.press(`${modifier}+z`);
    await ada.shows(["One", "Two"]);
    await ada.focuses("Edit Two");
  }
  await page.keyboard.press("e");
  await page.getByRole("button", { name: "Cancel" }).focus();
  await page.keyboard.press("Backspace"); // in a form it deletes no task
  await page.keyboard.press("Escape");
  await ada.shows(["One", "Two"]);
  await page.getByRole("button", { name: "Edit Two" }).focus();
  await page.keyboard.press("Shift+K");
  await ada.hears("Sort by “My order” to move tasks.");
  await page.keyboard.press("m");
  await page.getByRole("button", { name: "Move Two" }).waitFor();
  await page.keyboard.press("Shift+K");
  await ada.hears("Moved to place 1 of 2: “Two”.");
  await ada.focuses("Edit Two");
  await page.keyboard.press("?");
  await page.getByRole("dialog").getByText("Delete or ⌫").waitFor();
  await page.getByLabel("Use shortcuts of one letter").uncheck();
  await ada.press("Close");
  await ada.reload();
  await page.keyboard.press("n");
  assert.equal(await ada.focused(), undefined);
  await ada.leave();
});

test("keys that an input method needs do nothing else", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  const keyboard = await page.context().newCDPSession(page);
  /** @param {string} label @param {string} key */
  async function compose(label, key) {
    const field = page.getByLabel(label, { exact: true });
    await field.focus();
    const half = { text: "にほ", selectionStart: 2, selectionEnd: 2 };
    await keyboard.send("Input.imeSetComposition", half);
    await page.keyboard.press(key);
    await keyboard.send("Input.insertText", { text: "日本" });
    assert.equal(await field.inputValue(), "日本", `${label}, ${key}`);
  }
  await compose("New task", "Enter");
  const added = ada.answered("POST");
  await page.keyboard.press("Enter");
  assert.equal((await (await added).json()).title, "日本");
  await ada.shows(["日本"]);
  await compose("Search", "Escape");
  await page.waitForURL("**/?q=*");

  await ada.press("Edit 日本");
  await compose("Notes", "Escape");
  await compose("Tags", "Enter");
  const saved = ada.answered("PATCH");
  await ada.press("Save");
  const { description, tags } = await (await saved).json();
  assert.deepEqual([description, tags], ["日本", ["日本"]]);
  await ada.leave();
});

test("the keyboard is enough, and the focus is never lost", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  for (const title of ["Three", "Two", "One"]) await ada.add(title);
  await ada.hears("Added “One”."); // until then, its box takes no focus
  await page.getByLabel("Sort").focus();
  await page.keyboard.press("Tab"); // no filter would find anything
  await ada.focuses("Completed: One");
  await page.keyboard.press("Space");
  assert.equal(await ada.tick("One").isChecked(), true);
  await page.keyboard.press("Tab");
  await ada.focuses("Edit One");
  const { y = 0, height = 0 } = (await ada.row("One").boundingBox()) ?? {};
  // The form will push the next row out of the page.
  await page.setViewportSize({ width: 1280, height: Math.ceil(y + height) + 120 });
  await page.keyboard.press("Enter");
  await ada.focuses("Title");
  assert.equal(await page.evaluate(() => window.scrollY), 0);
  await page.keyboard.press("Escape");
  await ada.focuses("Edit One");
  await page.keyboard.press("Tab");
  await ada.focuses("Delete One");
  assert.equal(await page.locator(":focus").evaluate((it) => getComputedStyle(it).opacity), "1");
  await page.keyboard.press("Enter");
  await ada.tick("One").waitFor({ state: "detached" });
  await ada.focuses("Delete Two");
  await ada.leave();
});

test("the focus stays in the list when another device deletes the focused task", async () => {
  const ada = await Person.signUp("Ada");
  await ada.add("Two");
  const { id } = await (await ada.add("One")).json();
  await ada.hears("Added “One”.");
  await ada.tick("One").focus();
  await ada.ask("DELETE", `/api/tasks/${id}`);
  await ada.sync();
  await ada.tick("One").waitFor({ state: "detached" });
  await ada.focuses("Edit Two");
  await ada.leave();
});

test("the page fits a small phone in dark mode", async () => {
  const viewport = { width: 320, height: 640 };
  const ada = await Person.signUp("Ada", {
    viewport,
    isMobile: true,
    hasTouch: true,
    colorScheme: "dark",
  });
  await ada.page.getByText("No tasks.").waitFor();
  assert.equal(await ada.focused(), undefined); // the keyboard would cover the page
  await ada.add("Averylongwordthatnobodywouldwrite".repeat(4));
  const { id } = await (await ada.add("With everything")).json();
  const everything = { priority: "high", due_date: "2026-11-01", tags: ["some", "long tags here"] };
  await ada.ask("PATCH", `/api/tasks/${id}`, everything);
  await ada.sync();
  await ada.row("With everything").getByText("#long tags here").waitFor();
  await fits(ada, viewport.width);
  await ada.press("Edit With everything");
  await fits(ada, viewport.width);
  await ada.page.setViewportSize({ ...viewport, height: 320 }); // above the keyboard of the phone
  for (const label of ["Notes", "Due date", "Tags", "Title"]) {
    const field = ada.page.getByLabel(label, { exact: true });
    await field.focus();
    await showsAbove(ada, field, ada.page.getByRole("button", { name: "Save" }));
  }
  await ada.page.setViewportSize(viewport);
  await ada.page.getByLabel("Title").fill("Another title, just as long as a phone makes it");
  await ada.ask("PATCH", `/api/tasks/${id}`, { title: "With everything, changed", tags: [] });
  await ada.press("Save");
  const conflict = ada.page.getByRole("region", { name: "“With everything” was changed elsewhere" });
  await conflict.waitFor();
  await fits(ada, viewport.width);
  const versions = conflict.locator("tbody tr").first().locator("td");
  await conflict.evaluate((panel) => panel.scrollIntoView());
  await showsAbove(ada, versions.first(), versions.last());
  await ada.press("Take the other version");
  assert(!(await ada.page.getByText("Keyboard shortcuts").first().isVisible()));
  await ada.page.keyboard.press("?");
  await fits(ada, viewport.width);
  await ada.page.keyboard.press("Escape");
  await ada.press("Details");
  await ada.press("View");
  await ada.page.getByLabel("Search").fill("nothing like it");
  await ada.page.getByText("No tasks contain").waitFor();
  await fits(ada, viewport.width);
  await ada.press("Clear the search");
  await ada.row("With everything").waitFor();
  await ada.press("Select");
  await fits(ada, viewport.width);
  await ada.page.setViewportSize({ ...viewport, height: 400 });
  const top = ada.page.getByLabel("Select With everything, changed");
  await top.evaluate((it) => scrollBy(0, it.getBoundingClientRect().top - 90)); // below the bar
  await top.focus();
  const [bar, first] = [await ada.page.locator(".selection").boundingBox(), await top.boundingBox()];
  assert(bar && first && first.y >= bar.y + bar.height, "the bar covers the focus");
  await ada.page.setViewportSize(viewport);
  await ada.press("Select");
  await ada.press("Delete With everything, changed");
  const message = ada.page.locator(".notice[data-seen=true]");
  await message.getByText("Deleted “With everything, changed”.").waitFor();
  const { x, width: all } = (await message.boundingBox()) ?? {};
  assert.deepEqual([x, all], [0, viewport.width]); // no row looks out beside it
  await fits(ada, viewport.width);
  await ada.add("شراء الحليب والخبز والجبن والزيتون غدا");
  await ada.press("Delete شراء الحليب والخبز والجبن والزيتون غدا");
  const cut = message.locator("bdi", { hasText: "شراء" });
  const beginning = await cut.evaluate((it) => {
    const letter = document.createRange();
    letter.setStart(it.firstChild ?? it, 0);
    letter.setEnd(it.firstChild ?? it, 1);
    const [{ x, y }, bar] = [letter.getBoundingClientRect(), it.closest("p")?.getBoundingClientRect()];
    return bar && x >= bar.x && x <= bar.right && y >= bar.y && y <= bar.bottom;
  });
  assert(beginning, "a title from right to left is cut at its end");
  await ada.press("Undo");
  await message.getByText("Restored").waitFor();
  await ada.row("Averylong").locator(".title").click();
  await showsAbove(ada, ada.page.getByRole("button", { name: "Save" }), message);
  await ada.press("Cancel");
  await ada.press("Delete my account");
  await fits(ada, viewport.width);
  await ada.page.keyboard.press("Escape");
  await ada.page.context().setOffline(true);
  await ada.tick("Averylongwordthatnobodywouldwrite".repeat(4)).click();
  await ada.page.getByText("Waiting.").waitFor();
  await fits(ada, viewport.width);
  await ada.row("Averylong").locator(".title").click();
  await showsAbove(ada, ada.page.getByRole("button", { name: "Save" }), ada.page.locator(".outage"));
  await ada.press("Cancel");
  await ada.page.context().setOffline(false);
  await ada.page.getByText("Waiting.").waitFor({ state: "detached" });
  await ada.page.getByRole("link", { name: "Trash" }).click();
  await ada.shows(["With everything, changed"]);
  await fits(ada, viewport.width);
  await ada.press("Restore With everything, changed");
  await ada.page.getByText("The trash is empty.").waitFor();
  await ada.hears("Restored “With everything, changed”."); // or the sign-out asks first
  await fits(ada, viewport.width);
  await ada.press("Sign out");
  await ada.page.getByLabel("E-mail").waitFor();
  await fits(ada, viewport.width);
  ada.forgiveOffline();
  await ada.leave(412);
});

/**
 * Fail unless both elements are on the screen, one above the other.
 * @param {Person} person
 * @param {import("playwright-core").Locator} upper @param {import("playwright-core").Locator} lower
 */
async function showsAbove({ page }, upper, lower) {
  const [above, below] = [await upper.boundingBox(), await lower.boundingBox()];
  const height = page.viewportSize()?.height ?? 0;
  const isSeen = above && below && above.y >= 0 && below.y + below.height <= height;
  assert(isSeen && above.y + above.height <= below.y, JSON.stringify({ above, below, height }));
}

/**
 * Fail if the page scrolls sideways or clips a row, or if a control is too small for a finger.
 * @param {Person} person @param {number} width
 */
async function fits(person, width) {
  assert.equal(await person.page.evaluate(() => document.documentElement.scrollWidth), width);
  const clipped = await person.page
    .locator(".list, dialog[open]")
    .evaluateAll((all) => all.filter((each) => each.scrollWidth > each.clientWidth).length);
  assert.equal(clipped, 0);
  const small = await person.page.locator("button, .tick, a, select").evaluateAll((targets) =>
    targets.flatMap((target) => {
      const dialog = document.querySelector("dialog[open]");
      if (!target.checkVisibility({ visibilityProperty: true })) return [];
      if (dialog && !dialog.contains(target)) return [];
      target.scrollIntoView({ block: "center", inline: "center" });
      const { left, top, width, height } = target.getBoundingClientRect();
      const [x, y] = [left + width / 2, top + Math.min(height, 44) / 2];
      /** How far a finger may go in a direction, from the middle of the target. */
      const reach = (/** @type {number} */ right, /** @type {number} */ down) => {
        let far = 0;
        const isHit = () => target.contains(document.elementFromPoint(x + right * far, y + down * far));
        while (far < 100 && isHit()) far += 1;
        return far;
      };
      const [wide, high] = [reach(1, 0) + reach(-1, 0), reach(0, 1) + reach(0, -1)];
      const enough = target.matches(".title") ? 36 : 44; // a title is as wide as its row
      return left < 0 || wide < 44 || high < enough ? [`${wide} x ${high}: ${target.outerHTML}`] : [];
    }),
  );
  assert.deepEqual(small, []);
  const stolen = await person.page.locator(".title").evaluateAll((titles) =>
    titles.filter((title) => {
      const text = document.createRange();
      text.selectNodeContents(title);
      return [...text.getClientRects()].some(({ left, right, bottom }) =>
        [0.1, 0.3, 0.5, 0.7, 0.9].some((part) => {
          const hit = document.elementFromPoint(left + part * (right - left), bottom - 2);
          return hit?.matches(".tag");
        }),
      );
    }).length,
  );
  assert.equal(stolen, 0); // a tap on a title opens the task
}

test("long notes show three lines and no part of a fourth", async () => {
  const ada = await Person.signUp("Ada");
  await ada.ask("POST", "/api/tasks", { title: "Short", description: "One\n\n \n\nTwo\n" });
  const notes = [
    "ordinary words that go on ".repeat(40),
    "https://example.com/a/path?with=parameters&".repeat(20),
  ];
  for (const description of notes) {
    await ada.ask("POST", "/api/tasks", { title: "Read", description });
  }
  await ada.page.reload();
  await ada.idle();
  assert.equal(await ada.row("Short").locator(".notes").innerText(), "One\nTwo");
  for (const width of [390, 1280]) {
    await ada.page.setViewportSize({ width, height: 800 });
    for (const shown of await ada.page.locator(".notes", { hasNotText: "One" }).all()) {
      const lines = await shown.evaluate(
        (element) => element.clientHeight / parseFloat(getComputedStyle(element).lineHeight),
      );
      assert(Math.abs(lines - 3) < 0.1, `${lines} lines at ${width} px`);
    }
  }
  await ada.leave();
});
