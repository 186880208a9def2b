import type { ReactNode, RefObject } from "react";

type Props = {
  ref: RefObject<HTMLDialogElement | null>;
  title: string;
  onClose?: () => void;
  question?: boolean; // it has a button of its own to cancel
  children: ReactNode;
};

/** A modal dialog. The browser keeps the focus inside, and returns it when the dialog closes. */
export function Dialog({ ref, title, onClose, question = false, children }: Props) {
  return (
    <dialog ref={ref} aria-label={title} onClose={onClose}>
      <div className="dialog-head">
        <h2>{title}</h2>
        {!question && <CloseButton>Close</CloseButton>}
      </div>
      {children}
    </dialog>
  );
}

export function CloseButton({ children }: { children: string }) {
  return (
    <button
      type="button"
      className="quiet"
      onClick={({ currentTarget }) => currentTarget.closest("dialog")?.close()}
    >
      {children}
    </button>
  );
}
