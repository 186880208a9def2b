import { useSyncExternalStore } from "react";

/** Return whether the scripts of the page run. Until then the browser would submit a form itself. */
export function useHydrated(): boolean {
  return useSyncExternalStore(() => () => undefined, () => true, () => false);
}
