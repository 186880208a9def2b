import { readFile } from "node:fs/promises";
import ts from "typescript";

const { ESNext } = ts.ModuleKind;

/** @type {import("node:module").ResolveHook} */
export function resolve(specifier, context, next) {
  const isOurs = specifier.startsWith(".") && !/\.\w+$/.test(specifier);
  return next(isOurs ? `${specifier}.ts` : specifier, context);
}

/** @type {import("node:module").LoadHook} */
export async function load(url, context, next) {
  if (!url.endsWith(".ts")) return next(url, context);
  const options = { module: ESNext, target: ts.ScriptTarget.ES2022 };
  const source = ts.transpile(await readFile(new URL(url), "utf8"), options);
  return { format: "module", source, shortCircuit: true };
}
