/** The page of docs/nextjs.md, as it stands there: `run.py guide` builds it. */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { API, PAGE, PASSWORD, browser, newContext } from "./person.mjs";

after(() => browser.close());

let people = 0;

/** Create an account with the form, and wait for the list. @param {string} email */
async function signUp(email) {
  const context = await newContext();
  // From an address of its own: Better Auth accepts three sign-ups of one in ten seconds.
  const address = `10.0.2.${(people += 1)}`;
  await context.route("**/api/auth/sign-*/**", (route) =>
    route.continue({ headers: { ...route.request().headers(), "X-Forwarded-For": address } }),
  );
  const page = await context.newPage();
  await page.goto(`${PAGE}/sign-in`);
  const listed = answered(page, "GET");
  await fillIn(page, email, PASSWORD);
  await page.getByRole("button", { name: "Create an account" }).click();
  await listed;
  await page.waitForURL(`${PAGE}/tasks`);
  return page;
}

/** @param {import("playwright-core").Page} page @param {string} email @param {string} password */
async function fillIn(page, email, password) {
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(password);
}

/** Click Add. Return the response. @param {import("playwright-core").Page} page */
async function add(page) {
  const created = answered(page, "POST");
  await page.getByRole("button", { name: "Add" }).click();
  return created;
}

/** Wait for a response about tasks. @param {import("playwright-core").Page} page @param {string} method */
function answered(page, method) {
  return page.waitForResponse(
    (response) => response.url() === `${API}/api/tasks` && response.request().method() === method,
  );
}

test("the page of the guide lists tasks, adds one, and shows a refusal", async () => {
  const page = await signUp("ada@example.com");
  await page.getByRole("heading", { name: "Tasks" }).waitFor();
  const empty = page.getByText("No tasks yet.");
  await empty.waitFor();
  await page.getByLabel("New task").fill("Buy milk");
  assert.equal((await add(page)).status(), 201);
  await page.getByRole("listitem").filter({ hasText: "Buy milk" }).waitFor();
  assert.equal(await empty.count(), 0);

  await page.reload();
  await page.getByRole("listitem").filter({ hasText: "Buy milk" }).waitFor();
  await page.getByLabel("New task").fill("   ");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByRole("alert").filter({ hasText: "Must have 1 to 200 characters." }).waitFor();
});

test("the page of the guide signs out, and links to the form", async () => {
  const page = await signUp("barbara@example.com");
  await page.getByLabel("New task").fill("Only hers");
  await add(page);
  const task = page.getByRole("listitem").filter({ hasText: "Only hers" });
  await task.waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("alert").filter({ hasText: "Sign in first." }).waitFor();
  assert.equal(await page.getByRole("listitem").count(), 0);

  await page.getByRole("link", { name: "Sign in" }).click();
  await page.waitForURL(`${PAGE}/sign-in`);
  await fillIn(page, "barbara@example.com", PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await task.waitFor();

  await page.context().clearCookies(); // the session ends
  await page.getByLabel("New task").fill("Too late");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByRole("alert").filter({ hasText: "Sign in first." }).waitFor();
  assert.equal(await page.getByText("Only hers").count(), 0);
});

test("the page of the guide adds one task if the first response is lost", async () => {
  const page = await signUp("grace@example.com");
  const field = page.getByLabel("New task");
  /** @type {(value?: unknown) => void} */
  let lose = () => {};
  const typed = new Promise((resolve) => (lose = resolve));
  await page.route(`${API}/api/tasks`, async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    await route.fetch();
    await typed;
    return route.abort();
  });
  await field.fill("Only once");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByRole("button", { name: "Add", disabled: true }).waitFor();
  await field.press("!");
  assert.equal(await field.inputValue(), "Only once");
  lose();
  const problem = page.getByRole("alert").filter({ hasText: "Failed to fetch" });
  await problem.waitFor();

  await page.unrouteAll();
  const retried = await add(page);
  assert.equal(retried.headers()["idempotency-replayed"], "true");
  await problem.waitFor({ state: "detached" });
  assert.deepEqual(await page.getByRole("listitem").allTextContents(), ["Only once"]);

  await page.getByLabel("New task").fill("Another");
  assert.equal((await add(page)).status(), 201);
});

test("the page of the guide tries again when it could not load the list", async () => {
  const page = await signUp("margaret@example.com");
  await page.getByLabel("New task").fill("Still there");
  assert.equal((await add(page)).status(), 201);
  await page.route(`${API}/api/tasks`, (route) => route.abort());
  await page.reload();
  await page.getByRole("alert").filter({ hasText: "Failed to fetch" }).waitFor();
  await page.unrouteAll();
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("listitem").filter({ hasText: "Still there" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Try again" }).count(), 0);
});

/** Hold back the scripts of the next pages. Return what lets them load. @param {import("playwright-core").Page} page */
async function holdScripts(page) {
  /** @type {(value?: unknown) => void} */
  let load = () => {};
  const loaded = new Promise((resolve) => (load = resolve));
  await page.route("**/*.js*", (route) => loaded.then(() => route.continue()));
  return load;
}

test("the form of the guide waits for its script, and keeps the address if it fails", async () => {
  const page = await signUp("edsger@example.com");
  const load = await holdScripts(page);
  await page.goto(`${PAGE}/sign-in`, { waitUntil: "domcontentloaded" });
  await fillIn(page, "edsger@example.com", "a wrong password");
  await page.getByLabel("Password").press("Enter");
  assert.equal(page.url(), `${PAGE}/sign-in`);
  load();
  await page.getByRole("alert").filter({ hasText: "Invalid email or password" }).waitFor();
  assert.equal(await page.getByLabel("E-mail").inputValue(), "edsger@example.com");

  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByLabel("Password").press("Enter");
  await page.waitForURL(`${PAGE}/tasks`);
});

test("the pages wait for their scripts, and then add the task", async () => {
  const page = await signUp("frances@example.com");
  for (const path of ["/server-tasks", "/query-tasks", "/tasks"]) {
    const load = await holdScripts(page);
    await page.goto(PAGE + path, { waitUntil: "domcontentloaded" });
    assert.equal(await page.getByRole("button", { name: "Sign out" }).count(), 0);
    await page.getByLabel("New task").fill(`Early on ${path}`);
    for (const key of ["Enter", "Enter"]) await page.getByLabel("New task").press(key);
    load();
    const task = page.getByRole("listitem").filter({ hasText: `Early on ${path}` });
    await task.waitFor();
    while (await page.getByLabel("New task").inputValue()) await page.waitForTimeout(20);
    await page.reload();
    await task.waitFor();
    assert.equal(await task.count(), 1); // the second Enter had the same key
    assert.equal(page.url(), PAGE + path);
  }
  await page.getByRole("button", { name: "Sign out" }).waitFor();
});
