/** The page of docs/nextjs.md, as it stands there: `run.py guide` builds it. */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { API, PAGE, PASSWORD, browser, newContext } from "./person.mjs";

after(() => browser.close());

/** Sign up, open the page, and wait for its list. @param {string} email */
async function signUp(email) {
  const page = await (await newContext()).newPage();
  const data = { name: "Ada", email, password: PASSWORD };
  const headers = { Origin: PAGE };
  const signedUp = await page.request.post(`${PAGE}/api/auth/sign-up/email`, { data, headers });
  assert.equal(signedUp.status(), 200);
  const listed = answered(page, "GET");
  await page.goto(`${PAGE}/tasks`);
  await listed;
  return page;
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
  await page.getByLabel("New task").fill("Buy milk");
  assert.equal((await add(page)).status(), 201);
  await page.getByRole("listitem").filter({ hasText: "Buy milk" }).waitFor();

  await page.reload();
  await page.getByRole("listitem").filter({ hasText: "Buy milk" }).waitFor();
  await page.getByLabel("New task").fill("   ");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByRole("alert").filter({ hasText: "Must have 1 to 200 characters." }).waitFor();
});

test("the page of the guide adds one task if the first response is lost", async () => {
  const page = await signUp("grace@example.com");
  await page.route(`${API}/api/tasks`, async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    await route.fetch();
    return route.abort();
  });
  await page.getByLabel("New task").fill("Only once");
  await page.getByRole("button", { name: "Add" }).click();
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
