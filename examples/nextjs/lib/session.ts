import { headers } from "next/headers";
import { auth } from "./auth";

export type User = { id: string; name: string; email: string };

/** Return the user who is signed in, on the server. */
export async function signedIn(): Promise<User | undefined> {
  const session = await auth.api.getSession({ headers: await headers() });
  if (!session) return undefined;
  const { id, name, email } = session.user;
  return { id, name, email };
}
