import type { RefObject } from "react";
import { useShortcutSetting } from "@/lib/shortcuts";
import { Dialog } from "./dialog";

const SHORTCUTS = [
  ["n", "Write a new task"],
  ["/", "Search"],
  ["j or ↓", "Go to the next task"],
  ["k or ↑", "Go to the previous task"],
  ["m", "Sort by “My order”"],
  ["Shift j or Shift k", "Move the task down or up, in “My order”"],
  ["c", "Complete the task or the selected ones, or make them active again"],
  ["e", "Edit the task"],
  ["Ctrl or ⌘ Enter", "Save the edit"],
  ["x", "Select the task"],
  ["Shift x", "Select all tasks up to this one"],
  ["Delete or ⌫", "Delete the task or the selected ones"],
  ["z, Ctrl z or ⌘ z", "Undo"],
  ["Esc", "End the selection, or cancel"],
  ["?", "Show this list"],
];

export function Shortcuts({ ref }: { ref: RefObject<HTMLDialogElement | null> }) {
  const [on, setOn] = useShortcutSetting();
  return (
    <Dialog ref={ref} title="Keyboard shortcuts">
      <dl className="shortcuts">
        {SHORTCUTS.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <label className="setting">
        <input type="checkbox" checked={on} onChange={(event) => setOn(event.target.checked)} />
        Use shortcuts of one letter
      </label>
    </Dialog>
  );
}
