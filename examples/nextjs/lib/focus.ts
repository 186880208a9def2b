/** Where the focus goes when the focused element disappears, and from row to row. */

import { useEffect, useLayoutEffect, useRef } from "react";
import type { RefObject } from "react";

type List = RefObject<HTMLUListElement | null>;

const ROW = "li[data-key]";
const NEW_TASK = "#new-task";
const SEARCH = "#search";
const VIEW = '[data-control="view"]'; // unfolds the search on a phone
const UNSCROLLED = ".list, .select"; // the user goes on where they are

/** The list, for what is outside it. */
export const LIST: RefObject<HTMLElement | null> = {
  get current() {
    return document.querySelector<HTMLElement>(".list");
  },
};

export function focusNewTask(): void {
  document.querySelector<HTMLElement>(NEW_TASK)?.focus();
}

export function focusSearch(): void {
  for (const place of [VIEW, SEARCH]) document.querySelector<HTMLElement>(place)?.focus();
}

/** Focus the link of the status that is shown. */
export function focusStatus(): void {
  document.querySelector<HTMLElement>('.tabs [aria-current="page"]')?.focus();
}

/** Focus the field that is wrong, or else the first one. */
export function focusField(form: Element | null | undefined): void {
  const invalid = form?.querySelector<HTMLElement>("[aria-invalid=true]");
  focusInPlace(invalid ?? form?.querySelector("input"));
}

/**
 * When a form opens, focus the field that is wrong, or else the first one. On a phone, show the whole
 * form, or all of its beginning that fits.
 */
export function useFocusInForm(form: RefObject<HTMLFormElement | null>): void {
  useLayoutEffect(() => {
    if (!matchMedia("(pointer: fine)").matches) form.current?.scrollIntoView({ block: "nearest" });
    focusField(form.current);
  }, [form]); // before the list looks for a neighbour
}

/** When an element takes the place of the focused one, focus it. */
export function useFocusIfLost(element: RefObject<HTMLElement | null>): void {
  useLayoutEffect(() => placeFocus(element.current), [element]);
}

/** When a focused row leaves the list, focus the same control of the row that takes its place. */
export function useFocusInList(list: List): void {
  const last = useRef<{ element: Element; control: string; index: number }>(undefined);
  useEffect(() => {
    const remember = ({ target }: FocusEvent) => {
      const row = target instanceof HTMLElement && target.closest(ROW);
      if (!row || !list.current?.contains(row)) last.current = undefined;
      else {
        const index = [...list.current.children].indexOf(row);
        last.current = { element: target, control: target.dataset.control ?? "tick", index };
      }
    };
    document.addEventListener("focusin", remember);
    return () => document.removeEventListener("focusin", remember);
  }, [list]);
  useLayoutEffect(() => {
    if (!last.current || last.current.element.isConnected) return;
    const { index } = last.current;
    // Not the next box, which a second Space would tick.
    const control = last.current.control === "tick" ? "title" : last.current.control;
    last.current = undefined;
    const controls = list.current?.querySelectorAll<HTMLElement>(`[data-control="${control}"]`);
    const neighbour = controls?.item(Math.min(index, controls.length - 1));
    placeFocus(neighbour?.matches(":enabled") ? neighbour : null, document.querySelector(NEW_TASK));
    placeFocus(list.current, document.querySelector("h1"));
  });
}

/**
 * Focus the first row that an Undo brings back, unless the user has gone on. Call the returned function
 * with the ids of its tasks and the element that had the focus.
 */
export function useFocusOnReturn(list: List) {
  const awaited = useRef<{ ids: number[]; from: Element | null }>(undefined);
  const rowOf = (id: number) => list.current?.querySelector(`[data-key="${id}"]`);
  useLayoutEffect(() => {
    const { ids = [], from } = awaited.current ?? {};
    const rows = new Set(ids.map(rowOf));
    const row = [...(list.current?.children ?? [])].find((each) => rows.has(each));
    if (!row) return;
    awaited.current = undefined;
    const { activeElement, body } = document;
    const hasStayed = activeElement === from || activeElement === body;
    if (hasStayed) focusInPlace(row.querySelector<HTMLElement>('[data-control="title"]'));
  });
  return (ids: number[], from: Element | null) => {
    awaited.current = { ids: ids.filter((id) => !rowOf(id)), from };
  };
}

