/** Dragging a row of a list to another place, with a mouse, a pen or a finger. */

import type { PointerEvent as Press } from "react";

const CLICK_PX = 4; // a shorter way is a click
const EDGE_PX = 64; // so near to the edge of the screen, the page scrolls
const SCROLL_PX = 10; // in each frame
const SETTLE_MS = 150;

type Listener = { onLift: () => void; onDrop: (neighbour: HTMLElement) => void };

/**
 * Let the row of a handle follow the pointer that presses the handle. The other rows make room.
 * Escape cancels. At the end, call `onDrop` with the row whose place it takes.
 */
export function startDrag(press: Press<HTMLElement>, { onLift, onDrop }: Listener): void {
  const { pointerId, clientY, currentTarget: handle } = press;
  const row = handle.closest("li");
  const list = row?.parentElement;
  if (!row || !list || !press.isPrimary || press.button !== 0) return;
  const start = clientY + window.scrollY;
  const ended = new AbortController();
  let y = clientY;
  let gap: ReturnType<typeof lift> | undefined;

  function follow(): void {
    if (ended.signal.aborted || !list) return;
    const [upper, lower] = [EDGE_PX, window.innerHeight - EDGE_PX];
    const box = list.getBoundingClientRect();
    if (y < upper && box.top < upper) window.scrollBy(0, -SCROLL_PX);
    if (y > lower && box.bottom > lower) window.scrollBy(0, SCROLL_PX);
    gap?.moveTo(y + window.scrollY - start);
    requestAnimationFrame(follow);
  }

  function end(isDropped: boolean): void {
    ended.abort();
    if (!row || !gap) return;
    if (isDropped) gap.moveTo(y + window.scrollY - start);
    const before = row.getBoundingClientRect().top;
    const neighbour = gap.close();
    if (isDropped && neighbour !== row) onDrop(neighbour);
    settle(row, before);
  }

  function listen<K extends keyof WindowEventMap>(type: K, then: (event: WindowEventMap[K]) => void) {
    const onEvent = (event: WindowEventMap[K]) => {
      if (!("pointerId" in event) || event.pointerId === pointerId) then(event);
    };
    window.addEventListener(type, onEvent, { signal: ended.signal, capture: true });
  }

  listen("pointermove", (event) => {
    y = event.clientY;
    if (gap || Math.abs(y - clientY) < CLICK_PX) return;
    gap = lift(list, row);
    handle.setPointerCapture(pointerId);
    onLift();
    follow();
  });
  listen("pointerup", (event) => {
    y = event.clientY;
    end(true);
  });
  listen("pointercancel", () => end(false));
  listen("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    end(false);
  });
}

/** Lift a row out of its list. Return how to move the gap, and how to close it. */
function lift(list: HTMLElement, row: HTMLElement) {
  const rows = [...list.querySelectorAll<HTMLElement>(":scope > li")];
  const boxes = rows.map(({ offsetTop, offsetHeight }) => ({
    start: offsetTop,
    end: offsetTop + offsetHeight,
  }));
  const from = rows.indexOf(row);
  const { start, end } = boxes[from] ?? { start: 0, end: 0 };
  const highest = (boxes[0]?.start ?? start) - start;
  const lowest = (boxes.at(-1)?.end ?? end) - end;
  let to = from;
  for (const element of [list, row]) element.dataset.dragging = "true";

  return {
    moveTo(distance: number): void {
      const way = Math.min(Math.max(distance, highest), lowest);
      to = from;
      for (const [index, box] of boxes.entries()) {
        const middle = (box.start + box.end) / 2;
        const isPassed = index < from ? start + way < middle : end + way > middle;
        const step = Math.sign(index - from);
        if (isPassed) to += step;
        shift(rows[index], isPassed ? step * (start - end) : 0);
      }
      shift(row, way);
    },
    close(): HTMLElement {
      for (const element of [list, row]) delete element.dataset.dragging;
      for (const each of rows) shift(each, 0);
      return rows[to] ?? row;
    },
  };
}

function shift(row: HTMLElement | undefined, way: number): void {
  if (row) row.style.translate = way ? `0 ${way}px` : "";
}

/** Let a row glide to its place from where it was. */
function settle(row: HTMLElement, before: number): void {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const way = before - row.getBoundingClientRect().top;
  row.animate({ translate: [`0 ${way}px`, "0 0"] }, { duration: SETTLE_MS, easing: "ease-out" });
}
