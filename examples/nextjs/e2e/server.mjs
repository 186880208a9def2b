/** A second server of the built app, on its own port. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const EXAMPLE = new URL("..", import.meta.url).pathname;

/**
 * Start the app of a folder, and wait until it prints its URL.
 * @param {Record<string, string>} settings values that override the environment
 */
export async function serve(settings, folder = EXAMPLE) {
  const next = new URL("../node_modules/next/dist/bin/next", import.meta.url).pathname;
  const server = spawn(process.execPath, [next, "start", "--hostname", "localhost", "--port", "0"], {
    cwd: folder,
    env: { ...process.env, ...settings },
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: server.stdout })) {
    const [url] = /http:\/\/localhost:\d+/.exec(line) ?? [];
    if (url) return { url, stop: () => stop(server) };
  }
  throw new Error("The app ended before it listened on a port.");
}

/** @param {import("node:child_process").ChildProcess} server */
async function stop(server) {
  const ended = once(server, "exit");
  server.kill();
  await ended;
}
