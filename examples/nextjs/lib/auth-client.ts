import { jwtClient } from "better-auth/client/plugins";
import { createAuthClient } from "better-auth/react";

export const authClient = createAuthClient({ plugins: [jwtClient()] });

/** Get a token from Better Auth. Return undefined if nobody is signed in; throw if it fails. */
export async function fetchToken(): Promise<string | undefined> {
  const fetchOptions = { cache: "no-store", signal: AbortSignal.timeout(20_000) } as const;
  const { data, error } = await authClient.token({ fetchOptions });
  if (error && error.status !== 401) throw new Error(error.message ?? "Could not get a token.");
  return data?.token;
}
