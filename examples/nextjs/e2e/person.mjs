/** A user at a browser: finds controls by accessible name, and records requests and errors. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import axe from "axe-core";
import { decodeJwt } from "jose";
import { chromium } from "playwright-core";

/** @param {string} name */
function setting(name) {
  const value = process.env[name];
  assert(value, `${name} is not set. Run these tests with: make e2e`);
  return value;
}

export const PAGE = setting("BETTER_AUTH_URL");
export const API = setting("API_URL");
export const SECRET = setting("BETTER_AUTH_SECRET");
export const PASSWORD = "correct horse battery";

const FLAGS = ["--disable-gpu", "--disable-quic", "--disable-background-networking"];
if (process.getuid?.() === 0) FLAGS.push("--no-sandbox");

const RATE_LIMIT_MS = 10_500; // Better Auth accepts three sign-ins in ten seconds
const MAX_ATTEMPTS = 3;
const FOCUS_MS = 30_000;
const HEADERS_MS = 5000;

let people = 0;

export const browser = await chromium.launch({ executablePath: setting("BROWSER"), args: FLAGS });

/** Return the id of the user, as the service knows it. @param {Person} person */
export function userOf(person) {
  return String(decodeJwt(person.token).sub);
}

/** @param {import("playwright-core").BrowserContextOptions} [options] */
export async function newContext(options) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(30_000);
  await context.addInitScript(() => {
    Reflect.deleteProperty(Crypto.prototype, "randomUUID"); // as on plain http
    const waiting = new CSSStyleSheet(); // on a slow machine, no message fades before it is read
    waiting.replaceSync(".notice[data-fades] { animation-play-state: paused !important }");
    document.adoptedStyleSheets = [waiting];
    addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) =>
      console.error(`The policy's ${effectiveDirective} blocks: ${blockedURI}`),
    );
  });
  return context;
}

export class Person {
  /** @param {import("playwright-core").Page} page @param {string} name */
  constructor(page, name) {
    this.page = page;
    this.name = name;
    this.email = `${randomUUID()}@example.com`;
    this.token = "";
    /** @type {import("playwright-core").Response[]} */
    this.answers = [];
    /** @type {import("playwright-core").Request[]} */
    this.requests = [];
    /** @type {Set<import("playwright-core").Request>} */
    this.finished = new Set();
    /** @type {string[]} */
    this.errors = [];
    page.on("pageerror", (error) => this.errors.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") this.errors.push(message.text());
    });
    page.on("request", (request) => this.#see(request));
    page.on("requestfinished", (request) => this.finished.add(request));
    page.on("response", (response) => this.answers.push(response));
  }

