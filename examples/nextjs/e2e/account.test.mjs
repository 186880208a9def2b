import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { SignJWT, decodeJwt } from "jose";
import { API, PAGE, PASSWORD, Person, SECRET, browser } from "./person.mjs";
import { serve } from "./server.mjs";

after(() => browser.close());

test("a person creates an account on the first page, and sees their list", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  await ada.press("Sign out");
  await page.waitForURL("**/sign-in");
  await ada.focuses("E-mail");
  await page.getByLabel("E-mail").fill("kept@example.com");
  await ada.press("Create an account");
  await ada.focuses("Name");
  assert.equal(await page.getByLabel("E-mail").inputValue(), "kept@example.com");
  const password = page.getByLabel("Password", { exact: true });
  const typeOf = () => password.getAttribute("type");
  await page.getByLabel("Name").fill("Ada the second");
  await password.fill("half");
  await ada.press("Show password");
  assert.equal(await typeOf(), "text");
  await ada.focuses("Password");
  await ada.send("Create account", PASSWORD); // with the e-mail of the first Ada
  await page.getByText("This e-mail address has an account.").waitFor();
  assert.equal(await typeOf(), "password");
  await ada.isAccessible("an e-mail address that has an account");
  await ada.press("Sign in instead");
  assert.equal(await page.getByLabel("E-mail").inputValue(), ada.email);
  await ada.press("Create an account");
  ada.email = `new-${ada.email}`;
  await page.getByLabel("Name").fill("Ada the second");
  await ada.submit("Create account");
  await page.getByText("No tasks.").waitFor();
  await page.locator(".who", { hasText: "Ada the second" }).waitFor();
  await ada.focuses("New task"); // a letter is no shortcut then
  await ada.leave(422);
});

test("two users never see each other's tasks, even in one browser", async () => {
  const ada = await Person.signUp("Ada");
  const { id } = await (await ada.add("Ada's secret")).json();
  const ben = await Person.signUp("Ben");
  await ben.page.getByText("No tasks.").waitFor();
  await ben.add("Ben's plan");
  await ben.shows(["Ben's plan"]);
  assert.equal((await ben.ask("GET", `/api/tasks/${id}`)).status, 404);
  assert.equal((await ben.ask("DELETE", `/api/tasks/${id}`)).status, 404);

  await ada.press("Sign out");
  await ada.page.waitForURL("**/sign-in");
  ada.email = ben.email;
  await ada.signIn();
  await ada.idle();
  await ada.shows(["Ben's plan"]);
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
  ada.page.on("dialog", (dialog) => dialog.dismiss()); // a question would keep the page
  await ada.page.getByLabel("New task").fill("For whom?");
  await ada.page.getByLabel("New task").press("Enter");
  await ada.page.getByText("No tasks.").waitFor();
  await ada.page.locator(".who", { hasText: "Ben" }).waitFor();
  await ada.leave();
  await ben.leave();
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
  const before = ada.answers.length;
  const refused = ada.page.waitForResponse((response) => response.status() === 401);
  await ada.page.reload();
  assert.equal((await refused).request().headers()["authorization"], `Bearer ${expired}`);
  ada.token = expired;
  assert.equal((await (await ada.ask("GET", "/api/tasks")).json()).detail, "Token expired");
  await ada.idle();
  assert.equal((await ada.add("Goes on")).status(), 201);
  assert.equal(await ada.page.locator("[role=alert]:not(:empty)").count(), 0);
  // Requests that were refused together share one renewal.
  const renewals = ada.answers.slice(before).filter((answer) => /auth.token/.test(answer.url()));
  assert.equal(renewals.length, 1);
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
  await ada.page.setViewportSize({ width: 390, height: 500 });
  await ada.add("Typed meanwhile");
  const explanation = ada.page.getByText("Sign in to continue");
  await explanation.waitFor();
  await ada.hears("“Typed meanwhile” was not added.");
  await ada.focuses("Password");
  const { top = -1 } = await explanation.evaluate((it) => it.getBoundingClientRect());
  assert(top >= 0, "the explanation is above the screen");
  assert.equal(await ada.page.getByLabel("E-mail").inputValue(), ada.email);
  await ada.row("Typed meanwhile").getByText("Not saved yet.").waitFor();
  const saved = ada.answered("POST");
  await ada.signIn();
  assert.equal((await saved).status(), 201);
  await ada.idle();
  await ada.shows(["Typed meanwhile"]);
  await ada.hears("Added “Typed meanwhile”.");
  await ada.focuses("New task");
  await ada.leave(401);
});

