/** Takes the pictures of the README, and in `pictures` every state in both themes and three widths. */

import { PAGE, Person, browser } from "./person.mjs";

const THEMES = /** @type {const} */ (["light", "dark"]);
/** A kind of device, and the name and the size of its picture in the README. */
const DESKTOP = {
  widths: [1280],
  options: { hasTouch: false, isMobile: false },
  name: "screenshot",
  size: { width: 1180, height: 980 },
};
const PHONE = {
  widths: [320, 390],
  options: { hasTouch: true, isMobile: true },
  name: "screenshot-phone",
  size: { width: 390, height: 844 },
};

/** Return a date that is some days from today. @param {number} days */
function day(days) {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
}

const TASKS = [
  { title: "Return the library books", completed: true, tags: ["errand"] },
  {
    title: "Book the train to Lisbon",
    description: "Window seat, the morning one.\nReturn on the 14th.",
    due_date: day(9),
    tags: ["travel"],
  },
  { title: "Water the lemon tree", completed: true, priority: "low", tags: ["garden"] },
  { title: "Write to Charles about the engine", due_date: day(1), tags: ["work"] },
  { title: "Sketch the garden beds for spring", priority: "low", tags: ["garden", "home"] },
  { title: "Buy oat milk", due_date: day(0), tags: ["errand", "home"] },
  { title: "Renew the passport", due_date: day(-1), priority: "high", tags: ["errand", "travel"] },
];
const OTHER_SCRIPTS = [
  { title: "לקנות חלב ולחם", tags: ["בית"] },
  { title: "شراء الحليب (2 لتر)", tags: ["منزل"] },
  { title: "牛乳とパンを買う", tags: ["家"] },
];

/** Take the pictures of a kind of device. @param {typeof PHONE} kind */
async function takePictures({ widths, options, name, size }) {
  /** @param {string} who @param {Record<string, unknown>[]} tasks */
  async function withTasks(who, tasks) {
    const person = await Person.signUp(who, options);
    for (const task of tasks) await person.ask("POST", "/api/tasks", task);
    await person.reload();
    return person;
  }

  /** Take the picture of a state. @param {Person} person @param {string} state */
  async function picture({ page }, state) {
    for (const colorScheme of THEMES) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      for (const width of widths) {
        await page.setViewportSize({ width, height: 844 });
        await page.screenshot({ path: `pictures/${state}-${width}-${colorScheme}.png` });
      }
    }
  }

  const empty = await withTasks("Grace Hopper", []);
  await picture(empty, "no-tasks");
  await empty.page.goto(`${PAGE}/trash`);
  await empty.page.getByText("The trash is empty.").waitFor();
  await picture(empty, "empty-trash");
  await empty.page.context().clearCookies();
  await empty.page.goto(`${PAGE}/sign-in`);
  await picture(empty, "sign-in");
  await empty.page.goto(`${PAGE}/sign-in#deleted`);
  await empty.page.reload();
  await empty.hears("Your account and all tasks have been deleted.");
  await picture(empty, "account-deleted");
  await empty.page.goto(`${PAGE}/no-such-page`);
  await picture(empty, "unknown-page");

  const ada = await withTasks("Ada Lovelace", TASKS);
  const { page } = ada;
  await page.locator(".chips button").first().waitFor({ state: "attached" });
  await page.setViewportSize(size);
  for (const colorScheme of THEMES) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.screenshot({ path: `${name}-${colorScheme}.png` });
  }
  await picture(ada, "tasks");
  await page.getByLabel("New task").fill("Water the ferns tomorrow #home !high");
  await picture(ada, "chips");
  await ada.press("Details");
  await picture(ada, "details");
  await ada.press("Details");
  await page.getByLabel("New task").fill("A title that goes on and on ".repeat(8));
  await page.getByRole("alert").filter({ hasText: "The limit is 200." }).waitFor();
  await picture(ada, "long-title");

  await page.goto(`${PAGE}/?priority=high&tag=errand`);
  await ada.shows(["Renew the passport"]);
  await page.locator(".clear-filters").waitFor({ state: "attached" });
  if (options.isMobile) await ada.press("View 2 set");
  await picture(ada, "filters");
  await page.goto(PAGE);
  await ada.idle();

  await ada.press("Edit Buy oat milk");
  await picture(ada, "edit");
  await page.getByLabel("Title").fill("Buy oat milk and bread");
  const [{ id }] = await (await ada.ask("GET", "/api/tasks?q=oat")).json();
  await ada.ask("PATCH", `/api/tasks/${id}`, { title: "Buy soy milk" });
  await ada.press("Save");
  await page.getByRole("region", { name: "was changed elsewhere" }).waitFor();
  await picture(ada, "conflict");
  await ada.press("Take the other version");

  await ada.press("Select");
  await page.getByLabel("Select Renew the passport").click();
  await picture(ada, "selection");
  await ada.press("Select");
  await ada.press("Delete Water the lemon tree");
  await ada.hears("Deleted “Water the lemon tree”.");
  await picture(ada, "message");
  await page.goto(`${PAGE}/trash`);
  await ada.shows(["Water the lemon tree"]);
  await picture(ada, "trash");
  await page.goto(`${PAGE}/?sort=position`);
  await ada.idle();
  await page.getByRole("button", { name: "Move Buy soy milk" }).press("Enter");
  await picture(ada, "by-hand");
  await page.goto(`${PAGE}/?q=nothing`);
  await page.getByText("No tasks contain").waitFor();
  await picture(ada, "nothing-found");
  await page.context().setOffline(true);
  await page.getByLabel("New task").fill("Not saved");
  await page.getByLabel("New task").press("Enter");
  await page.getByText("It will be added when").waitFor();
  await picture(ada, "no-network");
  await ada.type("Not saved either");
  await page.getByRole("button", { name: "Try again: all changes" }).waitFor();
  await picture(ada, "waiting");

  const polyglot = await withTasks("Ada Lovelace", OTHER_SCRIPTS);
  await picture(polyglot, "other-scripts");
}

await takePictures(DESKTOP);
await takePictures(PHONE);
await browser.close();
