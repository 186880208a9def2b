import { headers } from "next/headers";
import { redirect } from "next/navigation";
import { Suspense } from "react";
import { Tasks } from "@/components/tasks";
import { auth } from "@/lib/auth";

export default async function Home() {
  const session = await auth.api.getSession({ headers: await headers() });
  if (!session) redirect("/sign-in");
  const { id, name } = session.user;
  // Handed over rather than NEXT_PUBLIC_, which the build would freeze.
  const apiUrl = process.env.API_URL ?? "http://localhost:8000";
  return (
    <Suspense>
      <Tasks key={id} apiUrl={apiUrl} userId={id} name={name} />
    </Suspense>
  );
}
