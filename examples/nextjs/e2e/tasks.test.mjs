import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { SignJWT, decodeJwt } from "jose";
import { API, PAGE, Person, SECRET, browser } from "./person.mjs";
import { serve } from "./server.mjs";

after(() => browser.close());

/** @param {"stop" | "restart"} command */
async function database(command) {
  const [program, ...args] = JSON.parse(process.env.DATABASE_CONTROL ?? "");
  await promisify(execFile)(program, [...args, command]);
}

test("a task is added, completed, edited, deleted and restored", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  await page.getByText("No tasks yet.").waitFor();

  assert.equal((await ada.add("  Buy milk ")).status(), 201);
  assert.equal((await ada.add("Write to Charles")).status(), 201);
  assert.deepEqual(await ada.titles(), ["Write to Charles", "Buy milk"]);

  const ticked = ada.answered("PATCH");
  await ada.tick("Buy milk").click();
  assert.equal((await ticked).status(), 200);
  await ada.show("Active");
  assert.deepEqual(await ada.titles(), ["Write to Charles"]);
  await ada.show("Completed");
  assert.deepEqual(await ada.titles(), ["Buy milk"]);
  const unticked = ada.answered("PATCH");
  await ada.tick("Buy milk").click();
  await unticked;
  await page.getByText("No completed tasks yet.").waitFor();
  await ada.show("All");

  await ada.press("Edit Buy milk");
  await page.getByLabel("Title").fill("Buy oat milk");
  await page.getByLabel("Notes").fill("Two litres\nnot sweetened");
  const saved = ada.answered("PATCH");
  await ada.press("Save");
  const { id } = await (await saved).json();
  const unseen = { priority: "high", due_date: "2026-12-24", tags: ["dairy"] };
  assert.equal((await ada.ask("PATCH", `/api/tasks/${id}`, unseen)).status, 200);

  await page.reload();
  await ada.idle();
  assert.deepEqual(await ada.titles(), ["Write to Charles", "Buy oat milk"]);
  await page.getByText("not sweetened").waitFor();

  const deleted = ada.answered("DELETE");
  await ada.press("Delete Buy oat milk");
  assert.equal((await deleted).status(), 204);
  assert.deepEqual(await ada.titles(), ["Write to Charles"]);
  const undone = ada.answered("POST");
  await ada.press("Undo");
  const { priority, due_date, tags } = await (await undone).json();
  assert.deepEqual({ priority, due_date, tags }, unseen);
  await page.getByText("not sweetened").waitFor();
  await ada.leave();
});

test("two users never see each other's tasks, even in one browser", async () => {
  const ada = await Person.signUp("Ada");
  const { id } = await (await ada.add("Ada's secret")).json();
  const ben = await Person.signUp("Ben");
  await ben.page.getByText("No tasks yet.").waitFor();
  await ben.add("Ben's plan");
  assert.deepEqual(await ben.titles(), ["Ben's plan"]);
  assert.equal((await ben.ask("GET", `/api/tasks/${id}`)).status, 404);
  assert.equal((await ben.ask("DELETE", `/api/tasks/${id}`)).status, 404);

  await ada.press("Sign out");
  await ada.page.waitForURL("**/sign-in");
  ada.email = ben.email;
  await ada.signIn();
  await ada.idle();
  assert.deepEqual(await ada.titles(), ["Ben's plan"]);
  await ada.leave();
  await ben.leave();
});

test("after another user signs in from another tab, the first tab shows their tasks", async () => {
  const ada = await Person.signUp("Ada");
  await ada.add("Ada's secret");
  const ben = await Person.signUp("Ben");
  await ada.page.context().addCookies(await ben.page.context().cookies());
  await ada.page.clock.install();
  await ada.page.clock.fastForward("15:00");
  await ada.page.getByLabel("New task").fill("For whom?");
  await ada.page.getByLabel("New task").press("Enter");
  await ada.page.getByText("No tasks yet.").waitFor();
  await ada.page.locator(".who", { hasText: "Ben" }).waitFor();
  await ada.leave();
  await ben.leave();
});

test("a list of more than 100 tasks loads page by page, without gaps or duplicates", async () => {
  const ada = await Person.signUp("Ada");
  const expected = Array.from({ length: 230 }, (_, index) => `Task ${index}`);
  for (const title of expected) await ada.ask("POST", "/api/tasks", { title });
  expected.reverse();
  await ada.page.reload();
  await ada.idle();
  assert.deepEqual(await ada.titles(), expected.slice(0, 100));
  for (const count of [200, 230]) {
    const before = (await ada.titles()).length;
    const answered = ada.answered("GET");
    await ada.page.getByRole("button", { name: "Load more" }).focus();
    await ada.page.keyboard.press("Enter");
    await answered;
    await ada.idle();
    assert.deepEqual(await ada.titles(), expected.slice(0, count));
    assert.equal(await ada.focused(), `Completed: ${expected[before]}`);
    await ada.hears(`Loaded ${count - before} more tasks.`);
  }
  assert.equal(await ada.page.getByRole("button", { name: "Load more" }).count(), 0);
  await ada.leave();
});

