import { decodeJwt } from "jose";
import createClient from "openapi-fetch";
import type { components, paths } from "./api-types";
import { fetchToken } from "./auth-client";

export type Task = components["schemas"]["Task"];
export type NewTask = components["schemas"]["NewTask"];
export type TaskChanges = components["schemas"]["TaskChanges"];
type ApiError = components["schemas"]["ApiError"];

const RENEW_BEFORE_MS = 60_000;
const TIMEOUT_MS = 20_000; // longer than the service waits for its database

/** What went wrong. `status` is 0 if there was no response. */
export type Problem = {
  status: number;
  detail: string; // in the words of the service
  fields: Record<string, string>;
  type?: ApiError["error_type"];
  retryAfter?: number; // in seconds
  requestId?: string; // finds the request in the service's log
};

export type Outcome<T> = { data: T; response: Response } | { problem: Problem };

export type Api = ReturnType<typeof createApi>;

const reload = () => window.location.reload();

/**
 * Create the client for one user's tasks. Its token stays in memory and is only this user's. When
 * another user has signed in from another tab, call a function.
 */
export function createApi(baseUrl: string, userId: string, startOver = reload) {
  const token = keepToken(userId, startOver);

  async function send(request: Request): Promise<Response> {
    const again = request.clone();
    const first = await token.get();
    const response = await authorized(request, first);
    if (response.status !== 401 || !first) return response;
    const renewed = await token.renew(first);
    return renewed ? authorized(again, renewed) : response;
  }

  return createClient<paths>({ baseUrl, credentials: "omit", cache: "no-store", fetch: send });
}

function authorized(request: Request, token: string | undefined): Promise<Response> {
  if (token) request.headers.set("Authorization", `Bearer ${token}`);
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]);
  return fetch(request, { signal });
}

/** Keep a token and renew it before it expires. Concurrent callers share one token request. */
function keepToken(userId: string, startOver: () => void) {
  let token: Promise<string | undefined> | undefined;
  let renewAt = 0;

  function ask(): Promise<string | undefined> {
    const asked = fetchToken().then(accept);
    const forget = () => {
      if (token === asked) token = undefined;
    };
    asked.then((fetched) => fetched ?? forget(), forget);
    renewAt = Infinity;
    return (token = asked);
  }

  function accept(fetched: string | undefined): string | undefined {
    if (!fetched) return undefined;
    const { sub, iat = 0, exp = 0 } = decodeJwt(fetched);
    if (sub !== userId) {
      startOver();
      throw new Error("Another user signed in.");
    }
    renewAt = Date.now() + (exp - iat) * 1000 - RENEW_BEFORE_MS; // works with a wrong clock too
    return fetched;
  }

  return {
    get: () => (token && Date.now() < renewAt ? token : ask()),
    renew: async (refused: string) => {
      const current = token;
      const isOurs = (await current) === refused && token === current;
      return isOurs || !token ? ask() : token;
    },
  };
}

/** Wait for a response. Return its data, or a problem. A 304 is no problem, and has no data. */
export async function settle<T>(
  call: Promise<{ data?: T; error?: ApiError; response: Response }>,
): Promise<Outcome<T>> {
  try {
    const { data, error, response } = await call;
    if (response.ok || response.status === 304) return { data: data as T, response };
    return { problem: describe(response, error) };
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    const detail = NO_RESPONSE.get(name) ?? UNREACHABLE;
    return { problem: { status: 0, detail, fields: {} } };
  }
}

export const SIGNED_OUT = "You are signed out.";
const UNREACHABLE = "The service cannot be reached.";

const NO_RESPONSE = new Map([
  ["AbortError", "The request was cancelled."],
  ["TimeoutError", "The service did not respond in time."],
]);

function describe({ status, headers }: Response, error: ApiError | undefined): Problem {
  const fields: Record<string, string> = Object.create(null); // a field may be `__proto__`
  for (const { loc, msg } of error?.errors ?? []) {
    const field = loc.at(1);
    if (loc[0] === "body" && field) fields[field] ??= msg;
  }
  // A proxy between the page and the service may respond with something other than JSON.
  const other = status < 500 ? `The service returned status ${status}.` : UNREACHABLE;
  const reason = error?.detail ?? other;
  return {
    status,
    detail: status === 401 ? SIGNED_OUT : reason,
    fields,
    type: error?.error_type,
    retryAfter: Number(headers.get("Retry-After")) || undefined,
    requestId: headers.get("X-Request-ID") ?? undefined,
  };
}

export function isProblem<T extends object>(outcome: T): outcome is Extract<T, { problem: Problem }> {
  return "problem" in outcome;
}

/** Return the cursor of the page after this one, from its `Link` header. */
export function nextCursor(response: Response): string | undefined {
  const [, next] = /<([^>]*)>; rel="next"/.exec(response.headers.get("Link") ?? "") ?? [];
  if (!next) return undefined;
  return new URL(next, response.url).searchParams.get("cursor") ?? undefined;
}
