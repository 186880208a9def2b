import { headers } from "next/headers";
import { redirect } from "next/navigation";
import { Suspense } from "react";
import { Tasks } from "@/components/tasks";
import { auth } from "@/lib/auth";
import { apiUrl } from "@/lib/settings";

export default async function Home() {
  const session = await auth.api.getSession({ headers: await headers() });
  if (!session) redirect("/sign-in");
  const { id, name } = session.user;
  // The API's URL is a prop, because the build would freeze a NEXT_PUBLIC_ variable.
  return (
    <Suspense>
      <Tasks key={id} apiUrl={apiUrl} userId={id} name={name} />
    </Suspense>
  );
}
