import { redirect } from "next/navigation";
import { Suspense } from "react";
import { Tasks } from "@/components/tasks";
import { signedIn } from "@/lib/session";
import { apiUrl } from "@/lib/settings";

export default async function Home() {
  const user = await signedIn();
  if (!user) redirect("/sign-in");
  // The API's URL is a prop, because the build would freeze a NEXT_PUBLIC_ variable.
  return (
    <Suspense>
      <Tasks key={user.id} apiUrl={apiUrl} user={user} />
    </Suspense>
  );
}
