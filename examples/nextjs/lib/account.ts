/** Signing in and out, and deleting the account. Each returns what went wrong, in words. */

import { authClient } from "./auth-client";
import { forgetDrafts } from "./drafts";

export type SignInProblem = { field?: "email" | "password"; text: string; hasAccount?: boolean };
type AuthError = { status: number; code?: string; message?: string };
type Answer = { error: AuthError | null };

export const [DELETED, ELSEWHERE] = ["#deleted", "#elsewhere"]; // why the sign-in page is shown
let isLeaving = false;
let otherTabs: BroadcastChannel | undefined;
const UNREACHABLE: Answer = { error: { status: 0, message: "The app cannot be reached. Try again." } };

/** Sign in, or sign up if the form has a name. */
export async function signIn(form: FormData): Promise<SignInProblem | undefined> {
  const text = (field: string) => String(form.get(field) ?? "");
  const credentials = { email: text("email"), password: text("password") };
  const asked: Promise<Answer> = form.has("name")
    ? authClient.signUp.email({ ...credentials, name: text("name") })
    : authClient.signIn.email(credentials);
  const { error } = await asked.catch(() => UNREACHABLE);
  return error ? describe(error) : undefined;
}

function describe(error: AuthError): SignInProblem {
  const { status, code } = error;
  if (status === 429) return { text: "Too many attempts. Wait ten seconds, then try again." };
  const text = sayWhy(error);
  if (code?.startsWith("PASSWORD_")) return { field: "password", text };
  const hasAccount = code?.startsWith("USER_ALREADY_EXISTS");
  return { field: hasAccount || code === "INVALID_EMAIL" ? "email" : undefined, text, hasAccount };
}

/** Say why in the words of the page, or in those of Better Auth. */
function sayWhy({ code = "", message }: AuthError): string {
  return WORDS.get(code) ?? message ?? "That did not work. Try again in a moment.";
}

const WORDS = new Map([
  ["INVALID_EMAIL_OR_PASSWORD", "The e-mail address or the password is wrong."],
  ["INVALID_EMAIL", "This is not an e-mail address."],
  ["INVALID_PASSWORD", "This is not your password."],
  ["PASSWORD_TOO_SHORT", "Use at least 8 characters."],
  ["PASSWORD_TOO_LONG", "Use at most 128 characters."],
  ["USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL", "This e-mail address has an account."],
]);

export async function signOut(): Promise<string | undefined> {
  const { error } = await authClient.signOut().catch(() => UNREACHABLE);
  if (error) return "Sign-out failed. Try again.";
  leave();
}

export async function deleteAccount(password: string): Promise<string | undefined> {
  const asked: Promise<Answer> = authClient.deleteUser({ password });
  const { error } = await asked.catch(() => UNREACHABLE);
  if (error) return sayWhy(error);
  leave(DELETED);
}

/** Leave when another tab signs out or deletes the account. Return how to stop listening. */
export function leaveWithOtherTabs(): () => void {
  const channel = (otherTabs = new BroadcastChannel("leave"));
  channel.onmessage = ({ data: reason }) => {
    if (reason === DELETED) forgetDrafts(); // after a sign-out, they wait for the same user
    leaveThisTab(reason || ELSEWHERE);
  };
  return () => channel.close();
}

function leave(reason = ""): void {
  otherTabs?.postMessage(reason);
  forgetDrafts();
  leaveThisTab(reason);
}

/** Load a new document without a history entry, so that no data of this user stays in memory. */
function leaveThisTab(reason: string): void {
  isLeaving = true;
  window.location.replace(`/sign-in${reason}`);
}

/** Load this page again when another user signs in from another tab. */
export function startOver(): void {
  isLeaving = true; // what waits stays in this tab for its user
  window.location.reload();
}

/** Let the browser ask before the tab is closed, if something would be lost. Return how to stop. */
export function askBeforeClosing(isUnsaved: () => boolean): () => void {
  const ask = (event: Event) => isLeaving || !isUnsaved() || event.preventDefault();
  window.addEventListener("beforeunload", ask);
  return () => window.removeEventListener("beforeunload", ask);
}