test("a filter that was not loaded before starts at its first page", async () => {
  const ada = await Person.signUp("Ada");
  for (let index = 0; index < 101; index += 1) {
    await ada.ask("POST", "/api/tasks", { title: `Task ${index}`, completed: index === 0 });
  }
  await ada.ask("POST", "/api/tasks", { title: "Older pages do not hold it", completed: false });
  await ada.page.reload();
  await ada.idle();
  await ada.show("Completed");
  assert.deepEqual(await ada.titles(), ["Task 0"]);
  const query = ada.requests.map((request) => new URL(request.url()).searchParams.get("cursor"));
  assert(query.every((cursor) => cursor === null));
  await ada.leave();
});

test("an expired token is renewed without an error", async () => {
  const ada = await Person.signUp("Ada");
  const { sub } = decodeJwt(ada.token);
  const now = Math.floor(Date.now() / 1000);
  const expired = await new SignJWT({ sub, iat: now - 960, exp: now - 60 })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .sign(new TextEncoder().encode(SECRET));
  // In the page, because Playwright's routes would answer the preflights instead of the service.
  await ada.page.addInitScript((token) => {
    const { fetch } = window;
    let isFirst = true;
    window.fetch = async (input, init) => {
      if (!isFirst || !String(input).includes("/api/auth/token")) return fetch(input, init);
      isFirst = false;
      return Response.json({ token });
    };
  }, expired);
  const refused = ada.answered("GET");
  await ada.page.reload();
  assert.equal((await refused).status(), 401);
  assert.equal((await refused).request().headers()["authorization"], `Bearer ${expired}`);
  ada.token = expired;
  assert.equal((await (await ada.ask("GET", "/api/tasks")).json()).detail, "Token expired");
  await ada.idle();
  assert.equal((await ada.add("Goes on")).status(), 201);
  assert.equal(await ada.page.locator("[role=alert]:not(:empty)").count(), 0);
  assert.equal(ada.answers.filter((answer) => answer.status() === 401).length, 1);
  await ada.leave(401);
});

test("a token is renewed before it expires", async () => {
  const ada = await Person.signUp("Ada");
  const before = ada.token;
  await ada.page.clock.install();
  await ada.add("With the first token");
  assert.equal(ada.token, before);
  await new Promise((resolve) => setTimeout(resolve, 1100)); // the next second gives a new iat
  await ada.page.clock.fastForward("14:10");
  await ada.add("With the second");
  assert.notEqual(ada.token, before);
  await ada.leave();
});

test("an expired session asks for a sign-in and loses nothing", async () => {
  const ada = await Person.signUp("Ada");
  await ada.page.context().clearCookies();
  await ada.page.clock.install();
  await ada.page.clock.fastForward("15:00");
  await ada.add("Typed meanwhile");
  await ada.page.getByText("Sign in to continue").waitFor();
  await ada.hears("“Typed meanwhile” was not added.");
  assert.equal(await ada.focused(), "E-mail");
  const saved = ada.answered("POST");
  await ada.signIn();
  assert.equal((await saved).status(), 201);
  await ada.idle();
  assert.deepEqual(await ada.titles(), ["Typed meanwhile"]);
  await ada.hears("Added “Typed meanwhile”.");
  assert.equal(await ada.focused(), "New task");
  await ada.leave(401);
});

test("a rejected title returns to its field with the reason", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  const long = "x".repeat(201);
  assert.equal((await ada.add(long)).status(), 400);
  await page.getByText("Must have 1 to 200 characters.").waitFor();
  assert.equal(await page.getByLabel("New task").inputValue(), long);
  assert.deepEqual(await ada.titles(), []);
  await ada.hears(`“${long}” was not added.`);

  await ada.add("Short");
  await ada.hears("Added “Short”.");
  await ada.press("Edit Short");
  await page.getByLabel("Title").fill("   ");
  await page.getByLabel("Title").press("Enter");
  const description = "Must have 1 to 200 characters.";
  const field = page.getByRole("textbox", { name: "Title", description });
  await field.waitFor();
  await field.fill("Fixed");
  const saved = ada.answered("PATCH");
  await field.press("Enter");
  assert.equal((await saved).status(), 200);
  assert.deepEqual(await ada.titles(), ["Fixed"]);
  await ada.leave(400);
});