test("a wrong password is reported, and the focus stays in the form", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  await ada.press("Sign out");
  await page.waitForURL("**/sign-in");
  await page.evaluate(() => {
    const { fetch } = window;
    const held = new Promise((release) => Object.assign(window, { release }));
    window.fetch = (...request) => held.then(() => fetch(...request));
  });
  const isBusy = async () => {
    await page.getByRole("button", { name: "One moment…" }).waitFor();
    await page.evaluate("release()");
  };
  await Promise.all([ada.send("Sign in", "a wrong password"), isBusy()]);
  await page.getByRole("alert").getByText("The e-mail address or the password is wrong.").waitFor();
  await ada.focuses("Sign in");
  await ada.isAccessible("a wrong password");
  await ada.leave(401);
});

test("after a sign-out only the sign-in page is available", async () => {
  const ada = await Person.signUp("Ada");
  await ada.add("Kept");
  const otherTab = await ada.page.context().newPage();
  await otherTab.goto(`${PAGE}/trash`);
  await otherTab.getByText("The trash is empty.").waitFor();
  await ada.page.getByLabel("New task").fill("Half a title");
  await ada.press("Edit Kept");
  await ada.page.getByLabel("Notes").fill("Half a note");
  ada.page.on("dialog", (dialog) => dialog.dismiss()); // a question would keep the page
  await otherTab.getByRole("button", { name: "Sign out" }).click();
  await otherTab.waitForURL("**/sign-in");
  await ada.hears("You signed out in another tab.");
  await otherTab.close();
  await ada.page.goto(PAGE);
  assert.equal(ada.page.url(), `${PAGE}/sign-in`);
  await ada.signIn();
  await ada.idle();
  assert.equal(await ada.page.getByLabel("New task").inputValue(), "Half a title");
  await ada.shows(["Kept"]);
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

test("the account and all its tasks are erased, also those in the trash", async () => {
  const ada = await Person.signUp("Ada");
  const { page } = ada;
  await ada.add("Leave no trace");
  await ada.add("Nor this");
  await ada.press("Delete Nor this");
  await ada.hears("Deleted “Nor this”.");
  await page.getByLabel("New task").fill("Nor half a title");
  await ada.press("Delete my account");
  await page.getByLabel("Your password").fill("a wrong password");
  await page.getByRole("dialog").getByRole("button", { name: "Delete my account" }).click();
  await page.getByRole("alert").getByText("This is not your password.").waitFor();
  await page.getByLabel("Your password").fill(PASSWORD);
  await page.getByRole("dialog").getByRole("button", { name: "Delete my account" }).click();
  await ada.hears("Your account and all tasks have been deleted.");
  for (const status of ["all", "deleted"]) {
    assert.deepEqual(await (await ada.ask("GET", `/api/tasks?status=${status}`)).json(), []);
  }
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  await ada.send("Sign in", PASSWORD);
  await page.getByText("The e-mail address or the password is wrong.").waitFor();
  await ada.leave(400, 401);
});

test("if the tasks cannot be erased, the account stays, and the person learns why", async () => {
  const ada = await Person.signUp("Ada");
  await ada.add("Kept");
  let requests = 0;
  const service = createServer(({ socket }, response) => {
    requests += 1;
    if (requests === 1) response.writeHead(202).end(); // there is more to delete
    else socket.destroy();
  });
  await once(service.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (service.address());
  const server = await serve({ API_URL: `http://127.0.0.1:${port}` });
  try {
    await ada.page.route("**/api/auth/delete-user", (route) =>
      route.continue({ url: `${server.url}/api/auth/delete-user` }),
    );
    await ada.press("Delete my account");
    await ada.page.getByLabel("Your password").fill(PASSWORD);
    await ada.page.getByLabel("Your password").press("Enter");
    const reason = "Your account was not deleted. The service cannot be reached.";
    await ada.page.getByRole("alert").getByText(reason).waitFor();
    assert.equal(requests, 2);
  } finally {
    await server.stop();
    service.close();
  }
  await ada.reload();
  await ada.shows(["Kept"]);
  await ada.leave(503);
});
