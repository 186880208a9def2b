import { betterAuth } from "better-auth";
import { APIError } from "better-auth/api";
import { jwt } from "better-auth/plugins";
import { SignJWT } from "jose";
import type { JWTPayload } from "jose";
import { Pool } from "pg";
import { apiUrl } from "./settings";

const secret = process.env.BETTER_AUTH_SECRET;
if (!secret) throw new Error("BETTER_AUTH_SECRET is not set");
const TIMEOUT_MS = 20_000; // longer than the service waits for its database
const key = new TextEncoder().encode(secret);

const database = new Pool({ connectionString: process.env.AUTH_DATABASE_URL });
// Without a listener, a database restart ends this process. The pool reconnects by itself.
database.on("error", (error) => console.error("auth database:", error.message));

/** Sign only these three claims. With `email`, the token would pass as a verification link. */
async function sign({ sub, iat, exp }: JWTPayload): Promise<string> {
  return new SignJWT({ sub, iat, exp }).setProtectedHeader({ alg: "HS256", typ: "JWT" }).sign(key);
}

/** Delete the user's tasks in the service. If that fails, the user stays and can try again. */
async function eraseTasks({ id }: { id: string }): Promise<void> {
  const now = Math.floor(Date.now() / 1000);
  const token = await sign({ sub: id, iat: now, exp: now + 900 });
  let response: Response | undefined;
  do {
    response = await fetch(`${apiUrl}/api/account`, {
      method: "DELETE",
      headers: { Authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch(() => undefined);
  } while (response?.status === 202); // there is more to delete
  if (response?.ok) return;
  const why = response ? "Try again in a moment." : "The service cannot be reached.";
  throw new APIError("SERVICE_UNAVAILABLE", { message: `Your account was not deleted. ${why}` });
}

export const auth = betterAuth({
  secret,
  database,
  // No `session.cookieCache`: it would give a deleted user new tokens until its `maxAge`.
  emailAndPassword: { enabled: true },
  user: { deleteUser: { enabled: true, beforeDelete: eraseTasks } },
  plugins: [
    jwt({
      // Required when `sign` is set, but not used.
      jwks: { remoteUrl: "https://unused.invalid", keyPairConfig: { alg: "EdDSA" } },
      jwt: { sign },
    }),
  ],
});
