/** Takes the pictures of the READMEs: the list with tasks of every kind, light and dark. */

import { Person, browser } from "./person.mjs";

const viewport = { width: 1180, height: 980 };

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

const ada = await Person.signUp("Ada Lovelace", { viewport });
for (const task of TASKS) await ada.ask("POST", "/api/tasks", task);
for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  await ada.page.emulateMedia({ colorScheme });
  await ada.page.reload();
  await ada.page.getByText("#travel").first().waitFor();
  await ada.idle();
  await ada.page.screenshot({ path: `screenshot-${colorScheme}.png` });
}
await browser.close();
