"use client";

import { useRef, useState } from "react";
import { flushSync } from "react-dom";
import { DELETED, ELSEWHERE, signIn } from "@/lib/account";
import type { SignInProblem } from "@/lib/account";
import { focusField, useFirstFocus } from "@/lib/focus";
import { useHydrated } from "@/lib/use-hydrated";

export function SignIn() {
  const [isNew, setIsNew] = useState(false);
  const [email, setEmail] = useState<string>();
  const hydrated = useHydrated();
  const page = useRef<HTMLElement>(null);
  useFirstFocus(true, "form input");

  function toggle() {
    setEmail(page.current?.querySelector<HTMLInputElement>("#email")?.value);
    flushSync(() => setIsNew(!isNew));
    focusField(page.current); // or Enter would toggle back
  }

  return (
    <main ref={page} className="page narrow">
      <h1>Tasks</h1>
      <p role="status" className="told">
        {hydrated && window.location.hash === DELETED && "Your account and all tasks have been deleted."}
        {hydrated && window.location.hash === ELSEWHERE && "You signed out in another tab."}
      </p>
      <SignInForm
        key={String(isNew)}
        isNew={isNew}
        email={email}
        onDone={() => window.location.replace("/")}
        onSignIn={toggle}
      />
      <p className="switch">
        {isNew ? "Already have an account? " : "New here? "}
        <button type="button" className="quiet" disabled={!hydrated} onClick={toggle}>
          {isNew ? "Sign in" : "Create an account"}
        </button>
      </p>
      {!isNew && (
        <p className="hint">
          Forgot your password? This app cannot reset it. Ask the person who runs it.
        </p>
      )}
    </main>
  );
}

type FormProps = { isNew?: boolean; email?: string; onDone: () => void; onSignIn?: () => void };

export function SignInForm({ isNew = false, email, onDone, onSignIn }: FormProps) {
  const [busy, setBusy] = useState(false);
  const [isShown, setShown] = useState(false);
  const [problem, setProblem] = useState<SignInProblem>();
  const hydrated = useHydrated();

  async function submit(form: FormData) {
    setBusy(true);
    setShown(false); // a browser offers to save only a hidden password
    setProblem(undefined);
    const refused = await signIn(form);
    if (!refused) return onDone();
    setProblem(refused);
    setBusy(false);
  }

  return (
    <form
      className="sign-in"
      method="post" // never the password in a URL
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) void submit(new FormData(event.currentTarget));
      }}
    >
      <h2>{isNew ? "Create an account" : "Sign in"}</h2>
      {isNew && (
        <>
          <label htmlFor="name">Name</label>
          <input id="name" name="name" autoComplete="name" required />
        </>
      )}
      <label htmlFor="email">E-mail</label>
      <input
        id="email"
        name="email"
        type="email"
        autoComplete="username"
        defaultValue={email}
        required
        aria-invalid={problem?.field === "email"}
        aria-describedby="email-problem"
      />
      <p id="email-problem" className="problem" role="alert">
        {problem?.field === "email" && problem.text}
        {problem?.hasAccount && (
          <button type="button" className="quiet" onClick={onSignIn}>
            Sign in instead
          </button>
        )}
      </p>
      <div className="password">
        <label htmlFor="password">Password</label>
        <input
          id="password"
          name="password"
          type={isShown ? "text" : "password"}
          spellCheck={false} // which may send a text elsewhere
          autoCapitalize="none"
          autoComplete={isNew ? "new-password" : "current-password"}
          minLength={isNew ? 8 : undefined}
          required
          aria-invalid={problem?.field === "password"}
          aria-describedby="password-hint password-problem"
        />
        <button
          type="button"
          className="quiet"
          disabled={!hydrated}
          aria-pressed={isShown}
          onMouseDown={(event) => event.preventDefault()} // the field keeps the focus
          onClick={() => setShown(!isShown)}
        >
          Show password
        </button>
      </div>
      {isNew && (
        <p id="password-hint" className="hint">
          At least 8 characters
        </p>
      )}
      <p id="password-problem" className="problem" role="alert">
        {problem?.field === "password" && problem.text}
      </p>
      <p className="problem" role="alert">
        {!problem?.field && problem?.text}
      </p>
      <button type="submit" className="primary" disabled={!hydrated} aria-disabled={busy}>
        {busy ? "One moment…" : isNew ? "Create account" : "Sign in"}
      </button>
    </form>
  );
}
