import { betterAuth } from "better-auth";
import { jwt } from "better-auth/plugins";
import { SignJWT } from "jose";
import { Pool } from "pg";

const secret = process.env.BETTER_AUTH_SECRET;
if (!secret) throw new Error("BETTER_AUTH_SECRET is not set");

const database = new Pool({ connectionString: process.env.AUTH_DATABASE_URL });
// Without a listener, a database that restarts ends this process; the pool connects anew by itself.
database.on("error", (error) => console.error("auth database:", error.message));

export const auth = betterAuth({
  secret,
  database,
  emailAndPassword: { enabled: true },
  plugins: [
    jwt({
      // Demanded once `sign` is given, and not used by it.
      jwks: { remoteUrl: "https://unused.invalid", keyPairConfig: { alg: "EdDSA" } },
      jwt: {
        // Three claims and no more: one with `email` would pass for a verification link.
        sign: async ({ sub, iat, exp }) =>
          new SignJWT({ sub, iat, exp })
            .setProtectedHeader({ alg: "HS256", typ: "JWT" })
            .sign(new TextEncoder().encode(secret)),
      },
    }),
  ],
});
