/** Lets Node load the TypeScript of lib/, with imports that name no extension. */

import { register } from "node:module";

register("./hooks.mjs", import.meta.url);