test("a task that was deleted elsewhere leaves the list", async () => {
  const ada = await Person.signUp("Ada");
  const { id } = await (await ada.add("Gone")).json();
  await ada.add("Stays");
  assert.equal((await ada.ask("DELETE", `/api/tasks/${id}`)).status, 204);
  await ada.tick("Gone").click();
  const notice = ada.page.locator(".notice[data-seen=true]");
  await notice.getByText("“Gone” was deleted elsewhere.").waitFor();
  assert.deepEqual(await ada.titles(), ["Stays"]);
  await ada.leave(404);
});

test("notes that are too large show the error beside their field", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  await ada.add("Write a novel");
  await ada.press("Edit Write a novel");
  const notes = "n".repeat(140_000);
  await page.getByLabel("Notes").fill(notes);
  const answered = ada.answered("PATCH");
  await ada.press("Save");
  assert.equal((await answered).status(), 413);
  const description = "The body is too large. Send at most 128 KiB.";
  const field = page.getByRole("textbox", { name: "Notes", description });
  assert.equal(await field.inputValue(), notes);
  await ada.press("Cancel");
  assert.deepEqual(await ada.titles(), ["Write a novel"]);
  await ada.leave(413);
});

test("after a database outage every change can be retried, and nothing is lost", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  await ada.add("Outlive the outage");
  await database("stop");
  try {
    const refused = ada.answered("PATCH");
    await ada.tick("Outlive the outage").click();
    assert.equal((await refused).status(), 503);
    await page.getByText("The database is unavailable").waitFor();
    assert.equal(await ada.tick("Outlive the outage").isChecked(), false);
    await ada.press("Delete Outlive the outage");
    await ada.hears("“Outlive the outage” was not deleted.");
    await ada.row("Outlive the outage").getByRole("button", { name: "Dismiss" }).click();
    const again = ada.answered("PATCH");
    await ada.tick("Outlive the outage").click();
    assert.equal((await again).status(), 503);
    await ada.hears("“Outlive the outage” was not saved.");
    assert.equal((await ada.add("Typed in the dark")).status(), 503);
    await ada.hears("“Typed in the dark” was not added.");
    await ada.show("Active");
    await page.getByText("Your tasks could not be loaded.").waitFor();
  } finally {
    await database("restart");
  }
  await page.locator(".failed").getByRole("button", { name: "Try again" }).click();
  await page.locator(".failed").waitFor({ state: "detached" });
  await ada.idle();
  assert.notEqual(await ada.focused(), undefined);
  for (const title of ["Outlive the outage", "Typed in the dark"]) {
    const row = ada.row(title);
    await row.getByRole("button", { name: "Try again" }).click();
    await row.getByRole("button", { name: "Try again" }).waitFor({ state: "detached" });
    assert.notEqual(await ada.focused(), undefined);
  }
  await page.reload();
  await ada.idle();
  assert.deepEqual(await ada.titles(), ["Typed in the dark"]);
  await ada.show("Completed");
  assert.deepEqual(await ada.titles(), ["Outlive the outage"]);
  await ada.leave(503);
});

test("changes show at once, and the last change is stored", async () => {
  const ada = await Person.signUp("Ada");
  const { id } = await (await ada.add("Make up my mind")).json();
  await ada.page.evaluate(() => {
    const { fetch } = window;
    let delay = 600; // the first response is the slowest
    window.fetch = async (input, init) => {
      await new Promise((resolve) => setTimeout(resolve, (delay -= 200)));
      return fetch(input, init);
    };
  });
  const box = ada.tick("Make up my mind");
  for (const checked of [true, false]) {
    await box.click();
    assert.equal(await box.isChecked(), checked);
  }
  for (let count = 0; count < 2; count += 1) await ada.answered("PATCH");
  assert.equal((await (await ada.ask("GET", `/api/tasks/${id}`)).json()).completed, false);
  assert.equal(await box.isChecked(), false);
  await ada.leave();
});

test("the keyboard is enough, and the focus is never lost", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  for (const title of ["Three", "Two", "One"]) await ada.add(title);
  await page.keyboard.press("Tab"); // Add
  for (let count = 0; count < 4; count += 1) await page.keyboard.press("Tab");
  assert.equal(await ada.focused(), "Completed: One");
  await page.keyboard.press("Space");
  assert.equal(await ada.tick("One").isChecked(), true);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByLabel("Title").waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await ada.focused(), "Edit One");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await ada.tick("One").waitFor({ state: "detached" });
  assert.equal(await ada.focused(), "Delete Two");
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
  await ada.add("Averylongwordthatnobodywouldwrite".repeat(4));
  const width = await ada.page.evaluate(() => document.documentElement.scrollWidth);
  assert.equal(width, viewport.width);
  await ada.page.context().setOffline(true);
  await ada.tick("Averylongwordthatnobodywouldwrite".repeat(4)).click();
  await ada.page.getByText("The service cannot be reached.").waitFor();
  for (const target of await ada.page.locator("button, .tick, nav a").all()) {
    const box = await target.boundingBox();
    if (!box) continue;
    assert(Math.min(box.width, box.height) >= 44, `${await target.innerText()} is too small`);
  }
  await ada.page.context().setOffline(false);
  ada.errors = ada.errors.filter((error) => !error.includes("net::ERR_INTERNET_DISCONNECTED"));
  await ada.leave();
});

