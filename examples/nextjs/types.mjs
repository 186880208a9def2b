// Writes lib/api-types.ts from openapi.json; with --check, fails if the file is not up to date.
// Its first line has the hash of openapi.json, so that the service's tests notice stale types
// where there is no Node.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import openapiTS, { astToString, COMMENT_HEADER } from "openapi-typescript";

const document = new URL("../../openapi.json", import.meta.url);
const output = new URL("lib/api-types.ts", import.meta.url);
const hash = createHash("sha256").update(readFileSync(document)).digest("hex");
// A field with a default may be left out of a request.
const types = astToString(await openapiTS(document, { defaultNonNullable: false }));
const text = `// sha256 of openapi.json: ${hash}\n${COMMENT_HEADER}${types}`;

if (!process.argv.includes("--check")) {
  writeFileSync(output, text);
} else if (readFileSync(output, "utf8") !== text) {
  console.error("lib/api-types.ts is not up to date: run `npm run types`.");
  process.exit(1);
}
