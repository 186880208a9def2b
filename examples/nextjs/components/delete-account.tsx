import type { RefObject } from "react";
import { useRef, useState } from "react";
import { deleteAccount } from "@/lib/account";
import { CloseButton, Dialog } from "./dialog";

export function DeleteAccount({ ref }: { ref: RefObject<HTMLDialogElement | null> }) {
  const fields = useRef<HTMLFormElement>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();

  async function submit(form: FormData) {
    setBusy(true);
    setProblem(undefined);
    const refused = await deleteAccount(String(form.get("password")));
    if (!refused) return; // the browser loads another page
    setProblem(refused);
    setBusy(false);
  }

  /** Forget the password. */
  function forget() {
    fields.current?.reset();
    setProblem(undefined);
  }

  return (
    <Dialog ref={ref} title="Delete my account?" question onClose={forget}>
      <form
        ref={fields}
        method="post"
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void submit(new FormData(event.currentTarget));
        }}
      >
        <p>
          This deletes your account and all your tasks, including those in the trash. It cannot be undone.
          Other devices that are signed in can read and add tasks for up to 16 more minutes. Sign out
          there first.
        </p>
        <label htmlFor="account-password">Your password</label>
        <input
          id="account-password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          aria-invalid={Boolean(problem)}
          aria-describedby="account-problem"
        />
        <p id="account-problem" className="problem" role="alert">
          {problem}
        </p>
        <div className="actions">
          <CloseButton>Cancel</CloseButton>
          <button type="submit" className="primary danger" aria-disabled={busy}>
            {busy ? "Deleting…" : "Delete my account"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
