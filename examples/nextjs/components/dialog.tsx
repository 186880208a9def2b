import type { ReactNode, RefObject } from "react";

type Props = {
  ref: RefObject<HTMLDialogElement | null>;
  title: string;
  onClose?: () => void;
  children: ReactNode;
};

/** A modal dialog. The browser keeps the focus inside, and returns it when the dialog closes. */
export function Dialog({ ref, title, onClose, children }: Props) {
  return (
    <dialog ref={ref} aria-label={title} onClose={onClose}>
      <div className="dialog-head">
        <h2>{title}</h2>
        <button type="button" className="quiet" onClick={() => ref.current?.close()}>
          Close
        </button>
      </div>
      {children}
    </dialog>
  );
}
