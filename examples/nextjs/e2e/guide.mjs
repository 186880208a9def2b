/** The page of docs/nextjs.md, as it stands there: `run.py guide` builds it. */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { API, PAGE, PASSWORD, browser } from "./person.mjs";

after(() => browser.close());

test("the page of the guide lists tasks, adds one, and shows a refusal", async () => {
  const page = await browser.newPage();
  const data = { name: "Ada", email: "ada@example.com", password: PASSWORD };
  const headers = { Origin: PAGE };
  const signedUp = await page.request.post(`${PAGE}/api/auth/sign-up/email`, { data, headers });
  assert.equal(signedUp.status(), 200);
  await page.goto(`${PAGE}/tasks`);

  await page.getByLabel("New task").fill("Buy milk");
  const created = page.waitForResponse(
    (response) => response.url() === `${API}/api/tasks` && response.request().method() === "POST",
  );
  await page.getByRole("button", { name: "Add" }).click();
  assert.equal((await created).status(), 201);
  await page.getByRole("listitem").filter({ hasText: "Buy milk" }).waitFor();

  await page.reload();
  await page.getByRole("listitem").filter({ hasText: "Buy milk" }).waitFor();
  await page.getByLabel("New task").fill("   ");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByRole("alert").filter({ hasText: "Must have 1 to 200 characters." }).waitFor();
});
