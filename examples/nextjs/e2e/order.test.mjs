import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Person, browser } from "./person.mjs";

after(() => browser.close());

test("tasks are ordered by mouse, keyboard and touch, and another device follows", async () => {
  const { ada, paths } = await withTasks("One", "Two", "Three", "Four");
  const { page } = ada;
  await ada.isAccessible("My order");

  await drag(ada, "Four", "Two");
  await ada.shows(["One", "Two", "Three", "Four"]); // the service has not heard of it
  const moved = ada.answered("PATCH", /position$/);
  await page.mouse.up();
  await ada.hears("Moved to place 2 of 4: “Four”.");
  assert.equal((await moved).status(), 200);
  await ada.shows(["One", "Four", "Two", "Three"]);

  await page.setViewportSize({ width: 1000, height: 400 });
  await handle(ada, "One").evaluate((element) => element.scrollIntoView({ block: "center" }));
  const before = await page.evaluate(() => window.scrollY);
  await drag(ada, "One");
  await page.mouse.move(200, 390);
  await page.waitForFunction((start) => window.scrollY > start, before);
  await page.keyboard.press("Escape");
  await page.mouse.up();
  await page.setViewportSize({ width: 1000, height: 1000 });
  await ada.shows(["One", "Four", "Two", "Three"]);
  assert.equal(await handle(ada, "One").getAttribute("aria-expanded"), "false"); // it was no click

  await handle(ada, "One").focus();
  for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp"]) await page.keyboard.press(key);
  await ada.hears("Moved to place 3 of 4: “One”.");
  await ada.focuses("Move One");
  await page.getByRole("button", { name: "Edit Three" }).focus();
  await page.keyboard.press("Shift+K");
  await ada.hears("Moved to place 3 of 4: “Three”.");
  await ada.focuses("Edit Three");
  await handle(ada, "Two").press("Enter");
  await ada.isAccessible("the buttons to move");
  const last = ada.answered("PATCH", new RegExp(`${paths["Two"]}/position$`));
  await ada.press("To the top");
  await ada.hears("Moved to place 1 of 4: “Two”.");
  await ada.focuses("To the top");
  await ada.press("Move up");
  await ada.hears("This is the first task.");
  await page.keyboard.press("Escape");
  await ada.focuses("Move Two");
  await ada.shows(["Two", "Four", "Three", "One"]);
  await last;
  await ada.reload();
  await ada.shows(["Two", "Four", "Three", "One"]);

  const phone = await ada.onAnotherDevice({
    hasTouch: true,
    isMobile: true,
    viewport: { width: 390, height: 844 },
  });
  const pressedLong = { pointerType: "touch", bubbles: true };
  await phone.row("Four").evaluate((row, press) => row.dispatchEvent(new PointerEvent("contextmenu", press)), pressedLong);
  await phone.press("Sort");
  await phone.shows(["Two", "Four", "Three", "One"]);
  const touched = phone.answered("PATCH", /position$/);
  await swipe(phone, "Two", "Three");
  await phone.hears("Moved to place 3 of 4: “Two”.");
  assert.equal((await touched).status(), 200);
  await ada.sync();
  await ada.shows(["Four", "Three", "Two", "One"]);
  await ada.leave();
  await phone.leave();
});

test("a task that cannot be moved waits or goes back, and the page says why", async () => {
  const { ada, paths } = await withTasks("One", "Two", "Three");
  const { page } = ada;

  await page.context().setOffline(true);
  await handle(ada, "One").press("End");
  await ada.row("One").getByText("It will be moved when the service responds.").waitFor();
  await ada.shows(["Two", "Three", "One"]);
  await page.context().setOffline(false);
  await ada.hears("Moved to place 3 of 3: “One”.");
  await ada.shows(["Two", "Three", "One"]);

  // Another device deletes a task while the move is on its way.
  for (const [gone, text] of /** @type {const} */ ([
    ["Two", "“Three” was not moved. The task beside its new place was deleted elsewhere."],
    ["Three", "“Three” was deleted elsewhere."],
  ])) {
    const erase = async (/** @type {import("playwright-core").Route} */ route) => {
      await ada.ask("DELETE", `${paths[gone]}`);
      await route.continue();
    };
    await page.route("**/position", erase, { times: 1 });
    await handle(ada, "Three").press(gone === "Two" ? "ArrowUp" : "ArrowDown");
    await ada.hears(text);
    await ada.shows(gone === "Two" ? ["Three", "One"] : ["One"]);
  }
  ada.forgiveOffline();
  await ada.leave(400, 404);
});

/**
 * Sign up, with these tasks from top to bottom. Sort them by hand, as the page offers to somebody
 * who drags one. Return also their paths.
 * @param {string[]} titles
 */
async function withTasks(...titles) {
  const ada = await Person.signUp("Ada", { viewport: { width: 1000, height: 1000 } });
  /** @type {Record<string, string>} */
  const paths = {};
  for (const title of [...titles].reverse()) {
    const stored = await (await ada.ask("POST", "/api/tasks", { title })).json();
    paths[title] = `/api/tasks/${stored.id}`;
  }
  await ada.reload();
  await ada.shows(titles);
  const [first, second] = titles.map((title) => ada.row(title).locator(".title"));
  await first?.hover();
  await ada.page.mouse.down();
  await second?.hover();
  await ada.page.mouse.up();
  await ada.hears("Sort by “My order” to move tasks.");
  await ada.press("Sort");
  await ada.page.waitForURL("**/?sort=position");
  await ada.focuses("Tasks");
  await ada.idle();
  return { ada, paths };
}

/** @param {Person} person @param {string} title */
function handle(person, title) {
  return person.page.getByRole("button", { name: `Move ${title}`, exact: true });
}

/** Return the middle of a handle. @param {Person} person @param {string} title */
async function middle(person, title) {
  const box = await handle(person, title).boundingBox();
  assert(box);
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/**
 * Drag a task to the place of another one, or only lift it. Hold it there.
 * @param {Person} person @param {string} title @param {string} [other]
 */
async function drag(person, title, other = title) {
  const [from, to] = [await middle(person, title), await middle(person, other)];
  const { mouse } = person.page;
  await mouse.move(from.x, from.y);
  await mouse.down();
  await mouse.move(from.x, from.y + 10);
  await mouse.move(to.x, to.y);
}

/**
 * Drag a task to the place of another one with a finger.
 * @param {Person} person @param {string} title @param {string} other
 */
async function swipe(person, title, other) {
  const [from, to] = [await middle(person, title), await middle(person, other)];
  const touch = await person.page.context().newCDPSession(person.page);
  const steps = /** @type {const} */ ([
    ["touchStart", from],
    ["touchMove", { ...from, y: from.y + 30 }],
    ["touchMove", to],
  ]);
  for (const [type, point] of steps) {
    await touch.send("Input.dispatchTouchEvent", { type, touchPoints: [point] });
  }
  await touch.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
}