/** After loading more, focus the first new row. Tell how many rows were loaded. */
export function useFocusAfterLoading(
  list: List,
  { loading, failed, keys }: { loading: boolean; failed: boolean; keys: string[] },
) {
  const asked = useRef<{ last?: string; tell?: (count: number) => void }>(undefined);
  useLayoutEffect(() => {
    if (loading || !asked.current) return;
    const { last, tell } = asked.current;
    asked.current = undefined;
    const first = keys.findIndex((key) => key === last) + 1;
    const button = document.querySelector<HTMLElement>('[data-control="load"]');
    if (!failed) {
      tell?.(keys.length - first);
      if (document.activeElement === button) button?.blur();
    }
    const control = list.current?.children[first]?.querySelector("input, button");
    placeFocus(failed ? button : control, list.current, document.querySelector(NEW_TASK));
  });
  return (tell?: (count: number) => void) => {
    asked.current = { last: keys.at(-1), tell };
  };
}

/** Focus the field that a page is for, if nothing has the focus and no keyboard covers the page. */
export function useFirstFocus(isWanted: boolean, field = NEW_TASK): void {
  useEffect(() => {
    if (isWanted && matchMedia("(pointer: fine)").matches) placeFocus(document.querySelector(field));
  }, [isWanted, field]);
}

/** When what took the place of an element closes, focus the element, unless another one opened. */
export function useFocusWhenClosed(isOpen: boolean, element: RefObject<HTMLElement | null>): void {
  const wasOpen = useRef(false);
  useLayoutEffect(() => {
    if (wasOpen.current && !isOpen) placeFocus(element.current, document.querySelector("h1"));
    wasOpen.current = isOpen;
  }, [isOpen, element]);
}

/** Focus a panel that interrupts, unless the user is typing. Return the focus when it closes. */
export function useInterruption(panel: RefObject<HTMLElement | null>): void {
  const before = useRef<Element>(null);
  useEffect(() => {
    before.current ??= document.activeElement;
    if (!isTyping(before.current)) enter(panel.current);
    return () => placeFocus(before.current, document.querySelector(NEW_TASK));
  }, [panel]);
}

/** Return to the panel that asks for a sign-in. */
export function focusSignIn(): void {
  enter(document.querySelector(".signed-out"));
}

/** Focus the first empty field of a panel, and show the whole panel, or else its beginning. */
function enter(panel: HTMLElement | null): void {
  const fields = [...(panel?.querySelectorAll("input") ?? [])];
  (fields.find(({ value }) => !value) ?? fields[0])?.focus({ preventScroll: true });
  const fits = panel && panel.offsetHeight <= window.innerHeight;
  panel?.scrollIntoView({ block: fits ? "nearest" : "start" });
}

/** Move the focus by some rows. Start at the first row. */
export function moveFocus(list: Element | null, step: 1 | -1): void {
  const titles = [...(list?.querySelectorAll<HTMLElement>('[data-control="title"]') ?? [])];
  const current = titles.indexOf(focusedRow()?.querySelector('[data-control="title"]') as HTMLElement);
  const next = current < 0 ? 0 : Math.min(Math.max(current + step, 0), titles.length - 1);
  titles[next]?.focus();
}

/** Focus the title of a row, in the middle of the screen. */
export function focusTask(row: Element | null | undefined): void {
  row?.querySelector<HTMLElement>('[data-control="title"]')?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: "center" });
}

/** Return the row that has the focus. */
export function focusedRow(): HTMLElement | undefined {
  return document.activeElement?.closest<HTMLElement>(ROW) ?? undefined;
}

/** If nothing has the focus, move it to the first of these elements that accepts it. */
export function placeFocus(...places: (Element | null | undefined)[]): void {
  for (const place of places) {
    if (document.activeElement !== document.body) return;
    if (place instanceof HTMLElement) focusInPlace(place);
  }
}

/** Focus an element. Scroll only if it is not visible, and then no further than needed. */
function focusInPlace(element: HTMLElement | null | undefined): void {
  element?.focus({ preventScroll: true });
  if (!element?.matches(UNSCROLLED)) element?.scrollIntoView({ block: "nearest" });
}

/** Leave a control that is about to disappear. */
export function leaveControl(list: Element | null): void {
  if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  placeFocus(list?.firstChild ? list : null, document.querySelector(NEW_TASK), list);
}

/** Leave a dialog or tools that are gone. If nothing else has the focus, focus the heading. */
export function leaveGone(gone: Element | null): void {
  const { activeElement } = document;
  if (activeElement instanceof HTMLElement && gone?.contains(activeElement)) activeElement.blur();
  placeFocus(document.querySelector("h1"));
}

export function isTyping(element: Element | null): boolean {
  if (element instanceof HTMLTextAreaElement) return true;
  return element instanceof HTMLInputElement && element.type !== "checkbox" && element.value !== "";
}
