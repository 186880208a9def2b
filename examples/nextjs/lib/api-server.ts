import { headers } from "next/headers";
import createClient from "openapi-fetch";
import type { paths } from "./api-types";
import { auth } from "./auth";

/** Create the client of the user who is signed in, for one request to the app. */
export async function createServerApi() {
  const { token } = await auth.api.getToken({ headers: await headers() });
  const authorization = { Authorization: `Bearer ${token}` };
  return createClient<paths>({ baseUrl: process.env.API_URL, headers: authorization, fetch: send });
}

/** Send the body as text. Next.js sends the body of a `Request` in chunks, and that is a 411. */
async function send(request: Request): Promise<Response> {
  const { url, method, headers: sent } = request;
  const body = (await request.text()) || undefined;
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(20_000)]);
  const response = await fetch(url, { method, headers: sent, body, signal, cache: "no-store" });
  if (!response.ok) {
    const id = response.headers.get("X-Request-ID"); // the log of the service has it too
    console.warn(`${method} ${new URL(url).pathname}: ${response.status}, X-Request-ID ${id}`);
  }
  return response;
}
