import { redirect } from "next/navigation";
import { SignIn } from "@/components/sign-in";
import { signedIn } from "@/lib/session";

export default async function SignInPage() {
  if (await signedIn()) redirect("/");
  return <SignIn />;
}
