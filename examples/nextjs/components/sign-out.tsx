import type { RefObject } from "react";
import { count } from "@/lib/messages";
import { CloseButton, Dialog } from "./dialog";

type Props = { ref: RefObject<HTMLDialogElement | null>; unsaved: unknown[]; onConfirm: () => void };

/** Ask before a sign-out that would lose changes. */
export function SignOut({ ref, unsaved, onConfirm }: Props) {
  const [are, them] = unsaved.length === 1 ? ["is", "it"] : ["are", "them"];
  return (
    <Dialog ref={ref} title="Sign out?" question>
      <form method="dialog" onSubmit={onConfirm}>
        <p>
          {count(unsaved, "change")} {are} not saved yet. If you sign out now, you lose {them}.
        </p>
        <div className="actions">
          <CloseButton>Cancel</CloseButton>
          <button type="submit" className="primary danger">
            Sign out anyway
          </button>
        </div>
      </form>
    </Dialog>
  );
}