  /** @param {import("playwright-core").Request} request */
  #see(request) {
    if (!request.url().startsWith(API)) return;
    this.requests.push(request);
    this.token = request.headers()["authorization"]?.replace("Bearer ", "") ?? this.token;
  }

  /**
   * Sign up as a new user, in a separate browser context.
   * @param {string} name
   * @param {import("playwright-core").BrowserContextOptions} [options]
   */
  static async signUp(name, options) {
    const context = await newContext(options);
    const person = new Person(await context.newPage(), name);
    // From an address of its own: Better Auth accepts three sign-ups of one in ten seconds.
    const headers = { Origin: PAGE, "X-Forwarded-For": `10.0.0.${(people += 1)}` };
    const data = { name, email: person.email, password: PASSWORD };
    const signedUp = await context.request.post(`${PAGE}/api/auth/sign-up/email`, { headers, data });
    assert.equal(signedUp.status(), 200);
    await person.#open(() => person.page.goto(PAGE));
    return person;
  }

  async signIn() {
    await this.submit("Sign in");
  }

  /** @param {string} button */
  async submit(button) {
    await this.send(button, PASSWORD);
    await this.page.getByLabel("Password", { exact: true }).waitFor({ state: "detached" });
  }

  /**
   * Send the form with a password, and wait for its end. Try again if other tests have signed in too
   * often.
   * @param {string} button @param {string} password
   */
  async send(button, password) {
    const { page } = this;
    await page.getByLabel("E-mail").fill(this.email);
    await page.getByLabel("Password", { exact: true }).fill(password);
    for (let attempt = 1; ; attempt += 1) {
      await page.getByRole("button", { name: button, exact: true, disabled: false }).press("Enter");
      await page.getByRole("button", { name: "One moment…" }).waitFor({ state: "detached" });
      if (!(await page.getByText("Too many attempts.").isVisible())) return;
      assert(attempt < MAX_ATTEMPTS, `${MAX_ATTEMPTS} attempts were rate-limited`);
      await page.waitForTimeout(RATE_LIMIT_MS);
    }
  }

  /** Wait until the list is loaded. */
  async idle() {
    await this.page.locator("ul[aria-busy=false]").waitFor({ state: "attached" });
  }

  /**
   * Open the page of the same user in a browser of its own, as on another device.
   * @param {import("playwright-core").BrowserContextOptions} [options]
   */
  async onAnotherDevice(options) {
    const cookies = await this.page.context().cookies();
    const context = await newContext(options);
    await context.addCookies(cookies);
    const other = new Person(await context.newPage(), this.name);
    await other.#open(() => other.page.goto(PAGE));
    return other;
  }

  reload() {
    return this.#open(() => this.page.reload());
  }

  /**
   * Open a list. Wait until it is loaded and synchronized, so that `sync` starts a new sync.
   * @param {() => Promise<unknown>} go
   */
  async #open(go) {
    // Not the response: one that a reload cuts off never finishes.
    const synced = this.page.waitForEvent("requestfinished", (request) => {
      return request.method() === "GET" && /changes$/.test(new URL(request.url()).pathname);
    });
    await Promise.all([synced, go()]);
    await this.idle();
  }

  /** @param {string} title */
  async add(title) {
    const answered = this.answered("POST");
    await this.type(title);
    return answered;
  }

  /**
   * Add a task, without waiting for the response.
   * @param {string} title
   */
  async type(title) {
    await this.page.getByLabel("New task").fill(title);
    await this.page.getByLabel("New task").press("Enter");
  }

  /** @param {string} title */
  tick(title) {
    return this.page.getByRole("checkbox", { name: `Completed: ${title}`, exact: true });
  }

  /** @param {string} title */
  row(title) {
    return this.page.getByRole("listitem").filter({ hasText: title });
  }

  /** Return the accessible name of the focused element, or undefined if none has the focus. */
  focused() {
    return this.page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return undefined;
      const label = element instanceof HTMLInputElement && element.labels?.[0];
      return element.getAttribute("aria-label") ?? (label || element).textContent;
    });
  }

  /**
   * Wait until an element has the focus: the one with this accessible name, if a name is given.
   * @param {string} [name]
   */
  async focuses(name) {
    const deadline = Date.now() + FOCUS_MS;
    for (;;) {
      const focused = (await this.focused()) ?? "nothing";
      if (name === undefined ? focused !== "nothing" : focused === name) return;
      if (Date.now() > deadline) assert.fail(`the focus is on: ${focused}, not: ${name ?? "anything"}`);
      await this.page.waitForTimeout(50);
    }
  }

  /**
   * Wait until the page announces a text, visibly or only to a screen reader.
   * @param {string} text
   */
  async hears(text) {
    const said = this.page.getByRole("status").getByText(text, { exact: true });
    await said.waitFor({ state: "attached" });
  }

  /** @param {string} name */
  press(name) {
    return this.page.getByRole("button", { name, exact: true }).click();
  }

  /** @param {"All" | "Active" | "Completed"} filter */
  async show(filter) {
    const answered = this.answered("GET");
    await this.page.getByRole("link", { name: filter }).click();
    await answered;
    await this.idle();
  }

  /** Return the titles in the list. */
  titles() {
    return this.page.locator(".title").allTextContents();
  }

  /**
   * Wait until the list has these titles.
   * @param {string[]} titles
   */
  async shows(titles) {
    await this.idle();
    await this.page
      .waitForFunction((expected) => {
        const found = [...document.querySelectorAll(".title")].map((title) => title.textContent);
        return JSON.stringify(found) === expected;
      }, JSON.stringify(titles))
      .catch(async () => assert.deepEqual(await this.titles(), titles));
  }

  /** Fail if axe-core finds a violation, in light or dark. @param {string} state */
  async isAccessible(state) {
    const { page } = this;
    for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const color = "getComputedStyle(document.documentElement).backgroundColor";
      const brightness = Number(/\d+/.exec(await page.evaluate(color)));
      assert(colorScheme === "light" ? brightness > 200 : brightness < 50, `${state}, ${colorScheme}`);
      await page.evaluate(axe.source);
      const violations = await page.evaluate(async () => {
        // @ts-expect-error axe is global in the page, because its source ran there
        const found = await window.axe.run();
        return found.violations.map((/** @type {import("axe-core").Result} */ { id, nodes }) => [
          id,
          ...nodes.map(({ html }) => html),
        ]);
      });
      assert.deepEqual(violations, [], `${state}, ${colorScheme}`);
    }
  }

  /** Forget the errors of requests that were sent without a network. */
  forgiveOffline() {
    this.errors = this.errors.filter((error) => !error.includes("net::ERR_INTERNET_DISCONNECTED"));
  }

  /**
   * Wait for the service's next response to a method. A GET is that of the list, unless `path`
   * is given.
   * @param {string} method @param {RegExp} [path]
   */
  answered(method, path = method === "GET" ? /^.api.tasks$/ : /^/) {
    return this.page.waitForResponse((response) => {
      const { origin, pathname } = new URL(response.url());
      const isOurs = origin === API && response.request().method() === method;
      return isOurs && path.test(pathname);
    });
  }

  /** Let the page ask for changes, as it does every 15 s. Wait for the response. */
  async sync() {
    const answered = this.answered("GET", /changes$/);
    await this.page.evaluate(() => window.dispatchEvent(new Event("focus")));
    await answered;
  }

  /**
   * Send a request to the service directly, as this user.
   * @param {string} method @param {string} path @param {unknown} [body]
   */
  ask(method, path, body) {
    const headers = { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" };
    return fetch(API + path, { method, headers, body: JSON.stringify(body) });
  }

  /**
   * Return all headers of a request, or none if a reload has cancelled it or came right after it:
   * the browser does not tell them then.
   * @param {import("playwright-core").Request} request
   * @returns {Promise<Record<string, string>>}
   */
  async #headers(request) {
    if (!this.finished.has(request)) return {};
    return Promise.race([request.allHeaders(), setTimeout(HEADERS_MS, {}, { ref: false })]);
  }

  /**
   * Close the browser context. Fail if there was an error other than the expected status codes.
   * @param {number[]} statuses
   */
  async leave(...statuses) {
    const seen = this.answers.map((answer) => answer.status()).filter((status) => status >= 400);
    assert.deepEqual(new Set(seen.filter((status) => status !== 429)), new Set(statuses));
    const told = /Failed to load resource: the server responded with a status of (\d+)/;
    const unexplained = this.errors.filter((error) => {
      const status = Number(told.exec(error)?.[1]);
      return status !== 429 && !statuses.includes(status);
    });
    assert.deepEqual(unexplained, []);
    assert(this.requests.length > 0);
    for (const request of this.requests) {
      assert.notEqual(request.failure()?.errorText, "net::ERR_FAILED"); // a failed preflight
    }
    for (const headers of await Promise.all(this.requests.map((request) => this.#headers(request)))) {
      assert.equal(headers["cookie"], undefined);
    }
    const stored = "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])";
    assert.doesNotMatch(String(await this.page.evaluate(stored)), /eyJ/);
    await this.page.context().close();
  }
}
