import { headers } from "next/headers";
import { redirect } from "next/navigation";
import { SignIn } from "@/components/sign-in";
import { auth } from "@/lib/auth";

export default async function SignInPage() {
  if (await auth.api.getSession({ headers: await headers() })) redirect("/");
  return <SignIn />;
}
