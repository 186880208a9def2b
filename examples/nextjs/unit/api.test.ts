import assert from "node:assert/strict";
import { test } from "node:test";
import { isProblem, settle } from "../lib/api";

test("a problem has what programs and reports need, and fields of any name", async () => {
  const headers = { "Retry-After": "5", "X-Request-ID": "abc" };
  const response = new Response(null, { status: 400, headers });
  const problem = { loc: ["body", "constructor"], msg: "Unknown field.", type: "unknown", code: "unknown" };
  const error = { detail: "The input is invalid.", status_code: 400, error_type: "validation_error" };
  const answer = { error: { ...error, errors: [problem] }, response };
  const outcome = await settle(Promise.resolve(answer as never));
  assert(isProblem(outcome));
  const { fields, ...others } = outcome.problem;
  assert.deepEqual({ ...fields }, { constructor: "Unknown field." });
  assert.deepEqual(others, {
    status: 400,
    detail: "The input is invalid.",
    type: "validation_error",
    retryAfter: 5,
    requestId: "abc",
  });
});

test("a 304 is no problem: nothing has changed", async () => {
  const response = new Response(null, { status: 304 });
  assert.deepEqual(await settle(Promise.resolve({ response })), { data: undefined, response });
});

for (const [signal, detail] of [
  [AbortSignal.abort(), "The request was cancelled."],
  [AbortSignal.timeout(0), "The service did not respond in time."],
] as const) {
  test(`a request that gets no response: ${detail}`, async () => {
    const until = new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason));
    });
    const outcome = await settle(until);
    assert(isProblem(outcome));
    assert.equal(outcome.problem.detail, detail);
  });
}
