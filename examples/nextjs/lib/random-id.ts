/** Return a random text. `crypto.randomUUID` exists only on https and localhost, this everywhere. */
export function randomId(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}
