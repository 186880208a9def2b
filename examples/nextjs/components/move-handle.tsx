import { useRef } from "react";
import type { KeyboardEvent as KeyPress } from "react";
import { startDrag } from "@/lib/drag";
import type { Row } from "@/lib/list";
import type { Order } from "@/lib/use-order";

const STEPS = new Map([
  ["ArrowUp", -1],
  ["ArrowDown", 1],
  ["Home", -Infinity],
  ["End", Infinity],
]);

/** Moves a row: by dragging, by arrow keys, and by buttons that a click shows. */
export function MoveHandle({ row: { key, task }, order }: { row: Row; order: Order }) {
  const handle = useRef<HTMLButtonElement>(null);
  const wasDragged = useRef(false);
  const isOpen = order.opened === key;

  function onKeyDown(event: KeyPress) {
    const step = STEPS.get(event.key);
    if (event.key === "Escape" && isOpen) {
      order.open(undefined);
      handle.current?.focus();
    } else if (step && event.target === handle.current) order.step(key, step);
    else return;
    event.preventDefault();
  }

  return (
    <>
      <button
        ref={handle}
        type="button"
        className="handle"
        data-control="handle"
        disabled={task.id === 0}
        aria-expanded={isOpen}
        aria-label={`Move ${task.title}`}
        title="Drag, or use the arrow keys"
        onPointerDown={(event) => {
          wasDragged.current = false;
          startDrag(event, {
            onLift: () => (wasDragged.current = true),
            onDrop: (neighbour) => order.replace(key, neighbour.dataset.key),
          });
        }}
        onClick={({ detail }) => {
          if (wasDragged.current && detail > 0) return; // the end of a drag
          order.open(isOpen ? undefined : key);
        }}
        onKeyDown={onKeyDown}
      >
        <svg viewBox="0 0 10 16" aria-hidden="true">
          <path d="M2 3h0M8 3h0M2 8h0M8 8h0M2 13h0M8 13h0" />
        </svg>
      </button>
      {isOpen && (
        <div
          ref={reveal}
          className="moves"
          role="group"
          aria-label={`Move ${task.title}`}
          onKeyDown={onKeyDown}
        >
          <button type="button" onClick={() => order.step(key, -1)}>
            Move up
          </button>
          <button type="button" onClick={() => order.step(key, 1)}>
            Move down
          </button>
          <button type="button" onClick={() => order.step(key, -Infinity)}>
            To the top
          </button>
        </div>
      )}
    </>
  );
}

/** Scroll to what has just opened, as a message may cover the end of the page. */
function reveal(element: HTMLElement | null) {
  element?.scrollIntoView({ block: "nearest" });
}
