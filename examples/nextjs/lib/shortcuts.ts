/** Keyboard shortcuts. Those of one letter can be turned off, because voice input may type letters. */

import { useEffect, useSyncExternalStore } from "react";

const SETTING = "shortcuts-off";
const CHANGED = "shortcuts-changed";

/**
 * Call a function when its key is pressed, unless the user types text or a dialog is open. Cmd counts
 * as Ctrl.
 */
export function useShortcuts(shortcuts: Record<string, () => void>): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const { key, target } = event;
      const name = event.ctrlKey || event.metaKey ? `Ctrl ${key}` : key;
      const shortcut = Object.hasOwn(shortcuts, name) ? shortcuts[name] : undefined;
      if (!shortcut || event.defaultPrevented || event.altKey) return;
      if (isText(target) || document.querySelector("dialog[open]")) return;
      if (name.length === 1 && areOff()) return;
      event.preventDefault();
      shortcut();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [shortcuts]);
}

function isText(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return target.type !== "checkbox";
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

/** Return whether shortcuts of one key are on, and a function to change it. */
export function useShortcutSetting(): [boolean, (on: boolean) => void] {
  const on = useSyncExternalStore(
    (listener) => {
      window.addEventListener(CHANGED, listener);
      return () => window.removeEventListener(CHANGED, listener);
    },
    () => !areOff(),
    () => true,
  );
  return [on, setOn];
}

function setOn(on: boolean): void {
  if (on) localStorage.removeItem(SETTING);
  else localStorage.setItem(SETTING, "1");
  window.dispatchEvent(new CustomEvent(CHANGED));
}

function areOff(): boolean {
  return localStorage.getItem(SETTING) !== null;
}
