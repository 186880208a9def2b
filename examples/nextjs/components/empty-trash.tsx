import type { RefObject } from "react";
import { leaveDialog } from "@/lib/focus";
import { Dialog } from "./dialog";

type Props = { ref: RefObject<HTMLDialogElement | null>; onConfirm: () => void };

export function EmptyTrash({ ref, onConfirm }: Props) {
  return (
    <Dialog ref={ref} title="Empty the trash?" onClose={() => leaveDialog(ref.current)}>
      <form method="dialog" onSubmit={onConfirm}>
        <p>This erases every task in the trash for good. It cannot be undone.</p>
        <button type="submit" className="primary danger">
          Erase all
        </button>
      </form>
    </Dialog>
  );
}
