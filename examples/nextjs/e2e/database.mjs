/** The PostgreSQL of the tests: stop it, or hold the writes of a user. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import pg from "pg";

/** @param {"stop" | "restart"} command */
export async function database(command) {
  const [program, ...args] = JSON.parse(process.env.DATABASE_CONTROL ?? "");
  await promisify(execFile)(program, [...args, command]);
}

/**
 * Make the writes of a user wait in the database. Return how to let them go on.
 * @param {string} userId
 */
export async function holdWrites(userId) {
  const connectionString = process.env.AUTH_DATABASE_URL?.replace("/better_auth", "/postgres");
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query("BEGIN");
  await client.query("SELECT FROM accounts WHERE user_id = $1 FOR UPDATE", [userId]);
  return {
    /** Wait until a write waits for the lock. */
    waiting: async () => {
      const deadline = Date.now() + 30_000;
      while ((await client.query("SELECT FROM pg_locks WHERE NOT granted")).rowCount === 0) {
        assert(Date.now() < deadline, "no write waits");
        await setTimeout(20);
      }
    },
    release: () => client.end(),
  };
}
