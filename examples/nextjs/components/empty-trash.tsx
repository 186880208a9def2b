import type { RefObject } from "react";
import { leaveGone } from "@/lib/focus";
import { CloseButton, Dialog } from "./dialog";

type Props = { ref: RefObject<HTMLDialogElement | null>; onConfirm: () => void };

export function EmptyTrash({ ref, onConfirm }: Props) {
  return (
    <Dialog ref={ref} title="Empty the trash?" question onClose={() => leaveGone(ref.current)}>
      <form method="dialog" onSubmit={onConfirm}>
        <p>This erases every task in the trash for good. It cannot be undone.</p>
        <div className="actions">
          <CloseButton>Cancel</CloseButton>
          <button type="submit" className="primary danger">
            Erase all
          </button>
        </div>
      </form>
    </Dialog>
  );
}
