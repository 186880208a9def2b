import Link, { useLinkStatus } from "next/link";
import type { ReactNode } from "react";
import { useEffect, useRef, useState } from "react";
import { askBeforeClosing, leaveWithOtherTabs, signOut } from "@/lib/account";
import { useInterruption } from "@/lib/focus";
import type { Operation, State } from "@/lib/list";
import type { User } from "@/lib/session";
import type { TaskStore } from "@/lib/store";
import { Outage } from "./outage";
import { Sentence } from "./sentence";
import { SignInForm } from "./sign-in";
import { SignOut } from "./sign-out";

type Props = {
  user: User;
  title: string;
  link: [href: string, text: string]; // to the other page
  store: TaskStore;
  state: State;
  onUndo: () => void;
  onSort?: () => void; // by hand
  onShow?: () => void; // the new task
  children: ReactNode;
};

/** What every page of a user has: the header, the banners and the messages. */
export function Frame(props: Props) {
  const { user, title, link: [href, text], store, state, onUndo, onSort, onShow, children } = props;
  const { notice, operations } = state;
  const isSignedOut = [state, ...operations].some(({ problem }) => problem?.status === 401);

  const [unsaved, setUnsaved] = useState<unknown[]>([]); // when the user asked to sign out
  const question = useRef<HTMLDialogElement>(null);
  const [leaving, setLeaving] = useState(false);
  useEffect(leaveWithOtherTabs, []);
  useEffect(() => askBeforeClosing(() => store.unsaved().length > 0), [store]);

  /** Stay without a network. The browser would leave the app for its own page about the failure. */
  function stayIfOffline(event: { preventDefault: () => void }) {
    if (navigator.onLine) return;
    event.preventDefault();
    store.say({ text: `You can open “${text}” when you are back online.`, seen: true });
  }

  function askToLeave() {
    const found = store.unsaved();
    setUnsaved(found);
    if (found.length > 0) question.current?.showModal();
    else void leave();
  }

  async function leave() {
    setLeaving(true);
    store.say(undefined);
    const problem = await signOut();
    if (!problem) return;
    setLeaving(false);
    store.say({ text: problem, seen: true, stays: true });
  }

  return (
    <div className="page">
      <header className="top">
        <h1 tabIndex={-1}>{title}</h1>
        <p className="who">
          <span dir="auto">{user.name}</span>
          <Link href={href} prefetch={false} onNavigate={stayIfOffline}>
            {text}
            <Opening />
          </Link>
          <button
            type="button"
            className="quiet"
            onClick={askToLeave}
          >
            {leaving ? "Signing out…" : "Sign out"}
          </button>
        </p>
      </header>
      <main>
        <Outage store={store} state={state} />
        {isSignedOut && <SignedOut email={user.email} onDone={() => store.resume()} />}
        {children}
      </main>
      <div
        className="notice"
        data-seen={notice?.seen ?? false}
        data-fades={notice?.seen && !notice.stays}
        onAnimationEnd={() => store.say(undefined)}
      >
        <p role="status">
          <span>{notice && <Sentence text={notice.text} />}</span>
        </p>
        {notice?.seen && notice.undo && (
          <button type="button" onClick={onUndo}>
            Undo
          </button>
        )}
        {notice?.seen && notice.offersOrder && onSort && (
          <button type="button" onClick={onSort}>
            Sort
          </button>
        )}
        {notice?.seen && notice.added && onShow && (
          <button type="button" onClick={onShow}>
            Show
          </button>
        )}
        {notice?.seen && (
          <button type="button" aria-label="Close" onClick={() => store.say(undefined)}>
            ×
          </button>
        )}
      </div>
      <Waiting operations={operations} />
      <SignOut ref={question} unsaved={unsaved} onConfirm={() => void leave()} />
    </div>
  );
}

/** A sign that turns while the page of a link is on its way, after a moment. */
function Opening() {
  const { pending } = useLinkStatus();
  return <span className="turning" data-busy={pending} />;
}

/** Say what is under way if no row shows it. It appears after a moment. */
function Waiting({ operations }: { operations: Operation[] }) {
  const kinds = operations.filter(({ problem }) => !problem).map(({ kind }) => kind);
  const deletes = kinds.includes("clear") || kinds.includes("empty");
  const text = kinds.includes("restore") ? "Restoring…" : deletes && "Deleting…";
  if (!text) return null;
  return (
    <p className="notice later" data-seen="true">
      {text}
    </p>
  );
}

function SignedOut({ email, onDone }: { email: string; onDone: () => void }) {
  const panel = useRef<HTMLElement>(null);
  useInterruption(panel);
  return (
    <section ref={panel} className="signed-out" aria-label="Sign in">
      <p role="alert">You are signed out. Sign in to continue. Nothing you typed is lost.</p>
      <SignInForm email={email} onDone={onDone} />
    </section>
  );
}