test("long notes show three lines and no part of a fourth", async () => {
  const ada = await Person.signUp("Ada");
  const notes = [
    "ordinary words that go on ".repeat(40),
    "https://example.com/a/path?with=parameters&".repeat(20),
  ];
  for (const description of notes) {
    await ada.ask("POST", "/api/tasks", { title: "Read", description });
  }
  await ada.page.reload();
  await ada.idle();
  for (const width of [390, 1280]) {
    await ada.page.setViewportSize({ width, height: 800 });
    for (const shown of await ada.page.locator(".notes").all()) {
      const lines = await shown.evaluate(
        (element) => element.clientHeight / parseFloat(getComputedStyle(element).lineHeight),
      );
      assert(Math.abs(lines - 3) < 0.1, `${lines} lines at ${width} px`);
    }
  }
  await ada.leave();
});

test("after a sign-out only the sign-in page is available", async () => {
  const ada = await Person.signUp("Ada");
  await ada.add("Kept");
  await ada.press("Sign out");
  await ada.page.waitForURL("**/sign-in");
  await ada.page.goto(PAGE);
  assert.equal(ada.page.url(), `${PAGE}/sign-in`);
  await ada.signIn();
  await ada.idle();
  assert.deepEqual(await ada.titles(), ["Kept"]);
  assert(ada.requests.every((request) => request.url().startsWith(`${API}/api/tasks`)));
  await ada.leave();
});

test("each page allows only its own scripts and the service", async () => {
  const policies = [];
  for (const path of ["/sign-in", "/sign-in", "/no-such-page"]) {
    const { headers } = await fetch(PAGE + path);
    policies.push(headers.get("content-security-policy") ?? "");
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("referrer-policy"), "same-origin");
    assert.equal(headers.get("strict-transport-security"), null); // served over http
  }
  const nonces = policies.map((policy) => /'nonce-([\w-]+)'/.exec(policy)?.[1]);
  assert.equal(new Set(nonces).size, 3);
  assert.deepEqual(policies[0]?.replace(String(nonces[0]), "RANDOM").split("; "), [
    "default-src 'self'",
    "script-src 'self' 'nonce-RANDOM'",
    "style-src 'self'",
    `connect-src 'self' ${API}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ]);
});

test("a script that is injected into the page does not run", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  const refused = ["elem", "attr"].map((kind) =>
    page.waitForEvent("console", (message) =>
      message.text().includes(`script-src-${kind} blocks: inline`),
    ),
  );
  const ran = await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "document.title += ' script'";
    const button = document.createElement("button");
    button.setAttribute("onclick", "document.title += ' handler'");
    document.body.append(script, button);
    button.click();
    return document.title;
  });
  assert.equal(ran, "Tasks");
  await Promise.all(refused);
  ada.errors = [];
  await ada.leave();
});

test("an unknown URL links back to the tasks", async () => {
  const ada = await Person.signUp("Ada");
  await ada.page.goto(`${PAGE}/no-such-page`);
  await ada.page.getByRole("link", { name: "Go to your tasks" }).click();
  await ada.idle();
  await ada.leave(404);
});

test("a page that fails to load can be retried", async () => {
  const ada = await Person.signUp("Ada");
  await database("stop");
  try {
    await ada.page.reload();
    await ada.page.getByText("This page could not be loaded.").waitFor();
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

test("one build also works in another environment, over https", async () => {
  const stage = { BETTER_AUTH_URL: "https://tasks.example", API_URL: "https://api.example/v1" };
  const server = await serve(stage);
  try {
    const { headers } = await fetch(`${server.url}/sign-in`);
    assert.equal(headers.get("strict-transport-security"), "max-age=31536000");
    const policy = headers.get("content-security-policy") ?? "";
    assert(policy.includes("; connect-src 'self' https://api.example; "), policy);
  } finally {
    await server.stop();
  }
});

test("tasks are erased before their user is deleted", async () => {
  const ada = await Person.signUp("Ada");
  assert.equal((await ada.add("Leave no trace")).status(), 201);
  const status = await ada.page.evaluate(async () => {
    const headers = { "Content-Type": "application/json" };
    const request = { method: "POST", headers, body: JSON.stringify({}) };
    return (await fetch("/api/auth/delete-user", request)).status;
  });
  assert.equal(status, 200);
  const left = await (await ada.ask("GET", "/api/tasks/changes")).json();
  assert.deepEqual([left.tasks, left.deleted], [[], []]);
  await ada.page.context().close();
});
