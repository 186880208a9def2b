import { redirect } from "next/navigation";
import { Trash } from "@/components/trash";
import { signedIn } from "@/lib/session";
import { apiUrl } from "@/lib/settings";

export const metadata = { title: "Trash" };

export default async function TrashPage() {
  const user = await signedIn();
  if (!user) redirect("/sign-in");
  return <Trash key={user.id} apiUrl={apiUrl} user={user} />;
}
