import { jwtClient } from "better-auth/client/plugins";
import { createAuthClient } from "better-auth/react";

export const authClient = createAuthClient({ plugins: [jwtClient()] });

/** Ask Better Auth for a token; undefined when nobody is signed in, an error when it cannot say. */
export async function fetchToken(): Promise<string | undefined> {
  const { data, error } = await authClient.token({ fetchOptions: { cache: "no-store" } });
  if (error && error.status !== 401) throw new Error(error.message ?? "No token could be had.");
  return data?.token;
}
