/** A user at a browser: finds controls by accessible name, and records requests and errors. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
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
const PASSWORD = "correct horse battery";
const RATE_LIMIT_MS = 10_500; // Better Auth accepts three sign-ups in ten seconds

const FLAGS = ["--disable-gpu", "--disable-quic", "--disable-background-networking"];
if (process.getuid?.() === 0) FLAGS.push("--no-sandbox");

export const browser = await chromium.launch({ executablePath: setting("BROWSER"), args: FLAGS });

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
    /** @type {string[]} */
    this.errors = [];
    page.on("pageerror", (error) => this.errors.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") this.errors.push(message.text());
    });
    page.on("request", (request) => this.#see(request));
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
    const context = await browser.newContext(options);
    await context.addInitScript(() => {
      addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) =>
        console.error(`The policy's ${effectiveDirective} blocks: ${blockedURI}`),
      );
    });
    const person = new Person(await context.newPage(), name);
    const { page } = person;
    await page.goto(PAGE);
    await page.getByRole("button", { name: "Create an account" }).click();
    await page.getByLabel("Name").fill(name);
    await person.submit("Create account");
    await person.idle();
    return person;
  }

  async signIn() {
    await this.submit("Sign in");
  }

  /** @param {string} button */
  async submit(button) {
    const { page } = this;
    await page.getByLabel("E-mail").fill(this.email);
    await page.getByLabel("Password").fill(PASSWORD);
    for (;;) {
      const answered = page.waitForResponse(/api.auth.sign-/);
      await page.getByRole("button", { name: button, exact: true }).click();
      if ((await answered).status() !== 429) break;
      await page.waitForTimeout(RATE_LIMIT_MS);
    }
    await page.getByLabel("Password").waitFor({ state: "detached" });
  }

  /** Wait until the list is loaded. */
  async idle() {
    await this.page.locator("ul[aria-busy=false]").waitFor({ state: "attached" });
  }

  /** @param {string} title */
  async add(title) {
    const answered = this.answered("POST");
    await this.page.getByLabel("New task").fill(title);
    await this.page.getByLabel("New task").press("Enter");
    return answered;
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
   * Wait for the service's next response to a method.
   * @param {string} method
   */
  answered(method) {
    return this.page.waitForResponse(
      (response) => response.url().startsWith(API) && response.request().method() === method,
    );
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
      assert.equal((await request.allHeaders())["cookie"], undefined);
      assert.notEqual(request.failure()?.errorText, "net::ERR_FAILED"); // a failed preflight
    }
    const stored = "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])";
    assert.doesNotMatch(String(await this.page.evaluate(stored)), /eyJ/);
    await this.page.context().close();
  }
}
