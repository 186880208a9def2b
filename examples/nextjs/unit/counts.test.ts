import assert from "node:assert/strict";
import { test } from "node:test";
import type { Api } from "../lib/api";
import { readCounts } from "../lib/counts";
import { EVERYTHING } from "../lib/query";

test("a tag may have the name of a property that every object has", async () => {
  const stats = '{"total": 2, "active": 2, "completed": 0, "by_tag": {"__proto__": 2, "home": 1}}';
  const response = new Response(stats);
  const GET = async () => ({ data: JSON.parse(stats), response });
  const counts = await readCounts({ GET } as unknown as Api, EVERYTHING, new AbortController().signal);
  assert.deepEqual([...(counts?.tags ?? [])], [["__proto__", 2], ["home", 1]]);
  assert.deepEqual(counts?.knownTags, ["__proto__", "home"]);
  assert.equal(counts?.tags.get("constructor"), undefined);
});
